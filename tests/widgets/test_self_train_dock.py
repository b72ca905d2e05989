"""The Self-train dock: what it counts, asks for and shows."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import Qt
from train_helpers import write_run

from napari_unetpick.events import Metrics
from napari_unetpick.widgets.self_train_dock import SelfTrainDock
from napari_unetpick.widgets.self_training import rounds_of, verdict


@pytest.fixture
def dock(project_session: Any, qtbot: Any) -> SelfTrainDock:
    write_run(project_session.project.runs_folder, "run-1")
    made = SelfTrainDock(project_session.viewer)
    qtbot.addWidget(made)
    return made


def test_counts_what_is_unlabelled(dock: SelfTrainDock, project_session: Any) -> None:
    assert "3 unlabelled micrographs" in dock.plan_text.text()
    project_session.change_entry("a.b_1", state="full")
    project_session.change_entry("a.b_2", kept=False)
    assert "1 unlabelled micrograph to" in dock.plan_text.text()
    project_session.change_entry("a.b_3", state="partial")
    assert "Every micrograph is labelled" in dock.plan_text.text()
    assert not dock.start.isEnabled()


def test_a_model_is_needed(project_session: Any, qtbot: Any) -> None:
    made = SelfTrainDock(project_session.viewer)
    qtbot.addWidget(made)
    assert "Train a model first" in made.plan_text.text()
    assert not made.start.isEnabled()


def test_rounds_are_shown_as_they_come(
    dock: SelfTrainDock, project_session: Any, fake_engine: Any, qtbot: Any
) -> None:
    dock.rounds.setValue(3)
    dock.quantile.setValue(0.7)
    qtbot.mouseClick(dock.start, Qt.MouseButton.LeftButton)
    job = fake_engine.submitted[-1]
    assert job.do == "self-train"
    assert job.args["run"] == str(project_session.project.runs_folder / "run-1")
    assert (job.args["rounds"], job.args["positive_quantile"]) == (3, 0.7)
    job.metrics.emit(Metrics(1, {"loss": 0.3}))
    assert dock.table.isHidden()
    job.metrics.emit(Metrics(1, {"taken": 1200.0, "ignored": 30.0, "accepted": 0.0}))
    texts = [dock.table.item(0, column).text() for column in range(5)]
    assert texts == ["1", "1,200", "30", "–", "thrown away"]
    job.break_down("input", "there is no self-training yet")
    assert "no self-training yet" in dock.panel.trouble.text()
    assert dock.start.isEnabled()


def test_verdicts() -> None:
    rows = [{"taken": 5.0, "round": 2.0, "f1": 0.91, "accepted": 1.0}, {"x": 1}]
    assert rounds_of(rows) == [("2", "5", "0", "0.910", "kept")]
    assert verdict({"accepted": 0.0}) == "thrown away"
    assert verdict({"accepted": -1.0}) == "cannot be told"
    assert verdict({}) == ""
    gains = [{"taken": 5.0, "accepted": 1.0, "change": gain} for gain in (0.01, 0.03, -0.005)]
    assert [texts[-1] for texts in rounds_of(gains)] == ["not the best", "kept", "no better"]
