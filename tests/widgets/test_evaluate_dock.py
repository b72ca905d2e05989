"""The Evaluate dock: planted hits and misses come out as figures, and lead to their places."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_unetpick.io.picks import Picks, write_picks
from napari_unetpick.io.project import Candidates
from napari_unetpick.widgets.evaluate_dock import FILE, EvaluateDock

LEFT = Qt.MouseButton.LeftButton


def plant(session, key, found, false=()):
    """Candidates at some true particles (score 0.9) and at false places (0.8)."""
    coords = np.concatenate([session.truth[key][:found], np.reshape(false, (-1, 2))])
    raw = np.r_[np.full(found, 0.9), np.full(len(coords) - found, 0.8)]
    session.put_candidates(key, Candidates(coords, raw, np.zeros(len(raw)), "run-1", 20.0))


def label_fully(session, key):
    session.add_picks(key, session.truth[key], None, "manual")
    session.set_state(key, "full")


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


def test_nothing_labelled_is_said(dock, qtbot):
    evaluate(dock, qtbot)
    assert "no micrograph is fully labelled yet" in dock.trouble.text()
    assert dock.answer is None


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
    assert "protocol particle" in dock.verdict.text()
    assert "2 micrographs" in dock.verdict.text()
    first = dock.micrographs.model().rows[0]
    assert [cell.text for cell in first[0:1]] == ["a.b_2"], "the worst comes first"
    assert (first[2].text, first[3].text) == ("6", "2")
    dock.micrographs.doubleClicked.emit(dock.micrographs.model().index(0, 0))
    assert session.current == "a.b_2"


def test_a_pick_file_is_truth_as_well(dock, project_session, qtbot, tmp_path, monkeypatch):
    session = project_session
    truth = {key: Picks(f"{key}.mrc", places) for key, places in session.truth.items()}
    write_picks(truth, tmp_path / "truth.csv", "csv")
    for key in session.keys:
        plant(session, key, 9)
    monkeypatch.setattr(dock, "ask_file", lambda: tmp_path / "truth.csv")
    dock.truth.setCurrentIndex(dock.truth.findData(FILE))
    evaluate(dock, qtbot)
    assert dock.answer.evaluation.headline.recall == pytest.approx(9 / 12)
    assert dock.answer.evaluation.headline.precision == 1.0


def test_each_look_at_the_test_split_is_counted(dock, project_session, qtbot):
    session = project_session
    label_fully(session, "a.b_1")
    session.change_entry("a.b_1", split="test")
    plant(session, "a.b_1", 12)
    dock.truth.setCurrentIndex(dock.truth.findData("test"))
    evaluate(dock, qtbot)
    evaluate(dock, qtbot)
    assert session.project.test_looks == 2
    assert "2 times" in dock.looks.text()


def test_the_best_false_pick_is_accepted_as_missed_truth(dock, project_session, qtbot):
    session = project_session
    session.add_picks("a.b_1", session.truth["a.b_1"][:11], None, "manual")
    session.set_state("a.b_1", "full")
    plant(session, "a.b_1", 12)  # the twelfth was missed when labelling
    evaluate(dock, qtbot)
    panel = dock.false_picks
    assert len(panel.queue) == 1
    panel.start_button.click()
    panel.yes.click()
    coords = session.marks("a.b_1").picks.coords
    np.testing.assert_allclose(coords[-1], session.truth["a.b_1"][11])
    evaluate(dock, qtbot)
    assert dock.answer.evaluation.headline.f1 == 1.0


def test_another_project_forgets_the_figures(dock, project_session, qtbot, tmp_path):
    session = project_session
    label_fully(session, "a.b_1")
    plant(session, "a.b_1", 12)
    evaluate(dock, qtbot)
    assert dock.verdict.isVisible()
    session.new_project(tmp_path / "other", tmp_path / "mics")
    assert dock.answer is None
    assert not dock.verdict.isVisible()
