"""The workspace: every step opens, the next one is named, and closing it leaves the session."""

from __future__ import annotations

import subprocess
import sys

import pytest
from keys import press
from planted_set import PIXEL_SIZE, SHAPE
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication
from train_helpers import write_run

from napari_unetpick.widgets.layers.camera import camera_of
from napari_unetpick.widgets.next_step import ProjectState, advise
from napari_unetpick.widgets.qt.dock import WIDEST
from napari_unetpick.widgets.workspace import RESIZED_MS, STEPS, Workspace

LEFT = Qt.MouseButton.LeftButton
NOTHING = ProjectState(micrographs=0, diameter=None, labelled=0, picks=0, runs=0, picked=0)


def find_canvas():
    """Return the widget that napari draws on."""
    shown = [w for w in QApplication.allWidgets() if "CanvasBackend" in type(w).__name__]
    return next(w for w in shown if w.isVisible())


def state(**changes):
    return ProjectState(**{**NOTHING.__dict__, **changes})


@pytest.mark.parametrize(
    "where, words, changes",
    [
        ("Micrographs", "Open a folder", {}),
        ("Annotate", "two clicks", {"micrographs": 5}),
        ("Annotate", "about 30 more", {"micrographs": 5, "diameter": 120.0}),
        ("Annotate", "about 13 more", {"micrographs": 5, "diameter": 120.0, "picks": 17}),
        ("Train", "34 picks", {"micrographs": 5, "diameter": 120.0, "picks": 34}),
        ("Train", "Training", {"micrographs": 5, "diameter": 120.0, "picks": 34, "job": "train"}),
        ("Pick", "Pick all", {"micrographs": 5, "diameter": 120.0, "picks": 34, "runs": 1}),
        (
            "Pick",
            "Pick all: 3 micrographs with candidates of another model",
            {"micrographs": 5, "diameter": 9.0, "picks": 34, "runs": 1, "picked": 5, "stale": 3},
        ),
        (
            "Annotate",
            "to estimate precision",
            {"micrographs": 5, "diameter": 120.0, "picks": 34, "runs": 1, "picked": 5},
        ),
        (
            "Evaluate",
            "gallery",
            {"micrographs": 5, "diameter": 9.0, "picks": 34, "runs": 1, "picked": 5, "fully": 1},
        ),
        ("Micrographs", "Open a folder", {"general": True}),
        ("Pick", "Measure a particle", {"general": True, "micrographs": 5}),
        ("Pick", "No training", {"general": True, "micrographs": 5, "diameter": 120.0}),
        (
            "Annotate",
            "add missed particles",
            {"general": True, "micrographs": 5, "diameter": 120.0, "picked": 5},
        ),
        (
            "Train",
            "from your 34 picks",
            {"general": True, "micrographs": 5, "diameter": 120.0, "picked": 5, "picks": 34},
        ),
    ],
)
def test_the_next_step_follows_from_how_far_the_work_is(where, words, changes):
    step, line = advise(state(**changes))
    assert step == where
    assert words in line


def test_every_step_opens_and_the_advice_leads_there(project_session, qtbot):
    workspace = Workspace(project_session.viewer)
    qtbot.addWidget(workspace)
    workspace.show()
    for step in STEPS:
        qtbot.mouseClick(workspace.buttons[step], LEFT)
        assert workspace.stack.currentWidget() is workspace.pages[step]
    workspace.advice_line.mousePressEvent(None)
    assert workspace.stack.currentWidget() is workspace.pages["Annotate"]


def test_what_a_key_did_is_said_on_every_step(project_session, qtbot):
    workspace = Workspace(project_session.viewer)
    qtbot.addWidget(workspace)
    workspace.show()
    for step in STEPS:
        page = workspace.open(step)
        press(project_session.layers.get("picks"), "e")
        line = page.trouble if step == "Annotate" else workspace.message
        assert "No candidate under the mouse pointer" in line.text()
        assert line.isVisible()


def test_closing_it_leaves_session_and_marks(project_session, qtbot):
    session = project_session
    workspace = Workspace(session.viewer)  # not qtbot's to close: it is gone by then
    workspace.open("Annotate")
    session.layers.get("picks").add(session.truth["a.b_1"][:2])
    with qtbot.waitSignal(workspace.destroyed):
        workspace.deleteLater()
    session.project.set_diameter(90.0)
    session.browser.step(1)
    assert len(session.annotations.of("a.b_1").picks) == 2


def test_no_dock_imports_torch_or_what_is_only_sometimes_needed():
    names = ["workspace", "gallery.dock", *(module for module, _, _ in STEPS.values())]
    modules = ", ".join(f"napari_unetpick.widgets.{name}" for name in names)
    code = (
        f"import sys, {modules}"
        "; print(*{'torch', 'starfile', 'pyqtgraph', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == []


def test_the_advice_leads_to_picking_with_the_general_model(
    general, session, planted, tmp_path, qtbot
):
    workspace = Workspace(session.viewer)
    qtbot.addWidget(workspace)
    workspace.show()
    session.project.new(tmp_path / "project", tmp_path / "mics")
    workspace.refresh()
    assert "general model" in workspace.advice_line.text()
    workspace.advice_line.mousePressEvent(None)
    assert workspace.pages["Pick"].diameter.measure.isVisible()
    session.project.set_diameter(80.0)
    assert workspace.pages["Pick"].pick_all.isEnabled()


def test_the_micrograph_is_fitted_again_until_the_user_zooms(
    fake_engine, planted, tmp_path, make_napari_viewer, qtbot
):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1200, 800)
    workspace = Workspace(viewer)
    viewer.window.add_dock_widget(workspace, name="Picking workspace")
    session = workspace.session
    session.project.new(tmp_path / "project", tmp_path / "mics")
    qtbot.waitUntil(lambda: session.layers.shown_key == "a.b_1", timeout=5000)
    camera = camera_of(viewer)
    first = camera.zoom
    workspace.setMinimumWidth(workspace.width() + 200)
    qtbot.waitUntil(lambda: camera.zoom < 0.9 * first, timeout=5000)
    width = find_canvas().width()
    assert camera.zoom * SHAPE[1] * PIXEL_SIZE <= width, "the micrograph is not cut off"
    camera.zoom = zoomed = 3 * camera.zoom
    workspace.setMinimumWidth(WIDEST)
    viewer.window.resize(1300, 700)
    qtbot.waitUntil(lambda: find_canvas().width() > width, timeout=5000)
    qtbot.wait(3 * RESIZED_MS)
    assert camera.zoom == pytest.approx(zoomed)
    session.close()


def test_a_long_name_makes_no_step_wider(project_session, qtbot) -> None:
    write_run(project_session.project.runs_folder, "a run with a name that is longer than most")
    workspace = Workspace(project_session.viewer)
    qtbot.addWidget(workspace)
    for step in STEPS:
        assert workspace.open(step).sizeHint().width() <= WIDEST, step
    assert workspace.stack.minimumSizeHint().width() <= WIDEST
