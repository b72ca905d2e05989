"""Which marks an eraser takes away: the nearest one, those under a brush, those inside a lasso."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from skimage.measure import points_in_poly

from napari_unetpick.project.annotations import Annotations

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
SIDES = 36  # of the polygon that stands for a circle on the screen


def nearest(coords: Floats, point: Floats, reach: float) -> int | None:
    """Index of the (N, 2) place nearest to a (2,) point, or None where none is within `reach`."""
    if not len(coords):
        return None
    distances = np.hypot(*(coords - point).T)
    index = int(np.argmin(distances))
    return index if distances[index] <= reach else None


def under_stroke(coords: Floats, path: Floats, radius: float) -> Mask:
    """Tell which (N, 2) places lie under a brush of `radius` dragged along a (P, 2) path.

    Between two points of the path the brush goes straight: a fast hand leaves no gaps.
    """
    hit = np.zeros(len(coords), dtype=bool)
    if not len(coords) or not len(path):
        return hit
    starts = path[:-1] if len(path) > 1 else path
    ends = path[1:] if len(path) > 1 else path
    for start, end in zip(starts, ends, strict=True):
        along = end - start
        length = float(along @ along)
        part = np.clip((coords - start) @ along / length, 0, 1) if length else np.zeros(len(coords))
        hit |= np.hypot(*(coords - start - part[:, None] * along).T) <= radius
    return hit


def inside_lasso(coords: Floats, path: Floats) -> Mask:
    """Tell which (N, 2) places lie in the area that a (P, 2) line encloses, closed by itself."""
    if not len(coords) or len(path) < 3:
        return np.zeros(len(coords), dtype=bool)
    return np.asarray(points_in_poly(coords, path), dtype=bool)


def without(
    marks: Annotations, picks: Mask, negatives: Mask, rejected: Floats | None = None
) -> Annotations:
    """Return marks without some picks and negatives, and with new negatives.

    Parameters
    ----------
    picks, negatives
        Which of them are erased.
    rejected
        (R, 2) candidates that become negatives in the same step.
    """
    left = marks.negatives[~negatives]
    if rejected is not None and len(rejected):
        left = np.concatenate([left, rejected])
    return replace(marks, picks=marks.picks.select(~picks), negatives=left)


def segments(path: Floats, *, closed: bool = False) -> NDArray[np.float64]:
    """Return a (P, 2) path as (P - 1, 2, 2) lines of (start, way), as napari draws vectors."""
    if closed and len(path) > 2:
        path = np.concatenate([path, path[:1]])
    if len(path) < 2:
        return np.empty((0, 2, 2))
    return np.stack([path[:-1], np.diff(path, axis=0)], axis=1)


def circle(centre: Floats, radius: float) -> Floats:
    """Return (SIDES, 2) points around a (2,) centre."""
    turn = np.linspace(0, 2 * np.pi, SIDES, endpoint=False)
    return np.asarray(centre + radius * np.stack([np.sin(turn), np.cos(turn)], axis=1))
