"""Measure and erase by real mouse callbacks on the picks layer; keys on the candidates."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from keys import press
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.interactions import (
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)
from planted_set import PIXEL_SIZE

from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.widgets.layers.pointer import (
    accept_here,
    accept_shown,
    reject_here,
    reject_shown,
)
from napari_unetpick.widgets.layers.tools import DRAWN, Tools, get_tools
from napari_unetpick.widgets.session.session import Session
from napari_unetpick.widgets.workspace import STEPS

KEY = "a.b_1"


class Mouse:
    """Plays press, moves and release at file pixels on whatever layer is selected."""

    def __init__(self, session: Session) -> None:
        self.viewer = session.viewer

    def _event(self, kind: str, place: Any, dragging: bool) -> Any:
        position = tuple(np.asarray(place, float) * PIXEL_SIZE)
        self.viewer.cursor.position = position
        event = SimpleNamespace(
            type=kind,
            position=position,
            view_direction=None,
            up_direction=None,
            dims_displayed=[0, 1],
            modifiers=[],
            button=1,
            is_dragging=dragging,
            handled=False,
            pos=np.array(position),
        )
        return ReadOnlyWrapper(event, exceptions=("handled",))  # as the canvas does

    def move(self, place: Any) -> None:
        layer = self.viewer.layers.selection.active
        mouse_move_callbacks(layer, self._event("mouse_move", place, False))

    def drag(self, *path: Any, release: bool = True) -> None:
        layer = self.viewer.layers.selection.active
        mouse_press_callbacks(layer, self._event("mouse_press", path[0], False))
        for place in path[1:]:
            mouse_move_callbacks(layer, self._event("mouse_move", place, True))
        if release:
            mouse_release_callbacks(layer, self._event("mouse_release", path[-1], True))

    click = drag


@pytest.fixture
def marked(project_session: Session) -> Session:
    """Eight particles picked, four of them candidates."""
    session = project_session
    truth = session.truth[KEY]  # type: ignore[attr-defined]
    session.annotations.add(KEY, truth[:8], None, "manual")
    scores = np.array([0.9, 0.8, 0.7, 0.6])
    session.candidates.put(KEY, Candidates(truth[8:], scores, scores, 20.0, model="planted"))
    session.selection.set_threshold(0.0)
    return session


@pytest.fixture
def tools(marked: Session) -> Tools:
    return get_tools(marked)


@pytest.fixture
def mouse(marked: Session) -> Mouse:
    return Mouse(marked)


@pytest.fixture
def truth(marked: Session) -> np.ndarray:
    return marked.truth[KEY]  # type: ignore[attr-defined, no-any-return]


def told(tools: Tools) -> list[str]:
    lines: list[str] = []
    tools.reported.connect(lines.append)
    return lines


def names(session: Session) -> list[str]:
    return [layer.name for layer in session.viewer.layers]


def test_two_clicks_measure_in_angstrom(marked: Session, tools: Tools, mouse: Mouse) -> None:
    found: list[float] = []
    tools.measured.connect(found.append)
    assert tools.start("measure")
    mouse.click((100.0, 100.0))
    mouse.move((110.0, 112.0))
    line = marked.viewer.layers[DRAWN].data
    assert np.allclose(line[0], [[100, 100], [10, 12]])
    mouse.click((115.0, 120.0))  # 15, 20: 25 px
    assert found == [pytest.approx(25 * PIXEL_SIZE)]
    assert tools.active == ""
    assert DRAWN not in names(marked)
    assert len(marked.annotations.of(KEY).picks) == 8


def test_one_drag_across_measures_too(tools: Tools, mouse: Mouse) -> None:
    found: list[float] = []
    tools.measured.connect(found.append)
    tools.start("measure")
    mouse.drag((50.0, 50.0), (60.0, 50.0), (80.0, 50.0))
    assert found == [pytest.approx(30 * PIXEL_SIZE)]


def test_both_clicks_at_one_place_are_said(tools: Tools, mouse: Mouse) -> None:
    lines = told(tools)
    tools.start("measure")
    mouse.click((100.0, 100.0))
    mouse.click((100.5, 100.0))
    assert "the same place" in lines[-1]
    assert tools.active == "measure"


def test_escape_cancels_and_gives_the_view_back(
    marked: Session, tools: Tools, mouse: Mouse
) -> None:
    tools.start("measure")
    layer = marked.layers.get("picks")
    assert not layer.mouse_pan
    mouse.click((100.0, 100.0))

    press(layer, "Escape")
    assert tools.active == ""
    assert layer.mouse_pan
    assert tools._drag not in layer.mouse_drag_callbacks


def test_erase_one_takes_the_nearest_within_half_a_particle(
    marked: Session, tools: Tools, mouse: Mouse, truth: np.ndarray
) -> None:
    lines = told(tools)
    tools.start("erase")
    mouse.click(truth[3] + [4.0, -5.0])
    left = marked.annotations.of(KEY).picks.coords
    assert np.allclose(left, np.delete(truth[:8], 3, axis=0))
    assert len(marked.layers.get("picks").data) == 7
    mouse.click(truth[3])
    assert "No pick" in lines[-1]
    marked.annotations.undo(marked.browser.current)
    assert np.allclose(marked.annotations.of(KEY).picks.coords, truth[:8])


def test_hidden_picks_are_not_erased(
    marked: Session, tools: Tools, mouse: Mouse, truth: np.ndarray
) -> None:
    tools.start("lasso")
    marked.layers.get("picks").visible = False
    mouse.drag((-5.0, -5.0), (-5.0, 330.0), (250.0, 330.0), (250.0, -5.0))
    assert len(marked.annotations.of(KEY).picks) == 8


def test_brush_erases_along_the_drag_in_one_step(
    marked: Session, tools: Tools, mouse: Mouse, truth: np.ndarray
) -> None:
    tools.brush = 0.5  # of 20 px
    tools.start("brush")
    before = marked.annotations.undo_depth(KEY)[0]
    mouse.drag(truth[0], truth[1], truth[2], release=False)
    layer = marked.layers.get("picks")
    assert not np.asarray(layer.shown)[:3].any()  # gone from sight while the button is down
    assert not np.asarray(layer.size)[:3].any()
    assert len(marked.annotations.of(KEY).picks) == 8
    mouse_release_callbacks(layer, mouse._event("mouse_release", truth[2], True))
    left = marked.annotations.of(KEY).picks.coords
    assert not {0, 1, 2} & {int(np.argmin(np.hypot(*(truth - place).T))) for place in left}
    assert marked.annotations.undo_depth(KEY)[0] == before + 1
    marked.annotations.undo(marked.browser.current)
    assert np.allclose(marked.annotations.of(KEY).picks.coords, truth[:8])
    assert np.asarray(layer.shown).all()
    assert (np.asarray(layer.size) == 20.0).all()


def test_lasso_leaves_candidates_alone_unless_told(
    marked: Session, tools: Tools, mouse: Mouse, truth: np.ndarray
) -> None:
    everything = [(-5.0, -5.0), (-5.0, 330.0), (250.0, 330.0), (250.0, -5.0)]
    tools.start("lasso")
    mouse.drag(*everything)
    assert len(marked.annotations.of(KEY).picks) == 0
    assert len(marked.annotations.of(KEY).negatives) == 0
    marked.annotations.undo(marked.browser.current)
    tools.reject_candidates = True
    tools.start("lasso")
    before = marked.annotations.undo_depth(KEY)[0]
    mouse.drag(*everything)
    assert len(marked.annotations.of(KEY).picks) == 0
    assert {tuple(each) for each in marked.annotations.of(KEY).negatives} == {
        tuple(each) for each in truth[8:]
    }
    assert marked.annotations.undo_depth(KEY)[0] == before + 1


def test_a_drag_that_reaches_into_another_micrograph_erases_nothing(
    marked: Session, tools: Tools, mouse: Mouse, truth: np.ndarray, qtbot: Any
) -> None:
    tools.start("brush")
    mouse.drag(truth[0], truth[1], release=False)
    layer = marked.layers.get("picks")
    marked.browser.go("a.b_2")
    qtbot.waitUntil(lambda: marked.layers.shown_key == "a.b_2", timeout=5000)
    mouse_release_callbacks(layer, mouse._event("mouse_release", truth[1], True))
    assert len(marked.annotations.of(KEY).picks) == 8
    assert len(marked.annotations.of("a.b_2").picks) == 0


def test_tool_ends_with_another_mode_or_layer(marked: Session, tools: Tools, qtbot: Any) -> None:
    tools.start("brush")
    marked.layers.get("picks").mode = "add"
    assert tools.active == ""
    tools.start("brush")
    marked.viewer.layers.selection.active = marked.layers.get("micrograph")
    qtbot.waitUntil(lambda: tools.active == "", timeout=2000)
    assert DRAWN not in names(marked)


def test_tool_survives_layers_that_come_with_another_micrograph(
    marked: Session, tools: Tools, qtbot: Any
) -> None:
    marked.annotations.reject("a.b_2", np.array([[5.0, 5.0]]))
    tools.start("brush")
    marked.browser.go("a.b_2")
    qtbot.waitUntil(lambda: marked.layers.shown_key == "a.b_2", timeout=5000)
    qtbot.wait(50)
    assert tools.active == "brush"
    assert marked.viewer.layers.selection.active is marked.layers.get("picks")


@pytest.mark.parametrize("then", ["Escape", "another micrograph"])
def test_a_brush_put_down_in_mid_drag_hides_nothing(
    marked: Session, tools: Tools, mouse: Mouse, truth: np.ndarray, qtbot: Any, then: str
) -> None:
    marked.annotations.add("a.b_2", truth[:8], None, "manual")  # at the same places
    tools.start("brush")
    layer = marked.layers.get("picks")
    drag = tools._drag(layer, event := SimpleNamespace(type="mouse_press", button=1, position=()))

    def play(kind: str, place: np.ndarray) -> None:
        event.type, event.position = kind, tuple(place * PIXEL_SIZE)
        next(drag, None)

    play("mouse_press", truth[0])
    play("mouse_move", truth[1])
    assert not np.all(layer.shown)
    if then == "Escape":
        press(layer, "Escape")
        assert np.all(layer.shown)
    else:
        marked.browser.go("a.b_2")
        qtbot.waitUntil(lambda: marked.layers.shown_key == "a.b_2", timeout=5000)
    play("mouse_move", truth[2])
    play("mouse_release", truth[2])
    assert np.all(layer.shown)
    assert np.all(layer.size == 20.0)
    assert (DRAWN in names(marked)) == (then != "Escape")
    assert len(marked.annotations.of(KEY).picks) == len(marked.annotations.of("a.b_2").picks) == 8


def test_deleted_layer_ends_the_tool(marked: Session, tools: Tools, qtbot: Any) -> None:
    tools.start("lasso")
    marked.viewer.layers.remove(marked.layers.get("picks"))
    qtbot.waitUntil(lambda: tools.active == "", timeout=2000)
    assert len(marked.annotations.of(KEY).picks) == 8


def test_without_a_micrograph_a_tool_says_so(session: Session) -> None:
    tools = get_tools(session)
    lines = told(tools)
    assert not tools.start("measure")
    assert "No micrograph" in lines[-1]


def test_e_accepts_and_x_rejects_under_the_pointer(
    marked: Session, tools: Tools, mouse: Mouse, truth: np.ndarray
) -> None:
    lines = told(tools)
    mouse.move(truth[9] + 3.0)
    press(marked.layers.get("picks"), "e")
    picks = marked.annotations.of(KEY).picks
    assert np.allclose(picks.coords[-1], truth[9])
    assert picks.sources[-1] == "model"
    assert "accepted" in lines[-1]
    mouse.move(truth[10])
    press(marked.layers.get("picks"), "x")
    assert np.allclose(marked.annotations.of(KEY).negatives, truth[10:11])
    assert marked.selection.of(KEY) is not None
    assert len(marked.selection.of(KEY).coords) == 2  # type: ignore[union-attr]


@pytest.mark.parametrize("step", STEPS)
def test_keys_act_whichever_dock_is_opened(
    marked: Session, mouse: Mouse, truth: np.ndarray, qtbot: Any, step: str
) -> None:
    module, name, _ = STEPS[step]
    dock = getattr(import_module(f"napari_unetpick.widgets.{module}"), name)(marked.viewer)
    qtbot.addWidget(dock)
    layer = marked.layers.get("picks")
    mouse.move(truth[9])
    press(layer, "e")
    assert len(marked.annotations.of(KEY).picks) == 9
    press(layer, "Control-Z")
    assert len(marked.annotations.of(KEY).picks) == 8
    press(layer, "Control-Shift-Z")
    assert len(marked.annotations.of(KEY).picks) == 9
    press(layer, "x")
    assert np.allclose(marked.annotations.of(KEY).negatives, truth[9:10])


def test_x_on_a_pick_makes_it_a_negative_in_one_step(
    marked: Session, tools: Tools, mouse: Mouse, truth: np.ndarray
) -> None:
    mouse.move(truth[2])
    before = marked.annotations.undo_depth(KEY)[0]
    reject_here(marked)
    assert np.allclose(marked.annotations.of(KEY).negatives, truth[2:3])
    assert np.allclose(marked.annotations.of(KEY).picks.coords, np.delete(truth[:8], 2, axis=0))
    assert marked.annotations.undo_depth(KEY)[0] == before + 1


def test_keys_where_nothing_is_say_so(marked: Session, mouse: Mouse) -> None:
    mouse.move((-100.0, -100.0))
    assert "No candidate" in accept_here(marked)
    assert "No candidate" in reject_here(marked)


def test_candidates_below_the_threshold_are_not_touched(
    marked: Session, mouse: Mouse, truth: np.ndarray
) -> None:
    chosen = marked.selection.of(KEY)
    assert chosen is not None
    marked.selection.set_threshold(float(np.sort(chosen.scores)[-2]))
    mouse.move(truth[11])  # the lowest score
    assert "No candidate" in accept_here(marked)
    assert "2 candidates" in accept_shown(marked)
    assert len(marked.annotations.of(KEY).picks) == 10


def test_reject_all_shown(marked: Session, truth: np.ndarray) -> None:
    assert "4 candidates" in reject_shown(marked)
    assert len(marked.annotations.of(KEY).negatives) == 4
    assert "No candidates" in reject_shown(marked)


def test_undo_keys_and_shapes_keep_their_letters(
    marked: Session, tools: Tools, mouse: Mouse
) -> None:
    tools.start("erase")
    mouse.click(marked.annotations.of(KEY).picks.coords[0])
    layer = marked.layers.get("picks")
    press(layer, "Control-Z")
    assert len(marked.annotations.of(KEY).picks) == 8
    press(layer, "Control-Shift-Z")
    assert len(marked.annotations.of(KEY).picks) == 7
    bound = {str(key).lower() for key in marked.layers.ensure("exclusions").keymap}
    assert not bound & {"e", "x", "escape"}
    assert "ctrl+z" in bound


@pytest.mark.parametrize("end", ["finished", "another micrograph", "deleted"])
def test_undo_waits_while_an_area_is_drawn(
    marked: Session, tools: Tools, mouse: Mouse, qtbot: Any, end: str
) -> None:
    lines: list[str] = []
    tools.reported.connect(lines.append)
    layer = marked.layers.edit("exclusions", "add_polygon")
    for place in ((20, 20), (20, 80), (80, 80)):
        mouse.click(place)
        mouse.move(place)
        press(layer, "Control-Z")
        assert "Finish the area" in lines[-1]
        assert len(layer.data) == 1
        assert len(marked.annotations.of(KEY).picks) == 8
    press(layer, "Control-Shift-Z")
    assert "Finish the area" in lines[-1]
    if end == "finished":
        layer.mode = "pan_zoom"  # napari finishes the shape
        assert len(marked.annotations.of(KEY).exclusions) == 1
        press(layer, "Control-Z")
        assert not marked.annotations.of(KEY).exclusions
    elif end == "deleted":
        marked.viewer.layers.remove(layer)
    else:
        marked.browser.go("a.b_2")
        qtbot.waitUntil(lambda: marked.layers.shown_key == "a.b_2", timeout=5000)
        marked.browser.go(KEY)
        qtbot.waitUntil(lambda: marked.layers.shown_key == KEY, timeout=5000)
    press(marked.layers.get("picks"), "Control-Z")
    assert len(marked.annotations.of(KEY).picks) == 0


def test_an_area_that_is_drawn_outlives_another_diameter(marked: Session, mouse: Mouse) -> None:
    layer = marked.layers.edit("exclusions", "add_polygon")
    for place in ((20, 20), (20, 80), (80, 80)):
        mouse.click(place)
        mouse.move(place)
    marked.project.set_diameter(61.0)
    assert len(layer.data) == 1
    layer.mode = "pan_zoom"  # napari finishes the shape
    assert len(marked.annotations.of(KEY).exclusions) == 1
    ring = marked.pixel_sizes.diameter_px(KEY)
    assert marked.layers.get("picks").size == pytest.approx(ring)


def test_tools_are_one_a_session(marked: Session, tools: Tools) -> None:
    assert get_tools(marked) is tools
