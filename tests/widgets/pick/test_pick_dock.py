"""The Pick dock: planted candidates come in, are thresholded, accepted and exported by clicks."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from planted_set import planted_candidates
from qtpy.QtCore import Qt
from train_helpers import write_run

from napari_unetpick.events import Failed, FoundCandidates
from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project.view import read_view
from napari_unetpick.widgets.evaluate.truth import find_truth
from napari_unetpick.widgets.layers.tools import get_tools
from napari_unetpick.widgets.pick.dock import PickDock
from napari_unetpick.widgets.pick.model_chooser import OTHER
from napari_unetpick.widgets.pick.threshold_panel import ALL, HERE, PREVIEW
from napari_unetpick.widgets.qt.workers import Task
from napari_unetpick.widgets.session.snapshot import take_snapshot

LEFT = Qt.MouseButton.LeftButton
KEYS = ["a.b_1", "a.b_2", "a.b_3"]


@pytest.fixture
def run(project_session):
    """A run with the threshold 0.6, in use."""
    made = write_run(project_session.project.runs_folder, "run-1")
    project_session.selection.use_model(made)
    return made


@pytest.fixture
def dock(project_session, run, qtbot):
    made = PickDock(project_session.viewer)
    qtbot.addWidget(made)
    made.resize(340, 900)
    made.show()
    return made


@pytest.fixture
def picked(dock, project_session, qtbot):
    """The dock over candidates in all three micrographs: 6 of 12 above 0.6 in each."""
    for key in KEYS:
        project_session.candidates.put(key, planted_candidates(project_session, key))
    settle(dock, qtbot, 18)
    return dock


def settle(dock, qtbot, above):
    """Wait until the totals are shown."""

    def right():
        model = dock.session.selection.model
        assert not dock.table.collecting
        assert sum(dock.table.scores.counts(model.threshold_now).values()) == above
        dock._redraw_soon.flush()

    qtbot.waitUntil(right, timeout=5000)


def test_without_a_model_the_next_step_is_said(project_session, qtbot):
    dock = PickDock(project_session.viewer)
    qtbot.addWidget(dock)
    dock.show()
    assert "Train a model first" in dock.next_text.text()
    assert not dock.pick_all.isEnabled()


@pytest.fixture
def unmeasured(general, session, planted, tmp_path, qtbot):
    """The dock over a new project without a diameter, in a version with the general model."""
    session.project.new(tmp_path / "project", tmp_path / "mics")
    qtbot.waitUntil(lambda: session.layers.shown_key == "a.b_1", timeout=5000)
    made = PickDock(session.viewer)
    qtbot.addWidget(made)
    made.show()
    return made


def test_the_general_model_waits_for_the_diameter_alone(unmeasured, session, qtbot):
    dock = unmeasured
    assert dock.model_box.box.currentText() == "General model (no training needed)"
    assert "simulated micrographs" in dock.model_box.card.text()
    assert "any diameter" in dock.model_box.card.text()
    assert dock.pick_all.text() == "Pick with the general model (3)"
    assert not dock.pick_all.isEnabled()
    assert "needs the particle diameter" in dock.next_text.text()
    qtbot.mouseClick(dock.diameter.measure, LEFT)
    assert get_tools(session).active == "measure"
    get_tools(session).measured.emit(82.0)
    assert session.project.diameter == 82.0
    assert dock.pick_all.isEnabled()
    assert not dock.next_text.isVisible()


def test_the_general_model_picks_what_is_in_view_first(
    unmeasured, session, fake_engine, general, qtbot
):
    session.project.set_diameter(80.0)
    session.browser.go("a.b_2")
    qtbot.mouseClick(unmeasured.pick_all, LEFT)
    job = fake_engine.submitted[-1]
    assert job.args["keys"] == ["a.b_2", "a.b_1", "a.b_3"]
    assert (job.args["models"], job.args["diameter"]) == ([str(general)], 80.0)


def test_the_calibration_found_on_these_micrographs_is_used_and_kept(
    unmeasured, session, fake_engine, qtbot
):
    session.project.set_diameter(80.0)
    qtbot.mouseClick(unmeasured.pick_all, LEFT)
    own = Calibration(kind="probability", slope=0.7, offset=0.4, threshold=0.31)
    fake_engine.submitted[-1].end({"found": {"calibration": own.to_dict()}})
    assert session.selection.model.calibration == own
    assert session.selection.model.threshold_now == 0.31
    assert session.save()
    session.selection.model.choose(session.selection.model.path)  # the card's own again
    assert session.selection.model.threshold_now != 0.31
    session.project.files.view = read_view(session.project.folder)
    session.selection.restore()
    assert session.selection.model.calibration == own


def test_the_general_model_is_on_the_list_beside_runs(general, dock, run):
    box = dock.model_box.box
    assert box.currentText().startswith("run-1")
    assert box.findText("General model (no training needed)") > 0
    assert not dock.diameter.isVisible(), "the run's model has one of its own"
    assert dock.pick_all.text() == "Pick all kept (3)"


def test_picking_hands_over_kept_micrographs_and_takes_candidates(
    dock, project_session, fake_engine, run, qtbot
):
    session = project_session
    session.project.change("a.b_3", kept=False)
    qtbot.mouseClick(dock.pick_all, LEFT)
    job = fake_engine.submitted[-1]
    assert (job.do, job.args["keys"]) == ("pick", ["a.b_1", "a.b_2"])
    assert job.args["models"] == [str(run / "model.safetensors")]
    assert not dock.pick_here.isEnabled()
    found = planted_candidates(session, "a.b_1")
    job.found.emit(
        FoundCandidates("a.b_1", Candidates(found.coords, found.raw, found.nearness, 20.0))
    )
    job.failed.emit(Failed("a.b_2", "the file is damaged"))
    job.end({})
    stored = session.project.files.candidates("a.b_1")
    np.testing.assert_allclose(stored.coords, session.truth["a.b_1"])
    assert stored.model == "run-1"
    assert "a.b_2: the file is damaged" in dock.failures.text()
    assert dock.pick_all.isEnabled()


def test_only_this_or_the_selected_ones(dock, project_session, fake_engine, qtbot):
    qtbot.mouseClick(dock.pick_here, LEFT)
    assert fake_engine.submitted[-1].args["keys"] == ["a.b_1"]
    fake_engine.submitted[-1].end({})
    assert not dock.pick_selected.isEnabled()
    project_session.browser.selected = ["a.b_2", "a.b_3"]
    dock.refresh()
    qtbot.mouseClick(dock.pick_selected, LEFT)
    assert fake_engine.submitted[-1].args["keys"] == ["a.b_2", "a.b_3"]


def test_those_already_picked_are_skipped(dock, project_session, fake_engine, qtbot):
    project_session.candidates.put("a.b_2", planted_candidates(project_session, "a.b_2"))
    dock.skip.setChecked(True)
    qtbot.mouseClick(dock.pick_all, LEFT)
    assert fake_engine.submitted[-1].args["keys"] == ["a.b_1", "a.b_3"]


def test_the_slider_moves_threshold_rings_and_numbers(picked, project_session, qtbot):
    layer = project_session.layers.get("candidates")
    assert layer.shown.sum() == 6
    assert "6 candidates of 12 above the threshold here" in picked.threshold.counts.text()
    assert "Expected precision" in picked.threshold.expected.text()
    picked.threshold.threshold.setValue(0.2)
    assert project_session.selection.model.threshold_now == pytest.approx(0.2)
    assert layer.shown.sum() == 12
    settle(picked, qtbot, 36)
    qtbot.waitUntil(lambda: "12 candidates of 12" in picked.threshold.counts.text(), timeout=1000)
    assert picked.threshold.histogram.line.value() == pytest.approx(0.2)
    qtbot.mouseClick(picked.threshold.own, LEFT)
    assert project_session.selection.model.threshold_now == pytest.approx(0.6)
    assert picked.threshold.threshold.value() == pytest.approx(0.6)


def test_the_line_of_the_histogram_moves_the_threshold(picked, project_session):
    picked.threshold.histogram.line.setValue(0.25)
    assert project_session.selection.model.threshold_now == pytest.approx(0.25)
    assert picked.threshold.threshold.value() == pytest.approx(0.25)


def test_the_histogram_follows_to_another_micrograph(picked, project_session, qtbot):
    session = project_session
    here = len(session.selection.of("a.b_1").scores)
    found = planted_candidates(session, "a.b_3")
    some = Candidates(found.coords[:5], found.raw[:5], found.nearness[:5], found.diameter_px)
    session.candidates.put("a.b_3", some)
    histogram = picked.threshold.histogram
    qtbot.wait(500)  # all that follows from new candidates is done
    assert histogram._counts.sum() == here != 5
    session.browser.go("a.b_3")
    qtbot.waitUntil(lambda: histogram._counts.sum() == 5, timeout=2000)


def test_all_micrographs_are_counted_together(picked, project_session, qtbot):
    picked.threshold.scope.setCurrentText(ALL)
    assert "18 candidates of 36 above the threshold in 3 micrographs" in (
        picked.threshold.counts.text()
    )
    picked.threshold.scope.setCurrentText(HERE)
    assert "here" in picked.threshold.counts.text()


def test_minimum_distance_thins_candidates(picked, project_session, qtbot):
    session = project_session
    pair = session.truth["a.b_1"][0] + np.array([[0.0, 0.0], [0.0, 12.0]])
    found = Candidates(pair, np.array([0.9, 0.8]), np.zeros(2), 20.0, model="run-1")
    session.candidates.put("a.b_1", found)
    assert len(session.selection.of("a.b_1").coords) == 2  # 0.6 of the diameter apart
    picked.threshold.distance.setValue(0.7)
    assert len(session.selection.of("a.b_1").coords) == 1
    settle(picked, qtbot, 13)


def test_the_minimum_distance_is_shown_and_typed_in_angstrom(picked, project_session, qtbot):
    assert picked.threshold.length.text() == "40 Å (0.5 x diameter)"
    picked.threshold.distance.setValue(0.7)
    assert picked.threshold.length.text() == "56 Å (0.7 x diameter)"
    project_session.project.set_diameter(100.0)
    assert picked.threshold.length.text() == "70 Å (0.7 x diameter)"
    project_session.project.set_diameter(None)
    assert picked.threshold.length.text() == "0.70 x diameter"
    project_session.project.set_diameter(80.0)
    picked.threshold.length.selectAll()
    qtbot.keyClicks(picked.threshold.length, "50")
    qtbot.keyClick(picked.threshold.length, Qt.Key.Key_Return)
    assert picked.threshold.length.text() == "50 Å (0.62 x diameter)"
    chosen = project_session.selection
    qtbot.waitUntil(lambda: chosen.model.min_distance_now == pytest.approx(50 / 80))


def test_the_axis_says_what_a_score_is(picked, project_session):
    axis = picked.threshold.histogram.plot.getAxis("bottom")
    assert "probability" in axis.labelText
    project_session.selection.use_model(None)
    picked.threshold.refresh()
    assert axis.labelText == "Uncalibrated score"


def test_a_rank_is_said_to_be_one(project_session, qtbot):
    session = project_session  # without a model's calibration scores are ranks
    session.candidates.put("a.b_1", planted_candidates(session, "a.b_1"))
    dock = PickDock(session.viewer)
    qtbot.addWidget(dock)
    dock.show()
    assert "Uncalibrated scores. Label one micrograph completely" in dock.threshold.expected.text()


def test_candidates_of_another_model_are_said_to_be(picked, project_session):
    session = project_session
    session.selection.use_model(write_run(session.project.runs_folder, "run-2"))
    picked.threshold.refresh()
    assert "come from run-1. Pick again to see those of run-2" in picked.threshold.note.text()
    assert picked.model_box.box.currentText().startswith("run-2")


def test_a_preview_is_no_picking(picked, project_session, qtbot):
    found = planted_candidates(project_session, "a.b_1")
    project_session.candidates.put_preview("a.b_1", found, 0.5)
    settle(picked, qtbot, 12)
    assert picked.threshold.note.text() == PREVIEW
    assert not picked.accept_here.isEnabled()


def test_accept_here_is_one_step_of_undo(picked, project_session, qtbot):
    session = project_session
    qtbot.mouseClick(picked.accept_here, LEFT)
    np.testing.assert_allclose(
        session.annotations.of("a.b_1").picks.coords, session.truth["a.b_1"][:6]
    )
    assert set(session.annotations.of("a.b_1").picks.sources) == {"model"}
    assert picked.done.text() == "6 candidates accepted in a.b_1."
    session.annotations.undo(session.browser.current)
    assert len(session.annotations.of("a.b_1").picks) == 0


def use_as_labels(dock, qtbot):
    qtbot.mouseClick(dock.use_as_labels, LEFT)
    qtbot.waitUntil(lambda: not dock.labelling.running, timeout=3000)


def counts_of(session):
    return [len(session.annotations.of(key).picks) for key in KEYS]


def states_of(session):
    return [session.project.entry(key).state for key in KEYS]


def test_candidates_become_labels_of_kept_micrographs(picked, project_session, qtbot):
    session = project_session
    session.project.change("a.b_2", kept=False)
    use_as_labels(picked, qtbot)
    assert counts_of(session) == [6, 0, 6]
    assert set(session.annotations.of("a.b_3").picks.sources) == {"model"}
    assert picked.done.text().startswith("12 candidates in 2 micrographs used as labels.")


def test_labels_from_candidates_are_undone_as_one_action(picked, project_session, qtbot):
    session = project_session
    session.annotations.add("a.b_2", [[5.0, 5.0]], None, "manual")
    use_as_labels(picked, qtbot)
    assert (counts_of(session), states_of(session)) == ([6, 7, 6], ["partial"] * 3)
    assert session.annotations.undo("a.b_3") == 3  # Ctrl+Z in any of them
    assert (counts_of(session), states_of(session)) == ([0, 1, 0], ["none", "partial", "none"])
    assert session.annotations.redo("a.b_1") == 3
    assert counts_of(session) == [6, 7, 6]
    session.annotations.undo("a.b_2")
    assert session.annotations.undo("a.b_2") == 1  # what was clicked there before is its own
    assert counts_of(session) == [0, 0, 0]


def test_the_undo_button_spares_what_was_edited_since(picked, project_session, qtbot):
    session = project_session
    use_as_labels(picked, qtbot)
    session.annotations.add("a.b_2", [[5.0, 5.0]], None, "manual")
    session.annotations.reject("a.b_3", session.truth["a.b_3"][6:8])
    qtbot.mouseClick(picked.undo_labels, LEFT)
    assert counts_of(session) == [0, 1, 0]
    assert session.annotations.of("a.b_2").picks.coords.tolist() == [[5.0, 5.0]]
    assert len(session.annotations.of("a.b_3").negatives) == 2
    assert picked.done.text() == "Labels removed in 3 micrographs."
    assert not picked.undo_labels.isVisible()


def test_labels_nobody_has_looked_at_are_never_complete(picked, project_session, qtbot):
    """Neither by selecting all rows, nor after the project was opened again."""
    session = project_session
    use_as_labels(picked, qtbot)
    session.project.change(KEYS, state="full", split="validation")
    assert states_of(session) == ["full", "partial", "partial"]  # the first is in view
    assert {entry.split for entry in session.project.entries.values()} == {"validation"}
    session.browser.go("a.b_2")
    session.project.change(KEYS, state="full")
    assert states_of(session) == ["full", "full", "partial"]
    folder = session.project.folder
    session.project.new(folder.parent / "another")
    session.project.open(folder)
    session.project.change("a.b_3", state="full")
    assert states_of(session) == ["full", "full", "partial"]
    assert session.annotations.of("a.b_3").as_labels("partial").state == "partial"
    session.browser.go("a.b_3")
    session.project.change("a.b_3", state="full")
    assert states_of(session) == ["full"] * 3


def test_seen_before_is_not_seen_since(picked, project_session, qtbot):
    session = project_session
    for key in (*KEYS, "a.b_1"):
        session.browser.go(key)
    use_as_labels(picked, qtbot)
    session.project.change(KEYS, state="full")
    assert states_of(session) == ["full", "partial", "partial"]


def test_what_is_fully_labelled_gets_no_labels_from_candidates(picked, project_session, qtbot):
    """Neither a micrograph nor an area: both are what models are measured against."""
    session = project_session
    session.project.change("a.b_2", state="full")
    top = np.array([[-1.0, -1.0], [-1.0, 400.0], [120.0, 400.0], [120.0, -1.0]])
    marks = session.annotations.of("a.b_3")
    session.annotations.set("a.b_3", replace(marks, complete=(top,)))
    below = int((session.truth["a.b_3"][:6, 0] > 120).sum())
    assert 0 < below < 6
    use_as_labels(picked, qtbot)
    assert counts_of(session) == [6, 0, below]
    assert (session.annotations.of("a.b_3").picks.coords[:, 0] > 120).all()
    truth = find_truth("full", take_snapshot(session), Task())
    assert {key: len(each) for key, each in truth.picks.items()} == {"a.b_2": 0, "a.b_3": below}
    assert list(truth.areas) == ["a.b_3"]


def test_counts_are_those_of_each_kept_micrograph_and_a_click_goes_there(
    picked, project_session, qtbot
):
    session = project_session
    session.annotations.add("a.b_2", [[5.0, 5.0]], None, "manual")
    picked._draw_counts()
    plot = picked.counts
    assert plot.keys == KEYS
    assert plot._accepted.tolist() == [0, 1, 0]
    assert plot._above.tolist() == [6, 6, 6]
    plot.chosen.emit("a.b_3")
    assert session.browser.current == "a.b_3"


def test_a_file_that_is_no_model_is_said_and_the_old_one_stays(dock, tmp_path, monkeypatch):
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"nothing")
    monkeypatch.setattr(dock.model_box, "ask_file", lambda: bad)
    box = dock.model_box.box
    box.setCurrentIndex(box.findText(OTHER))
    box.activated.emit(box.currentIndex())
    assert "bad.safetensors" in dock.trouble.text()
    assert dock.session.selection.model.name == "run-1"
    assert box.currentText().startswith("run-1")


def test_candidates_of_unread_images_are_chosen_alike(dock, project_session):
    session = project_session
    found = planted_candidates(session, "a.b_3", low=0)
    session.candidates.put("a.b_3", found)
    session.layers.images.clear()
    assert len(session.selection.of("a.b_3").coords) == 12  # at 1 A/px most would be too near


def test_a_thousand_candidates_follow_the_threshold_at_once(dock, project_session, qtbot):
    rng = np.random.default_rng(0)
    coords = rng.uniform(0, 4000, (1000, 2))
    found = Candidates(coords, rng.uniform(0, 1, 1000), np.zeros(1000), 20.0, model="run-1")
    project_session.candidates.put("a.b_1", found)
    times = []
    for value in np.linspace(0.2, 0.8, 9):
        begin = time.perf_counter()
        project_session.selection.set_threshold(float(value))
        times.append(time.perf_counter() - begin)
    assert np.median(times) < 0.1  # 50 ms are wanted; other programs run beside a test


def test_a_closed_dock_leaves_the_session_alone(project_session, run, qtbot):
    dock = PickDock(project_session.viewer)
    dock.show()
    dock.deleteLater()
    del dock
    qtbot.wait(50)
    project_session.candidates.put("a.b_1", planted_candidates(project_session, "a.b_1"))
    project_session.selection.set_threshold(0.3)
    qtbot.wait(100)
    assert len(project_session.selection.of("a.b_1").coords) == 12
