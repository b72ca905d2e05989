"""A window that closes: marks saved, project unlocked, engine ended, and nothing left behind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QMainWindow

from napari_unetpick.errors import InputError
from napari_unetpick.project.project import Project
from napari_unetpick.widgets.session import lifetime
from napari_unetpick.widgets.session.root import get_session
from napari_unetpick.widgets.workspace import STEPS, Workspace


def test_no_viewer_outlives_its_window(
    fake_engine: Any, planted: Any, make_napari_viewer: Any, tmp_path: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    workspace = Workspace(viewer)
    viewer.window.add_dock_widget(workspace, name="Picking workspace")
    workspace.session.project.new(tmp_path / "project", tmp_path / "mics")
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
    session.project.new(tmp_path / "project", tmp_path / "mics")
    window.show()
    session.annotations.add("a.b_1", np.array([[40.0, 50.0]]), None, "manual")
    window.close()
    assert Project.open(tmp_path / "project").read_only, "the window may still refuse to close"
    window.deleteLater()
    qtbot.waitUntil(lambda: session.closed, timeout=2000)
    again = Project.open(tmp_path / "project")
    assert not again.read_only
    np.testing.assert_allclose(again.annotations("a.b_1").picks.coords, [[40.0, 50.0]])
    again.close()


PLACE = np.array([[40.0, 50.0]])


@pytest.fixture(params=["full disk", "read-only"])
def stuck(request: Any, project_session: Any, tmp_path: Any, monkeypatch: Any) -> Any:
    """A window whose session holds a pick that cannot be saved in its project."""
    from napari.components import ViewerModel

    session = project_session
    if request.param == "read-only":
        session = get_session(ViewerModel())
        session.project.open(tmp_path / "project")
    window = QMainWindow()
    workspace = Workspace(session.viewer)
    workspace.open("Annotate")  # a dock in a dock, and still one question
    window.setCentralWidget(workspace)
    window.show()

    def full(*_: Any) -> None:
        raise InputError("no space left on the disk")

    monkeypatch.setattr(session.project.files, "save_annotations", full)
    session.annotations.add("a.b_1", PLACE, None, "manual")
    yield window, session
    session.close()


def answer(monkeypatch: Any, *answers: str) -> list[str]:
    """Answer the question when it is asked; returns where the answers are taken from."""
    left = list(answers)
    monkeypatch.setattr(lifetime, "ask_unsaved", lambda *_: left.pop(0))
    return left


def test_nothing_that_cannot_be_saved_is_lost_without_a_question(
    stuck: Any, monkeypatch: Any, tmp_path: Any, qtbot: Any
) -> None:
    window, session = stuck
    folders = [None, tmp_path / "project", tmp_path / "mine"]
    left = answer(monkeypatch, "cancel", "save", "save", "save")
    monkeypatch.setattr(lifetime, "ask_new_folder", lambda *_: folders.pop(0))
    told: list[str] = []
    monkeypatch.setattr(lifetime, "tell", lambda text, _: told.append(text))
    for _ in range(3):  # cancelled, without a folder, where a project is already
        assert not window.close()
        assert window.isVisible()
        assert len(session.annotations.of("a.b_1").picks) == 1
    assert len(told) == 1
    assert window.close()
    assert left == folders == []
    window.deleteLater()
    qtbot.waitUntil(lambda: session.closed, timeout=2000)
    with Project.open(tmp_path / "mine") as saved:
        np.testing.assert_allclose(saved.annotations("a.b_1").picks.coords, PLACE)


def test_changes_are_lost_where_the_user_says_so(
    stuck: Any, monkeypatch: Any, tmp_path: Any, qtbot: Any
) -> None:
    window, session = stuck
    left = answer(monkeypatch, "discard")
    assert window.close()
    assert left == []
    window.deleteLater()
    qtbot.waitUntil(lambda: session.closed, timeout=2000)
    with Project.open(tmp_path / "project", lock=False) as project:
        assert not len(project.annotations("a.b_1").picks)
