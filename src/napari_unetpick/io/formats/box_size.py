"""Boxes around picks: how large, and how many cross the edge or overlap a neighbour."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.picks import Picks

BOX_PER_DIAMETER = 1.5
"""A box is half as wide again as the particle, as RELION and EMAN advise."""
FACTORS = (2, 3, 5, 7)
"""Prime factors of sizes that Fourier transforms are fast for."""


def box_size_for(picks: Picks) -> int:
    """Return a box of 1.5 diameters, from the picks' own diameters."""
    sizes = [] if picks.diameters is None else [d for d in picks.diameters if d == d]
    if not sizes:
        if not len(picks):
            return 2
        raise InputError(
            f"{picks.micrograph}: its picks have no diameter; give --box-size, or "
            "--diameter and --pixel-size"
        )
    return good_box(float(sorted(sizes)[len(sizes) // 2]) * BOX_PER_DIAMETER)


def even_box(size: float) -> int:
    """Round up to an even number of pixels: RELION halves a box with integer division.

    1.5 * 112 A / 1.4 A/px is 120.00000000000001 to a computer, and 120 px all the same.
    """
    return max(2, 2 * ceil(round(size, 6) / 2))


def good_box(size: float) -> int:
    """Round up to an even number of pixels without prime factors above 7: 118 becomes 120."""
    box = even_box(size)
    while _rest(box) > 1:
        box += 2
    return box


def _rest(box: int) -> int:
    """Return what is left of a number without its small prime factors."""
    for factor in FACTORS:
        while box % factor == 0:
            box //= factor
    return box


def box_fits(
    coords: NDArray[np.float64], shape: tuple[int, int], box_size: int
) -> NDArray[np.bool_]:
    """Tell which boxes lie wholly on the image, however the centre is rounded.

    A box of B around pixel c holds the pixels c - B/2 to c + B/2 - 1, so B/2 <= c <= n - B/2: with
    100 columns and a box of 20 the centres 10 to 90 fit.
    """
    half = box_size // 2
    fits = (coords >= half) & (coords <= np.asarray(shape) - half)
    return np.asarray(fits.all(axis=1))


def boxes_overlap(coords: NDArray[np.float64], box_size: int) -> NDArray[np.bool_]:
    """Tell which boxes share pixels with another one."""
    if len(coords) < 2:
        return np.zeros(len(coords), dtype=np.bool_)
    from scipy.spatial import cKDTree  # late: a third of a second

    nearest = cKDTree(coords).query(coords, k=2, p=np.inf)[0][:, 1]
    return np.asarray(nearest < box_size)


def describe_boxes(each: Iterable[tuple[Picks, int, tuple[int, int] | None]]) -> list[str]:
    """Say in a line how many boxes cross an edge or overlap, or nothing where none does.

    Parameters
    ----------
    each
        Of each micrograph the picks, the box in pixels, and (rows, columns) where known.
    """
    total = crossing = overlapping = 0
    sizes = set()
    for picks, box, shape in each:
        if not len(picks):
            continue
        total += len(picks)
        sizes.add(box)
        overlapping += int(boxes_overlap(picks.coords, box).sum())
        if shape is not None:
            crossing += int((~box_fits(picks.coords, shape, box)).sum())
    parts = [f"{crossing:,} crossing the edge of the micrograph"] * bool(crossing)
    parts += [f"{overlapping:,} overlapping a neighbour"] * bool(overlapping)
    boxes = f"{total:,} box{'es' * (total != 1)}"
    return [f"{boxes} of {say_sizes(sizes)}: {', '.join(parts)}"] if parts else []


def say_sizes(sizes: Iterable[int]) -> str:
    """Return "120 px", or "120 to 160 px"."""
    known = sorted(sizes)
    return f"{known[0]} px" if known[0] == known[-1] else f"{known[0]} to {known[-1]} px"
