"""Leaving out a border of the micrograph, fairly: what lies there is neither right nor wrong.

All picks are matched to all truth first, border or not, and only then is it decided what counts:

- truth counts if its centre lies outside the border; truth inside it is *ignored*;
- a pick that matches counted truth counts, wherever the pick itself lies;
- a pick that matches ignored truth does not count;
- a pick without a match counts (as false) only if its centre lies outside the border.

So a pick one pixel inside the border still finds a particle one pixel outside it, a pick on an
ignored particle is not called false, and it cannot be spent on a counted particle beside it.
Areas in which nothing counts are treated alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_unetpick.evaluation.matching import as_points

Mask = NDArray[np.bool_]


def in_border(coords: ArrayLike, shape: tuple[int, int] | None, border: float) -> Mask:
    """Tell which centres lie nearer to an edge of the image than `border`.

    Parameters
    ----------
    coords
        (N, 2), (row, col), pixels; pixel centres at integers, so the edges are at -0.5 and
        rows - 0.5. A point outside the image is in the border.
    shape
        (rows, cols) of the micrograph; None only where the border is 0.
    border
        Width of the border, pixels; 0 leaves nothing out, not even points outside the image.

    Raises
    ------
    ValueError
        A border without a shape, or one that is negative or leaves nothing of the image.
    """
    points = as_points(coords)
    if border == 0:
        return np.zeros(len(points), dtype=bool)
    if shape is None:
        raise ValueError("a border needs the micrograph's shape")
    if not 0 < border < min(shape) / 2:
        raise ValueError(f"a border of {border:g} px does not fit into {shape[0]} x {shape[1]} px")
    to_edge = np.minimum(points + 0.5, np.asarray(shape) - 0.5 - points)
    inside: Mask = to_edge.min(axis=1) < border
    return inside


def what_counts(
    matched: NDArray[np.int64], picks_in_border: Mask, truth_in_border: Mask
) -> tuple[Mask, Mask]:
    """Tell which picks (N,) and which true particles (M,) count, after matching.

    Parameters
    ----------
    matched
        (N,) the index of the true particle that each pick matches, or -1.
    """
    hit = matched >= 0
    picks_count = ~picks_in_border
    picks_count[hit] = ~truth_in_border[matched[hit]]
    return picks_count, ~truth_in_border
