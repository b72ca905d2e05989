"""The layer of junk: it lies on the file's pixels, and what is painted in it decides the picks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from planted_set import PIXEL_SIZE, SHAPE, planted_candidates
from qtpy.QtWidgets import QApplication

from napari_unetpick.picking.junk import JunkMap
from napari_unetpick.widgets.session.session import Session

KEY = "a.b_1"
CELLS = (30, 35)  # 8 px high and 9.14 px wide


def left_half() -> JunkMap:
    cells = np.zeros(CELLS, bool)
    cells[:, :17] = True
    return JunkMap(cells, SHAPE)


def put(session: Session, key: str, junk: JunkMap | None) -> None:
    session.candidates.put(key, replace(planted_candidates(session, key, low=0), junk=junk))


@pytest.fixture
def layer(project_session: Session, qtbot: Any) -> Any:
    session = project_session
    session.browser.go(KEY)
    qtbot.waitUntil(lambda: session.layers.shown_key == KEY, timeout=10_000)
    put(session, KEY, left_half())
    return session.layers.get("junk")


def shown(session: Session) -> set[tuple[float, ...]]:
    """Places of the candidates that are shown as picks."""
    found = session.layers.get("candidates")
    return {tuple(place) for place in np.asarray(found.data)[np.asarray(found.shown)].tolist()}


def places_in(session: Session, junk: JunkMap) -> set[tuple[float, ...]]:
    truth = session.truth[KEY]  # type: ignore[attr-defined]
    return {tuple(place) for place in truth[~junk.at(truth)].tolist()}


def test_it_lies_on_the_pixels_of_the_file(layer: Any) -> None:
    junk = left_half()
    pixels = np.indices(SHAPE).reshape(2, -1).T.astype(float)
    cells = [np.round(layer.world_to_data(place * PIXEL_SIZE)) for place in pixels[::97]]
    values = np.asarray(layer.data)[tuple(np.array(cells, int).T)]
    np.testing.assert_array_equal(values != 0, junk.at(pixels[::97]))
    half = np.divide(SHAPE, CELLS) / 2  # the extent is from centre to centre of the outer cells
    ends = [half - 0.5, SHAPE - half - 0.5]
    np.testing.assert_allclose(layer.extent.world / PIXEL_SIZE, ends, atol=1e-6)


def test_painting_and_erasing_move_the_picks_and_are_stored(
    project_session: Session, layer: Any
) -> None:
    session, junk = project_session, left_half()
    assert shown(session) == places_in(session, junk)
    session.selection.set_threshold(0.0)
    assert shown(session) == places_in(session, junk)
    session.selection.set_threshold(None)
    stroke(layer, 0)
    everything = {tuple(place) for place in session.truth[KEY].tolist()}  # type: ignore[attr-defined]
    assert shown(session) == everything != places_in(session, junk)
    assert session.project.files.candidates(KEY).junk.usable == 1.0
    layer.brush_size = 7
    layer.paint((15, 30), 1)
    QApplication.processEvents()
    brushed = JunkMap(np.asarray(layer.data) != 0, SHAPE)
    assert 30 < brushed.cells.sum() < 50
    stored = session.project.files.candidates(KEY).junk
    np.testing.assert_array_equal(stored.cells, brushed.cells)
    assert shown(session) == places_in(session, brushed)


def stroke(layer: Any, value: int) -> None:
    """Paint all cells, or erase them."""
    layer.paint_polygon([(-1, -1), (-1, 40), (40, 40), (40, -1)], value)
    QApplication.processEvents()


def press(layer: Any, keys: str) -> None:
    from napari.utils.key_bindings import coerce_keybinding

    next(call for key, call in layer.keymap.items() if key == coerce_keybinding(keys))(layer)
    QApplication.processEvents()


def test_what_was_painted_outlives_the_next_picking_and_the_session(
    project_session: Session, layer: Any
) -> None:
    session, network = project_session, left_half()
    layer.brush_size = 7
    layer.paint((15, 30), 1)
    layer.paint((15, 5), 0)
    QApplication.processEvents()
    corrected = np.asarray(layer.data) != 0
    assert corrected[15, 30]
    assert not corrected[15, 5]
    session.candidates.put_preview(KEY, planted_candidates(session, KEY, low=0), 0.5)
    for stored in (False, True):
        if stored:  # as in a session that was opened since
            session.candidates.forget()
        put(session, KEY, network)
        np.testing.assert_array_equal(np.asarray(layer.data) != 0, corrected)
        assert shown(session) == places_in(session, JunkMap(corrected, SHAPE))
    put(session, KEY, None)
    np.testing.assert_array_equal(np.asarray(layer.data) != 0, corrected & ~network.cells)


def test_undo_and_redo_are_naparis_and_the_picks_follow(
    project_session: Session, layer: Any
) -> None:
    session, before = project_session, left_half()
    stroke(layer, 1)
    assert shown(session) == set()
    press(layer, "Control-Z")
    assert shown(session) == places_in(session, before)
    np.testing.assert_array_equal(session.candidates.of(KEY).junk.cells, before.cells)
    press(layer, "Control-Shift-Z")
    assert shown(session) == set()
    assert session.annotations.undo_depth(KEY) == (0, 0)


@pytest.mark.parametrize("rows", [5, 30])  # 30: both maps are the same
def test_an_undo_never_reaches_another_micrograph(
    project_session: Session, layer: Any, qtbot: Any, rows: int
) -> None:
    session, other = project_session, "a.b_2"
    cells = np.zeros(CELLS, bool)
    cells[:rows] = True
    put(session, other, JunkMap(cells, SHAPE))
    stroke(layer, 1)
    session.browser.go(other)
    qtbot.waitUntil(lambda: session.layers.shown_key == other, timeout=10_000)
    np.testing.assert_array_equal(np.asarray(layer.data) != 0, cells)
    press(layer, "Control-Z")
    np.testing.assert_array_equal(session.candidates.of(other).junk.cells, cells)
    assert session.candidates.of(KEY).junk.cells.all()


def test_without_a_map_there_is_no_layer_and_nothing_to_paint(
    project_session: Session, qtbot: Any
) -> None:
    session = project_session
    session.browser.go(KEY)
    qtbot.waitUntil(lambda: session.layers.shown_key == KEY, timeout=10_000)
    put(session, KEY, None)
    assert session.layers.get("junk") is None
    put(session, KEY, left_half())
    layer = session.layers.get("junk")
    assert layer.editable
    put(session, KEY, None)
    assert not layer.editable
    assert not np.asarray(layer.data).any()


def test_a_preview_is_not_painted(project_session: Session, layer: Any) -> None:
    session = project_session
    preview = planted_candidates(session, KEY)
    session.candidates.put_preview(KEY, preview, 0.5)
    assert not layer.editable
    session.candidates.end_previews()
    assert layer.editable
    np.testing.assert_array_equal(np.asarray(layer.data) != 0, left_half().cells)
