"""The run panel: stage, time left, Stop, words, errors, and the badge."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import Qt
from train_helpers import request_of

from napari_unetpick.events import Failed, Message, Progress
from napari_unetpick.widgets.qt.run_panel import EVERY_MS, RunPanel, time_left, unit_of


@pytest.fixture
def panel(session: Any, qtbot: Any) -> RunPanel:
    made = RunPanel(session)
    qtbot.addWidget(made)
    return made


def test_follows_a_job_to_its_end(panel: RunPanel, session: Any, qtbot: Any) -> None:
    assert not panel.stop.isEnabled()
    assert panel.bar.isHidden()
    job = session.jobs.start(request_of(session, "train"))
    assert panel.stop.isEnabled()
    job.progress.emit(Progress("training", 160, 640, 95.0))
    assert panel.stage.text() == "Training: 160 of 640 steps, about 2 min left"
    assert (panel.bar.value(), panel.bar.maximum()) == (160, 640)
    job.message.emit(Message("few particles", "warning"))
    assert panel.words.text() == "Warning: few particles"
    qtbot.mouseClick(panel.stop, Qt.MouseButton.LeftButton)
    assert job.state == "stopped"
    assert "stopped" in panel.stage.text()
    assert not panel.stop.isEnabled()
    assert panel.bar.isHidden()


def test_errors_stay_until_the_next_job(panel: RunPanel, session: Any) -> None:
    job = session.jobs.start(request_of(session, "pick"))
    job.failed.emit(Failed("a.b_1", "a.b_1.mrc: cut off"))
    job.failed.emit(Failed("a.b_2", "no pixel size"))
    assert panel.trouble.text() == "a.b_2: no pixel size (2 failed so far)"
    job.break_down("memory", "out of memory on the GPU")
    assert panel.trouble.text().startswith("out of memory on the GPU. Close other programs")
    assert "failed" in panel.stage.text()
    session.jobs.start(request_of(session, "pick"))
    assert panel.trouble.text() == ""
    assert panel.trouble.isHidden()


def test_the_newest_job_is_followed(panel: RunPanel, session: Any) -> None:
    first = session.jobs.start(request_of(session, "pick"), gives_way=True)
    first.stop = lambda: None  # it reaches its next tile later
    second = session.jobs.start(request_of(session, "train"))
    first.progress.emit(Progress("picking", 5, 10))
    assert "Training" in panel.stage.text()
    first.end({})
    assert panel.stop.isEnabled()
    second.end({})
    assert panel.stage.text() == "Training finished."


def test_steps_are_shown_in_peace_and_none_after_the_end(
    panel: RunPanel, session: Any, qtbot: Any
) -> None:
    job = session.jobs.start(request_of(session, "train"))
    for step in range(1, 101):
        job.progress.emit(Progress("training", step, 640))
    assert panel.bar.value() == 1
    qtbot.waitUntil(lambda: panel.bar.value() == 100, timeout=2 * EVERY_MS)
    job.progress.emit(Progress("training", 640, 640))
    job.end({})
    second = session.jobs.start(request_of(session, "train"))
    second.progress.emit(Progress("training", 1, 40))
    qtbot.wait(round(1.2 * EVERY_MS))
    assert (panel.bar.value(), panel.bar.maximum()) == (1, 40)
    second.progress.emit(Progress("training", 2, 40))
    second.end({})
    qtbot.wait(round(1.2 * EVERY_MS))
    assert panel.stage.text() == "Training finished."


def test_a_panel_made_later_joins(session: Any, qtbot: Any) -> None:
    job = session.jobs.start(request_of(session, "train"))
    late = RunPanel(session)
    qtbot.addWidget(late)
    job.progress.emit(Progress("cross-fit 1", 1, 10))
    assert late.stage.text() == "Training, cross-fit 1: 1 of 10 steps"


@pytest.mark.parametrize("running", [False, True])
def test_a_deleted_panel_is_forgotten(session: Any, qtbot: Any, running: bool) -> None:
    panel = RunPanel(session)
    job = session.jobs.start(request_of(session, "train")) if running else None
    with qtbot.waitSignal(panel.destroyed):
        panel.deleteLater()
    job = job or session.jobs.start(request_of(session, "train"))
    job.progress.emit(Progress("training", 1, 10))
    job.end({})


def test_badge_says_where_and_why(panel: RunPanel, fake_engine: Any) -> None:
    badge = panel.badge
    assert badge.text() == "Engine: off"
    fake_engine.device_changed.emit("CPU", "no CUDA GPU was found")
    fake_engine.state_changed.emit("busy")
    fake_engine.memory_changed.emit("1.2 GB")
    assert badge.text() == "CPU · 1.2 GB"
    assert "no CUDA GPU was found" in badge.toolTip()
    fake_engine.memory_changed.emit("")
    fake_engine.state_changed.emit("off")
    assert badge.text() == "Engine: off"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (float("nan"), ""),
        (4, "a few seconds left"),
        (42, "about 40 s left"),
        (95, "about 2 min left"),
        (5400, "about 1.5 h left"),
    ],
)
def test_time_left(seconds: float | None, words: str) -> None:
    assert time_left(seconds) == words


def test_a_stage_says_what_it_counts() -> None:
    for stage in ("training", "cross-fit 2", "round 1", "round 2, cross-fit 1"):
        assert unit_of(stage) == "steps"
    for stage in ("preparing", "model a: picking", "round 1: acceptance test"):
        assert unit_of(stage) == "micrographs"
    assert unit_of("scoring") == "methods"
