"""The three protocols by which the field scores picks; no number goes without the name of its own.

`particle`
    One-to-one, centres at most half a diameter apart, duplicates are false. Pooled.
`iou0.6`
    One-to-one, boxes whose side is the diameter and whose intersection over union exceeds 0.6.
    Pooled. Boxes shifted by s along one side have IoU (d - s) / (d + s), so s < d / 4.
`pixel`
    Overlap of the masks of discs drawn at picks and truth. Mean over micrographs. Two picks on
    one particle cost nothing here. F1 = 2 IoU / (1 + IoU).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.draw import polygon2mask

from napari_unetpick.errors import InputError
from napari_unetpick.evaluation.inputs.exclusion import Mask, in_border, what_counts
from napari_unetpick.evaluation.matching import (
    as_points,
    match_pairs,
    match_particles,
    pairs_within,
)
from napari_unetpick.evaluation.metrics import Score, score_counts
from napari_unetpick.io.labels import Polygon, inside_any

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Protocol = Literal["particle", "iou0.6", "pixel"]
PROTOCOLS: tuple[Protocol, ...] = ("particle", "iou0.6", "pixel")
POOLING: dict[Protocol, Literal["pooled", "mean"]] = {
    "particle": "pooled",
    "iou0.6": "pooled",
    "pixel": "mean",
}
DESCRIPTIONS: dict[Protocol, str] = {
    "particle": "one-to-one, centres within half a diameter, pooled over particles",
    "iou0.6": "one-to-one, squares of one diameter with IoU > 0.6, pooled over particles",
    "pixel": "overlap of discs of one diameter, mean over micrographs",
}
SMALLEST_IOU = 0.6
# A mask of this many pixels is a mistake in the coordinates, not a micrograph.
_MOST_PIXELS = 2_000_000_000


@dataclass(frozen=True)
class Comparison:
    """One micrograph's picks and truth, with all that a protocol needs.

    Parameters
    ----------
    key
        The micrograph's name without folder and image extension.
    picks
        (N, 2), (row, col), pixels of the file.
    truth
        (M, 2), (row, col), pixels of the file.
    diameters
        (M,) the true particles' diameters, pixels.
    diameter
        What discs at picks are drawn with, pixels: the median of the true ones.
    shape
        (rows, cols), or None where unknown.
    border
        Pixels to leave out along each edge.
    areas
        Polygons (N, 2), (row, col): only what lies inside one of them counts; () for everywhere.
    exclusions
        Polygons (N, 2), (row, col), in which nothing counts.
    """

    key: str
    picks: Floats
    truth: Floats
    diameters: Floats
    diameter: float
    shape: tuple[int, int] | None = None
    border: float = 0.0
    areas: tuple[Polygon, ...] = ()
    exclusions: tuple[Polygon, ...] = ()

    def left_out(self, coords: Floats) -> Mask:
        """Tell which centres (N, 2) do not count: border, excluded, or outside the areas."""
        out = in_border(coords, self.shape, self.border) | inside_any(coords, self.exclusions)
        return out | ~inside_any(coords, self.areas) if self.areas else out

    def with_picks(self, picks: ArrayLike) -> Comparison:
        """The same truth against other picks."""
        return replace(self, picks=as_points(picks))


@dataclass(frozen=True)
class Matches:
    """What became of each pick and true particle of a micrograph.

    `matched` is (N,) int64 with -1 for none; `picks_count` (N,) and `truth_counts` (M,) are False
    where a border or an area leaves something out.
    """

    matched: Indices
    picks_count: Mask
    truth_counts: Mask

    @property
    def score(self) -> Score:
        """The counts, as a score."""
        found = (self.matched >= 0) & self.picks_count
        return score_counts(
            int(found.sum()), int(self.picks_count.sum()), int(self.truth_counts.sum())
        )


def match_by_distance(pair: Comparison, fraction: float = 0.5) -> Matches:
    """Match centres no further apart than a fraction of the true particle's diameter."""
    return _counted(pair, match_particles(pair.picks, pair.truth, fraction * pair.diameters))


def match_by_box(pair: Comparison) -> Matches:
    """Match boxes with IoU above `SMALLEST_IOU`: most matches first, then the largest total IoU."""
    # Both shifts are below d (1 - s) / (1 + s), so the centres are closer than sqrt(2) of that.
    reach = np.sqrt(2.0) * (1.0 - SMALLEST_IOU) / (1.0 + SMALLEST_IOU)
    rows, cols, _ = pairs_within(pair.picks, pair.truth, reach * pair.diameters)
    iou = box_iou(pair.picks[rows], pair.truth[cols], pair.diameters[cols])
    near = iou > SMALLEST_IOU
    matched = match_pairs(rows[near], cols[near], 1.0 - iou[near], len(pair.picks), len(pair.truth))
    return _counted(pair, matched)


def box_iou(a: Floats, b: Floats, side: ArrayLike) -> Floats:
    """Intersection over union of equal squares centred at a[i] and b[i] (both (N, 2), pixels)."""
    sides = np.broadcast_to(np.asarray(side, dtype=np.float64), (len(a),))
    overlap = np.prod(np.maximum(sides[:, None] - np.abs(a - b), 0.0), axis=1)
    iou: Floats = overlap / (2.0 * sides**2 - overlap)
    return iou


def score_pixels(pair: Comparison) -> Score:
    """Compare the masks of discs at picks and at truth; the counts are pixels."""
    shape = pair.shape or _bounding_shape(pair)
    if shape[0] * shape[1] > _MOST_PIXELS:
        raise InputError(
            f"{pair.key}: coordinates reach {shape[0]} x {shape[1]} px; check that picks and truth "
            "are in pixels of this micrograph"
        )
    picked = draw_discs(pair.picks, np.full(len(pair.picks), pair.diameter), shape)
    true = draw_discs(pair.truth, pair.diameters, shape)
    for polygons, inside in ((pair.areas, True), (pair.exclusions, False)):
        if polygons:
            drawn = np.any([polygon2mask(shape, each) for each in polygons], axis=0)  # type: ignore[no-untyped-call]
            counted = drawn == inside
            picked, true = picked & counted, true & counted
    if pair.border:
        # Pixels of the border, by the same rule as for centres.
        width = int(np.ceil(pair.border - 0.5))
        inner = (slice(width, shape[0] - width), slice(width, shape[1] - width))
        picked, true = picked[inner], true[inner]
    return score_counts(
        int(np.count_nonzero(picked & true)),
        int(np.count_nonzero(picked)),
        int(np.count_nonzero(true)),
    )


def draw_discs(coords: Floats, diameters: Floats, shape: tuple[int, int]) -> Mask:
    """Draw filled discs: a pixel belongs to one if its centre is within half the diameter."""
    mask = np.zeros(shape, dtype=bool)
    for (row, col), radius in zip(coords, np.asarray(diameters) / 2.0, strict=True):
        top, left = max(int(np.ceil(row - radius)), 0), max(int(np.ceil(col - radius)), 0)
        bottom = min(int(np.floor(row + radius)) + 1, shape[0])
        right = min(int(np.floor(col + radius)) + 1, shape[1])
        if bottom <= top or right <= left:
            continue
        down = (np.arange(top, bottom) - row)[:, None] ** 2
        across = (np.arange(left, right) - col)[None, :] ** 2
        mask[top:bottom, left:right] |= down + across <= radius**2
    return mask


SCORERS: dict[Protocol, Callable[[Comparison], Score]] = {
    "particle": lambda pair: match_by_distance(pair).score,
    "iou0.6": lambda pair: match_by_box(pair).score,
    "pixel": score_pixels,
}


def _counted(pair: Comparison, matched: Indices) -> Matches:
    left_out = pair.left_out(pair.picks), pair.left_out(pair.truth)
    return Matches(matched, *what_counts(matched, *left_out))


def _bounding_shape(pair: Comparison) -> tuple[int, int]:
    """Give a canvas that holds every disc, where the micrograph's shape is unknown."""
    points = np.vstack([pair.picks, pair.truth])
    if len(points) == 0:
        return 1, 1
    reach = float(max(pair.diameter, *pair.diameters)) if len(pair.diameters) else pair.diameter
    rows, cols = np.ceil(points.max(axis=0) + reach / 2.0).astype(np.int64) + 1
    return max(int(rows), 1), max(int(cols), 1)
