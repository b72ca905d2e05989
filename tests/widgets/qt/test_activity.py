"""The running job in napari's activity panel."""

from __future__ import annotations

from typing import Any

import pytest
from train_helpers import request_of

from napari_unetpick.events import Progress
from napari_unetpick.widgets.qt import activity as activity_module


def test_one_bar_a_stage_and_none_after_the_job(
    session: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from napari.utils import progress

    monkeypatch.setattr(activity_module, "current_viewer", lambda: session.viewer)
    before = set(progress._all_instances)
    job = session.jobs.start(request_of(session, "train"))
    job.progress.emit(Progress("preparing", 1, 3))
    first = session.extras["activity"].bar
    assert (first.n, first.total) == (1, 3)
    job.progress.emit(Progress("preparing", 3, 3))
    assert (session.extras["activity"].bar is first, first.n) == (True, 3)
    job.progress.emit(Progress("training", 1, 640))
    assert session.extras["activity"].bar.total == 640
    assert len(set(progress._all_instances) - before) == 1
    job.end({})
    assert set(progress._all_instances) == before
    assert capsys.readouterr().err == ""  # nothing on the terminal


def test_without_a_window_there_is_none(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity_module, "current_viewer", lambda: None)
    job = session.jobs.start(request_of(session, "train"))
    job.progress.emit(Progress("training", 1, 3))
    assert session.extras["activity"].bar is None
