"""A window that closes: marks saved, project unlocked, engine ended, and nothing left behind."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtWidgets import QMainWindow

from napari_unetpick.io.project import Project
from napari_unetpick.widgets.session import get_session
from napari_unetpick.widgets.workspace import STEPS, Workspace


def test_no_viewer_outlives_its_window(
    fake_engine: Any, planted: Any, make_napari_viewer: Any, tmp_path: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    workspace = Workspace(viewer)
    viewer.window.add_dock_widget(workspace, name="Picking workspace")
    workspace.session.new_project(tmp_path / "project", tmp_path / "mics")
    for step in STEPS:
        workspace.open(step)
    workspace.session.close()
    # the fixture closes the viewer, and fails where it is alive after that


def test_marks_are_saved_and_the_project_is_unlocked(
    fake_engine: Any, planted: Any, tmp_path: Any, qtbot: Any
) -> None:
    from napari.components import ViewerModel

    window = QMainWindow()
    session = get_session(ViewerModel())
    window.setCentralWidget(Workspace(session.viewer))
    session.new_project(tmp_path / "project", tmp_path / "mics")
    window.show()
    session.add_picks("a.b_1", np.array([[40.0, 50.0]]), None, "manual")
    window.close()
    assert Project.open(tmp_path / "project").read_only, "the window may still refuse to close"
    window.deleteLater()
    qtbot.waitUntil(lambda: session.closed, timeout=2000)
    again = Project.open(tmp_path / "project")
    assert not again.read_only
    np.testing.assert_allclose(again.marks("a.b_1").picks.coords, [[40.0, 50.0]])
    again.close()
