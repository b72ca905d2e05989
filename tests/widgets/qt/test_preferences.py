"""The plugin's page in napari's preferences decides what viewers and docks start with."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from napari_unetpick.widgets.layers.images import DisplaySettings
from napari_unetpick.widgets.qt.preferences import Preferences, read_preferences
from napari_unetpick.widgets.train.dock import TrainDock


@pytest.fixture
def page() -> Any:
    settings = pytest.importorskip("napari.settings")
    if not hasattr(settings, "get_plugin_settings"):
        pytest.skip("napari 0.9 brought pages for plugins")
    found = settings.get_plugin_settings("napari-unetpick")
    yield found
    found.reset()


def test_the_pages_defaults_are_the_programs(page: Any) -> None:
    assert read_preferences() == Preferences()


def test_what_is_set_there_is_used(page: Any, project_session: Any, qtbot: Any) -> None:
    page.display.low_pass, page.display.spread, page.computing.device = 35.0, 2.0, "cpu"
    assert read_preferences() == Preferences(DisplaySettings(35.0, 2.0), "cpu")
    dock = TrainDock(project_session.viewer)
    qtbot.addWidget(dock)
    assert dock.device_box.currentData() == "cpu"
    page.computing.device = "cuda:1"  # before any engine has told of it
    dock = TrainDock(project_session.viewer)
    qtbot.addWidget(dock)
    assert dock.device_box.currentData() == "cuda:1"
    assert dock.device_box.currentText() == "NVIDIA GPU 1 (CUDA)"


def test_napari_without_such_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "napari.settings", SimpleNamespace())
    assert read_preferences() == Preferences()
