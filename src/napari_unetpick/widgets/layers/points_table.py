"""A Points layer as a table of picks and back; Shapes as areas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.project.project import PickTable

NEW = -1  # id of a pick that was just clicked


@contextmanager
def one_step(layer: Any, *, moves: bool = True) -> Iterator[None]:
    """Change several things of a Points layer; napari, which draws anew at each, does so once.

    `moves` says that the points themselves are among them.

    The viewer is not told of a new extent: points lie on a micrograph, whose layer tells its own.
    """
    with layer.events.blocker_all():
        with _held_back(layer):
            yield
        if moves:
            layer.refresh(thumbnail=False, data_displayed=False, highlight=False)  # the extent
    layer.refresh(extent=False)
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


def show_picks(layer: Any, table: PickTable, diameter: float) -> None:
    """Put picks into the layer: data, features, sizes and selection in one step."""
    if layer.selected_data:
        layer.selected_data = set()
    if layer.current_size != diameter:
        layer.current_size = diameter
    with one_step(layer):
        layer.data = np.asarray(table.coords, float).reshape(-1, 2)
        layer.features = {
            "source": np.array(table.sources, dtype=object),
            "score": np.asarray(table.scores, float),
            "id": np.asarray(table.ids, np.int64),
        }
        if (np.asarray(layer.size) != diameter).any():
            layer.size = diameter
        if not np.all(layer.shown):
            layer.shown = True
        stamp_defaults(layer)


def stamp_defaults(layer: Any) -> None:
    """Say what the next clicked pick is; napari takes it from the last selected one instead."""
    layer.feature_defaults = {"source": "manual", "score": 1.0, "id": NEW}


def read_picks(layer: Any, before: PickTable) -> PickTable:
    """Return the layer's picks; new ones (clicked, pasted) get their own id and are manual.

    Parameters
    ----------
    before
        The picks before the edit: when each was made is known from there.
    """
    coords = np.array(layer.data, float).reshape(-1, 2)
    features = layer.features
    ids = np.asarray(features["id"], np.int64).copy()
    scores = np.asarray(features["score"], float).copy()
    sources = [str(each) for each in features["source"]]
    made = dict(zip(before.ids.tolist(), before.created, strict=True))
    fresh = _fresh_rows(ids, set(made))
    next_id = max([*made, *ids.tolist(), -1]) + 1
    for row in np.flatnonzero(fresh):
        ids[row], scores[row], sources[row] = next_id, 1.0, "manual"
        next_id += 1
    if fresh.any():
        layer.features = {
            "source": np.array(sources, dtype=object),
            "score": scores,
            "id": ids,
        }
    stamp_defaults(layer)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    created = tuple(made.get(each, now) for each in ids.tolist())
    return PickTable(coords, np.nan_to_num(scores, nan=1.0), ids, tuple(sources), created)


def _fresh_rows(ids: NDArray[np.int64], known: set[int]) -> NDArray[np.bool_]:
    """Rows whose id is unknown, or stands in an earlier row already."""
    seen: set[int] = set()
    fresh = np.zeros(len(ids), dtype=bool)
    for row, each in enumerate(ids.tolist()):
        fresh[row] = each not in known or each in seen
        seen.add(each)
    return fresh


def read_areas(layer: Any) -> tuple[NDArray[np.float64], ...]:
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


def join_tables(first: PickTable, second: PickTable) -> PickTable:
    """Put two tables of picks one below the other."""
    return PickTable(
        coords=np.concatenate([first.coords, second.coords]),
        scores=np.concatenate([first.scores, second.scores]),
        ids=np.concatenate([first.ids, second.ids]),
        sources=first.sources + second.sources,
        created=first.created + second.created,
    )


def remove_picks(table: PickTable, ids: Iterable[int]) -> PickTable:
    """Return the picks whose id is not among `ids`."""
    return table.select(~np.isin(table.ids, list(ids)))
