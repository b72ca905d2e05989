"""Notifications reach a window that is not on the screen yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from napari_unetpick.adapters import notify


def test_what_is_said_before_the_window_is_shown_waits_for_it(
    make_napari_viewer: Callable[..., Any], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari.utils.notifications import notification_manager

    monkeypatch.setattr(notify, "WAIT_MS", 20)
    viewer = make_napari_viewer(show=False)
    before = len(notification_manager.records)
    notify.tell("picks.star has picks of 1,000 micrographs")
    qtbot.wait(80)
    assert len(notification_manager.records) == before
    viewer.show()
    qtbot.waitUntil(lambda: len(notification_manager.records) > before, timeout=20000)
    record = notification_manager.records[-1]
    assert record.message == "picks.star has picks of 1,000 micrographs"
    assert str(record.severity) == "info"


def test_a_window_that_never_comes_does_not_swallow_it(
    make_napari_viewer: Callable[..., Any], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari.utils.notifications import notification_manager

    monkeypatch.setattr(notify, "WAIT_MS", 10)
    monkeypatch.setattr(notify, "TRIES", 3)
    make_napari_viewer(show=False)
    before = len(notification_manager.records)
    notify.tell("bad.mrc: is empty", "error")
    qtbot.waitUntil(lambda: len(notification_manager.records) > before, timeout=20000)
    assert str(notification_manager.records[-1].severity) == "error"


def test_without_a_viewer_it_goes_to_the_log(qapp: Any, caplog: pytest.LogCaptureFixture) -> None:
    notify.tell("picks lie outside", "warning")
    assert caplog.messages == ["picks lie outside"]
