"""A Points layer as a table of picks and back; Shapes as areas."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.io.formats.annotation_file import COLUMNS
from napari_unetpick.io.picks import Picks
from napari_unetpick.project.annotations import MANUAL_SCORE, UNKNOWN, add_picks, new_picks


@contextmanager
def one_step(layer: Any, *, moves: bool = True) -> Iterator[None]:
    """Change several things of a Points layer; napari, which draws again at each, does so once.

    `moves` says that the points themselves are among them.

    The viewer is not told of a new extent: points lie on a micrograph, whose layer tells its own.
    """
    with layer.events.blocker_all(), _held_back(layer):
        yield
    with layer.events.extent.blocker():
        layer.refresh(extent=moves)
    layer.events.features()


@contextmanager
def _held_back(layer: Any) -> Iterator[None]:
    """Refresh nothing, and let the colours tell nobody, as napari does within its own changes.

    It has no public way to that; should a version lose these, each change is drawn again.
    """
    with ExitStack() as stack:
        if hasattr(layer, "_block_refresh"):
            stack.enter_context(layer._block_refresh())
        for name in ("_border", "_face"):
            if hasattr(layer, name):
                stack.enter_context(getattr(layer, name).events.blocker_all())
        yield


def features_of(picks: Picks) -> dict[str, Any]:
    """Return the columns of picks as the layer's table has them: "source", "score", ..."""
    return {
        COLUMNS[name][0]: column.astype(object) if column.dtype.kind == "U" else column
        for name, column in picks.columns().items()
    }


def show_picks(layer: Any, picks: Picks, diameter: float) -> None:
    """Put picks into the layer: data, features, sizes and selection in one step."""
    if layer.selected_data:
        layer.selected_data = set()
    if layer.current_size != diameter:
        layer.current_size = diameter
    columns = features_of(picks)
    if not len(picks) and not len(layer.data) and set(layer.features) == columns.keys():
        stamp_defaults(layer)
        return  # most micrographs have none: nothing to draw
    with one_step(layer):
        layer.data = np.asarray(picks.coords, float).reshape(-1, 2)
        layer.features = columns
        if (np.asarray(layer.size) != diameter).any():
            layer.size = diameter
        if not np.all(layer.shown):
            layer.shown = True
        stamp_defaults(layer)


def stamp_defaults(layer: Any) -> None:
    """Say what the next clicked pick is; napari takes it from the last selected one instead."""
    table = {COLUMNS[name][0]: UNKNOWN.get(name, np.nan) for name in COLUMNS}
    table |= {"source": "manual", "score": MANUAL_SCORE}
    layer.feature_defaults = {name: table[name] for name in layer.features if name in table}


def picks_in_layer(layer: Any, before: Picks) -> Picks:
    """Return the layer's picks; new ones (clicked, pasted) stand at its end and are manual.

    Parameters
    ----------
    before
        The picks before the edit.
    """
    coords = np.array(layer.data, float).reshape(-1, 2)
    known = min(len(before), len(coords))
    columns = {
        name: np.asarray(layer.features[COLUMNS[name][0]][:known]).astype(COLUMNS[name][1])
        for name in before.columns()
    }
    columns["scores"] = np.nan_to_num(columns["scores"], nan=MANUAL_SCORE)
    picks = add_picks(replace(before, coords=coords[:known], **columns), new_picks(coords[known:]))
    if len(coords) > known:
        layer.features = features_of(picks)
    stamp_defaults(layer)
    return picks


def areas_in_layer(layer: Any) -> tuple[NDArray[np.float64], ...]:
    """Return the corners of each drawn shape, (N, 2) (row, col); ellipses become polygons."""
    areas = []
    for corners, kind in zip(layer.data, layer.shape_type, strict=True):
        corners = np.asarray(corners, float).reshape(-1, 2)
        areas.append(_ellipse(corners) if kind == "ellipse" else corners)
    return tuple(area for area in areas if len(area) >= 3)


def _ellipse(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 32 points of the ellipse in a (rotated) rectangle of four corners."""
    centre = corners.mean(axis=0)
    half_a, half_b = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    turn = np.linspace(0, 2 * np.pi, 32, endpoint=False)[:, None]
    return np.asarray(centre + np.cos(turn) * half_a + np.sin(turn) * half_b)
