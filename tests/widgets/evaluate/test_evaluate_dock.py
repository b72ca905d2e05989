"""The Evaluate dock: planted hits and misses come out as figures, and lead to their places."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from keys import press
from planted_set import PIXEL_SIZE
from qtpy.QtCore import Qt
from train_helpers import write_run

from napari_unetpick.io.formats.write import write_picks
from napari_unetpick.io.labels import Labels, write_labels
from napari_unetpick.io.picks import Picks
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project.evaluations import read_evaluations
from napari_unetpick.widgets.annotate.dock import AnnotateDock
from napari_unetpick.widgets.evaluate import dock as evaluate_dock
from napari_unetpick.widgets.evaluate.dock import FILE, EvaluateDock
from napari_unetpick.widgets.evaluate.metrics_table import short_names
from napari_unetpick.widgets.layers.camera import camera_of
from napari_unetpick.widgets.layers.tools import get_tools

LEFT = Qt.MouseButton.LeftButton


def plant(session, key, found, false=()):
    """Candidates at some true particles (score 0.9) and at false places (0.8)."""
    coords = np.concatenate([session.truth[key][:found], np.reshape(false, (-1, 2))])
    raw = np.r_[np.full(found, 0.9), np.full(len(coords) - found, 0.8)]
    session.candidates.put(key, Candidates(coords, raw, np.zeros(len(raw)), 20.0, model="run-1"))


def label_fully(session, key):
    session.annotations.add(key, session.truth[key], None, "manual")
    session.project.change(key, state="full")


@pytest.fixture
def dock(project_session, qtbot):
    made = EvaluateDock(project_session.viewer)
    qtbot.addWidget(made)
    made.show()
    made.border.setChecked(False)
    return made


def evaluate(dock, qtbot):
    qtbot.mouseClick(dock.go, LEFT)
    qtbot.waitUntil(lambda: not dock.work.busy, timeout=10_000)


def test_the_border_is_said_in_angstrom(dock, project_session, qtbot):
    label_fully(project_session, "a.b_1")
    plant(project_session, "a.b_1", 12)
    dock.border.setChecked(True)
    evaluate(dock, qtbot)
    assert "a border of 40 Å (0.5 x diameter) excluded" in dock.summary.text()
    assert dock.border.text() == "Exclude a border of 40 Å (0.5 x diameter)"
    project_session.project.set_diameter(None)
    assert dock.border.text() == "Exclude a border of 0.5 x diameter"


def test_what_is_missing_is_said_before_it_is_pressed(dock, project_session, qtbot):
    session = project_session
    assert "No micrograph is fully labelled yet" in dock.missing.text()
    assert not dock.go.isEnabled()
    session.annotations.add("a.b_1", session.truth["a.b_1"], None, "manual")
    assert not dock.go.isEnabled(), "partly labelled"
    marks = session.annotations.of("a.b_1")
    area = (np.array([[0, 0], [0, 90], [90, 90], [90, 0]], float),)
    session.annotations.set("a.b_1", replace(marks, complete=area), origin="test")
    assert dock.go.isEnabled(), "one area is fully labelled"
    session.annotations.undo("a.b_1")
    assert not dock.go.isEnabled()
    label_fully(session, "a.b_2")
    assert dock.go.isEnabled()
    assert not dock.missing.isVisible()
    session.project.set_diameter(None)
    assert "diameter" in dock.missing.text()
    assert not dock.go.isEnabled()


def test_a_pick_file_needs_no_labels(dock):
    dock.truth.setCurrentIndex(dock.truth.findData("file"))
    assert dock.go.isEnabled()


def test_planted_hits_and_misses(dock, project_session, qtbot):
    session = project_session
    for key in ("a.b_1", "a.b_2"):
        label_fully(session, key)
    plant(session, "a.b_1", 12)
    plant(session, "a.b_2", 6, false=[(5, 5), (235, 315)])
    evaluate(dock, qtbot)
    found = dock.answer.evaluation
    # 18 of 24 particles, 20 picks
    assert found.headline.precision == pytest.approx(18 / 20)
    assert found.headline.recall == pytest.approx(18 / 24)
    assert "protocol particle" in dock.summary.text()
    assert "2 micrographs" in dock.summary.text()
    first = dock.micrographs.model().rows[0]
    assert [cell.text for cell in first[0:1]] == ["a.b_2"], "the worst comes first"
    assert (first[2].text, first[3].text) == ("6", "2")
    dock.micrographs.doubleClicked.emit(dock.micrographs.model().index(0, 0))
    assert session.browser.current == "a.b_2"


def test_a_pick_file_is_truth_as_well(dock, project_session, qtbot, tmp_path, monkeypatch):
    session = project_session
    truth = {key: Picks(f"{key}.mrc", places) for key, places in session.truth.items()}
    write_picks(truth, tmp_path / "truth.csv", "csv")
    for key in session.project.keys:
        plant(session, key, 9)
    monkeypatch.setattr(dock, "ask_file", lambda: tmp_path / "truth.csv")
    dock.truth.setCurrentIndex(dock.truth.findData(FILE))
    evaluate(dock, qtbot)
    assert dock.answer.evaluation.headline.recall == pytest.approx(9 / 12)
    assert dock.answer.evaluation.headline.precision == 1.0


def test_each_look_at_the_test_split_is_counted(dock, project_session, qtbot):
    session = project_session
    label_fully(session, "a.b_1")
    session.project.change("a.b_1", split="test")
    plant(session, "a.b_1", 12)
    dock.truth.setCurrentIndex(dock.truth.findData("test"))
    evaluate(dock, qtbot)
    evaluate(dock, qtbot)
    first, second = read_evaluations(session.project.folder)
    assert first.methods == ("candidates",)
    assert first.truth == second.truth
    assert "2 test-set evaluations" in dock.test_count.text()


def test_the_best_false_pick_is_accepted_as_missed_truth(dock, project_session, qtbot):
    session = project_session
    session.annotations.add("a.b_1", session.truth["a.b_1"][:11], None, "manual")
    session.project.change("a.b_1", state="full")
    plant(session, "a.b_1", 12)  # the twelfth was missed when labelling
    evaluate(dock, qtbot)
    panel = dock.missed
    assert len(panel.queue) == 1
    panel.start_button.click()
    panel.yes.click()
    coords = session.annotations.of("a.b_1").picks.coords
    np.testing.assert_allclose(coords[-1], session.truth["a.b_1"][11])
    evaluate(dock, qtbot)
    assert dock.answer.evaluation.headline.f1 == 1.0


def test_another_project_forgets_the_figures(dock, project_session, qtbot, tmp_path):
    session = project_session
    label_fully(session, "a.b_1")
    plant(session, "a.b_1", 12)
    evaluate(dock, qtbot)
    assert dock.summary.isVisible()
    session.project.new(tmp_path / "other", tmp_path / "mics")
    assert dock.answer is None
    assert not dock.summary.isVisible()


def test_an_evaluation_that_fails_is_no_look_at_the_test_split(dock, project_session, qtbot):
    dock.truth.setCurrentIndex(dock.truth.findData("test"))
    assert "No micrograph is in the test split" in dock.missing.text()
    dock.evaluate()
    qtbot.waitUntil(lambda: not dock.work.busy, timeout=10_000)
    assert "no micrograph is in the test split" in dock.trouble.text()
    assert read_evaluations(project_session.project.folder) == []


def test_another_protocol_needs_no_second_look(dock, project_session, qtbot):
    session = project_session
    label_fully(session, "a.b_1")
    shifted = session.truth["a.b_1"] + [0, 6.0]  # of 20 px: a hit by distance, none by IoU 0.6
    raw = np.full(12, 0.9)
    session.candidates.put("a.b_1", Candidates(shifted, raw, np.zeros(12), 20.0, model="run-1"))
    evaluate(dock, qtbot)
    assert dock.micrographs.model().rows[0][1].text == "1.000"
    dock.protocol.setCurrentIndex(dock.protocol.findData("iou0.6"))
    dock.protocol.activated.emit(1)
    assert dock.micrographs.model().rows[0][1].text == "0.000"
    assert "protocol iou0.6" in dock.summary.text()
    assert not dock.work.busy


def test_figures_that_are_out_of_date_say_so(dock, project_session, qtbot):
    session = project_session
    label_fully(session, "a.b_1")
    plant(session, "a.b_1", 12)
    evaluate(dock, qtbot)
    assert not dock.outdated.isVisible()
    session.selection.set_threshold(0.95)
    assert "Evaluate again" in dock.outdated.text()
    evaluate(dock, qtbot)
    assert not dock.outdated.isVisible()
    assert dock.answer.evaluation.headline.recall == 0.0


def test_a_preview_of_an_unfinished_network_is_not_judged(dock, project_session, qtbot):
    session = project_session
    label_fully(session, "a.b_1")
    plant(session, "a.b_1", 12)
    junk = Candidates(np.full((1, 2), 5.0), np.ones(1), np.zeros(1), 20.0)
    session.candidates.put_preview("a.b_1", junk, 0.3)
    evaluate(dock, qtbot)
    assert dock.answer.evaluation.headline.f1 == 1.0


def test_stop_ends_an_evaluation(dock, project_session, qtbot, monkeypatch):
    def forever(question, snapshot, task):
        while True:
            task.step(0, 1)

    label_fully(project_session, "a.b_1")
    monkeypatch.setattr(evaluate_dock, "answer", forever)
    qtbot.mouseClick(dock.go, LEFT)
    assert dock.go.text() == "Stop"
    qtbot.mouseClick(dock.go, LEFT)
    assert dock.go.text() == "Evaluate"
    assert dock.answer is None


def test_a_model_judged_on_what_it_was_trained_on_is_a_caution(dock, project_session, qtbot):
    session = project_session
    run = write_run(session.project.runs_folder, "run-1")
    write_labels(run / "labels", {"a.b_1.mrc": Labels("full"), "a.b_2.mrc": Labels("full")})
    session.selection.use_model(run)
    for key in session.project.keys:
        label_fully(session, key)
        plant(session, key, 12)
    evaluate(dock, qtbot)
    assert "2 of 3 micrographs used to train the model" in dock.caution.text()
    assert "these scores are too optimistic" in dock.notes.text()
    session.project.change("a.b_3", split="test")
    assert dock.truth.currentData() == "test", "what is set aside comes first"
    evaluate(dock, qtbot)
    assert not dock.caution.isVisible()


def test_a_truth_that_the_user_chose_stays(dock, project_session):
    dock.truth.setCurrentIndex(dock.truth.findData("full"))
    dock.truth.activated.emit(0)
    label_fully(project_session, "a.b_3")
    project_session.project.change("a.b_3", split="test")
    assert dock.truth.currentData() == "full"


@pytest.fixture
def queue(dock, project_session, qtbot):
    """One false candidate on each of two micrographs; the panel asks about the first."""
    for key, raw in (("a.b_1", 0.9), ("a.b_2", 0.8)):
        label_fully(project_session, key)
        coords = np.concatenate([project_session.truth[key], [(5.0, 5.0)]])
        scores = np.r_[np.full(12, 0.95), raw]
        found = Candidates(coords, scores, np.zeros(13), 20.0, model="run-1")
        project_session.candidates.put(key, found)
    evaluate(dock, qtbot)
    qtbot.mouseClick(dock.missed.start_button, LEFT)
    assert "1 of 2: a.b_1" in dock.missed.place.text()
    return dock.missed


def shown(session, qtbot, key):
    qtbot.waitUntil(lambda: session.layers.shown_key == key, timeout=5000)


def test_the_queue_leads_through_the_micrographs(queue, project_session, qtbot):
    session = project_session
    np.testing.assert_allclose(np.asarray(camera_of(session.viewer).center)[-2:], (20, 20))
    qtbot.mouseClick(queue.no, LEFT)
    np.testing.assert_allclose(session.annotations.of("a.b_1").negatives, [(5, 5)])
    assert session.browser.current == "a.b_2"
    assert "2 of 2" in queue.place.text()
    shown(session, qtbot, "a.b_2")
    qtbot.mouseClick(queue.later, LEFT)
    assert len(session.annotations.of("a.b_2").negatives) == 0
    assert "All 2 reviewed" in queue.place.text()


def test_the_queue_goes_back_where_a_decision_is_undone(queue, project_session, qtbot):
    session = project_session
    qtbot.mouseClick(queue.yes, LEFT)
    shown(session, qtbot, "a.b_2")
    session.browser.go("a.b_1")
    shown(session, qtbot, "a.b_1")
    session.annotations.undo(session.browser.current)
    assert queue.current.key == "a.b_1"
    assert len(session.annotations.of("a.b_1").picks) == 12


@pytest.mark.parametrize("key", ["e", "n"])
def test_ctrl_z_takes_back_decisions_where_they_were_made(queue, project_session, qtbot, key):
    session = project_session
    session.annotations._undo.clear()
    session.annotations.add("a.b_2", np.array([[50.0, 60.0]]), None, "manual")  # by hand, before
    session.annotations.add("a.b_1", np.array([[50.0, 60.0]]), None, "manual")
    before = {each: session.annotations.of(each) for each in session.project.keys}
    qtbot.mouseClick(queue.yes if key == "e" else queue.no, LEFT)
    shown(session, qtbot, "a.b_2")
    qtbot.mouseClick(queue.later, LEFT)  # a skip changes nothing
    assert queue.current is None
    press(session.layers.get("picks"), "Control-Z")
    assert "a.b_1" in session.viewer.status
    assert {each: session.annotations.of(each) for each in session.project.keys} == before
    assert session.browser.current == queue.current.key == "a.b_1"
    shown(session, qtbot, "a.b_1")
    press(session.layers.get("picks"), "Control-Shift-Z")
    assert queue.current.key == session.browser.current == "a.b_2"
    shown(session, qtbot, "a.b_2")
    qtbot.mouseClick(queue.no, LEFT)
    for _ in range(2):
        press(session.layers.get("picks"), "Control-Z")
    assert {each: session.annotations.of(each) for each in session.project.keys} == before


def test_ctrl_z_is_for_what_was_marked_since_a_decision(queue, project_session, qtbot):
    session = project_session
    qtbot.mouseClick(queue.yes, LEFT)
    shown(session, qtbot, "a.b_2")
    session.layers.get("picks").add([50.0, 60.0])
    press(session.layers.get("picks"), "Control-Z")
    assert [len(session.annotations.of(each).picks) for each in session.project.keys] == [13, 12, 0]
    session.browser.go("a.b_3")  # where the queue did not lead
    shown(session, qtbot, "a.b_3")
    press(session.layers.get("picks"), "Control-Z")
    assert session.browser.current == "a.b_3"
    assert len(session.annotations.of("a.b_1").picks) == 13


@pytest.mark.parametrize("pointer", [(150.0, 250.0), "another candidate"])
def test_e_accepts_what_the_queue_asks_about_wherever_the_pointer_is(
    queue, project_session, qtbot, pointer
):
    session = project_session
    qtbot.addWidget(AnnotateDock(session.viewer))
    other = np.array([[120.0, 5.0]])
    asked = session.candidates.of("a.b_1")
    session.candidates.put(
        "a.b_1",
        Candidates(
            np.concatenate([asked.coords, other]),
            np.r_[asked.raw, 0.7],
            np.zeros(14),
            20.0,
            model="run-1",
        ),
    )
    place = other[0] if isinstance(pointer, str) else np.array(pointer)
    session.viewer.cursor.position = tuple(place * PIXEL_SIZE)
    press(session.layers.get("picks"), "e")
    assert "score 0.90" in session.viewer.status
    np.testing.assert_allclose(session.annotations.of("a.b_1").picks.coords[12:], [(5, 5)])
    assert queue.current.key == "a.b_2"
    shown(session, qtbot, "a.b_2")
    session.browser.go("a.b_1")
    shown(session, qtbot, "a.b_1")
    press(session.layers.get("picks"), "e")  # what is asked about is not in view
    assert "a.b_2" in session.viewer.status
    assert session.browser.current == "a.b_2"
    assert len(session.annotations.of("a.b_1").picks) == 13


def test_e_is_for_the_pointer_where_the_queue_is_not_in_sight(queue, dock, project_session):
    session = project_session
    session.viewer.cursor.position = (150 * PIXEL_SIZE, 250 * PIXEL_SIZE)
    queue.hide()
    press(session.layers.get("picks"), "e")
    assert "under the mouse pointer" in session.viewer.status
    assert len(session.annotations.of("a.b_1").picks) == 12


def test_n_and_k_do_nothing_where_the_queue_is_not_in_sight(queue, project_session, qtbot):
    session = project_session
    queue.hide()
    press(session.layers.get("picks"), "n")
    press(session.layers.get("picks"), "k")
    assert not len(session.annotations.of("a.b_1").negatives)
    assert queue.current.key == "a.b_1"
    session.browser.go("a.b_3")
    shown(session, qtbot, "a.b_3")
    press(session.layers.get("picks"), "k")
    assert session.browser.current == "a.b_3"


def test_keys_are_for_the_queue_in_sight_that_was_started_last(queue, project_session, qtbot):
    session = project_session
    second = EvaluateDock(session.viewer)  # from the menu, beside the workspace
    second.show()
    layer = session.layers.get("picks")
    press(layer, "n")
    assert "Rejected" in session.viewer.status
    np.testing.assert_allclose(session.annotations.of("a.b_1").negatives, [(5, 5)])
    shown(session, qtbot, "a.b_2")
    second.missed.show()
    second.missed.put(queue.queue)
    second.missed.start()
    press(layer, "k")
    assert second.missed.current is None
    assert queue.current.key == "a.b_2"
    second.deleteLater()
    qtbot.waitUntil(lambda: len(get_tools(session).queues) == 1, timeout=5000)
    press(layer, "n")
    np.testing.assert_allclose(session.annotations.of("a.b_2").negatives, [(5, 5)])


def test_nothing_is_decided_about_what_is_not_in_view(queue, project_session, qtbot):
    session = project_session
    session.browser.go("a.b_3")
    shown(session, qtbot, "a.b_3")
    qtbot.mouseClick(queue.no, LEFT)
    assert len(session.annotations.of("a.b_1").negatives) == 0
    assert session.browser.current == "a.b_1"


def test_what_is_decided_in_the_viewer_leaves_the_queue(queue, project_session, qtbot):
    project_session.annotations.reject("a.b_1", np.array([[6.0, 5.0]]))
    assert queue.current.key == "a.b_2"


def test_the_queue_does_not_outlive_its_project(queue, project_session, tmp_path):
    project_session.project.new(tmp_path / "other", tmp_path / "mics")
    assert queue.current is None
    queue.reject()
    assert len(project_session.annotations.of("a.b_1").negatives) == 0


@pytest.mark.parametrize(
    "names,short",
    [
        (["FoilHole_24_991_x", "FoilHole_24_992_x"], ["…991_x", "…992_x"]),
        (["a.b_1", "a.b_2"], ["a.b_1", "a.b_2"]),
        (["FoilHole_24_991"], ["FoilHole_24_991"]),
    ],
)
def test_narrow_columns_show_what_tells_names_apart(names, short):
    assert list(short_names(names).values()) == short
