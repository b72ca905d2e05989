"""The border of a micrograph that holds copies of its outermost pixels, or one value.

Alignment shifts the frames, and some programs fill what is left at the edges with copies of the
last row or column. No particle is seen there, whatever the stripes look like.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ALIKE = 0.25  # of the usual difference of neighbouring rows, up to which one is a copy
NARROWEST = 3  # copies that are a border; smoothing makes one or two
SAMPLED = 16  # pairs of rows that say what is usual
SPOILT = 8  # rows at the very edge that resampling may have changed


@dataclass(frozen=True)
class Border:
    """Rows and columns at each edge, pixels of the file, that are copies of the next one."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    def holds(self, coords: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Tell which of (N, 2) places (row, col) lie in the border of a micrograph of `shape`."""
        first = np.array([self.top, self.left])
        last = np.array(shape) - 1 - np.array([self.bottom, self.right])
        return np.asarray(((coords < first) | (coords > last)).any(axis=1))


NO_BORDER = Border()


def find_border(image: NDArray[np.generic]) -> Border:
    """Find the border of copies; `image` (rows, cols) may be memory-mapped."""
    return Border(
        top=count_copies(image),
        bottom=count_copies(image[::-1]),
        left=count_copies(image.T),
        right=count_copies(image.T[::-1]),
    )


def count_copies(image: NDArray[np.generic]) -> int:
    """Count the first rows that are copies of the row after them.

    A copy differs from its neighbour much less than rows elsewhere do; not at all, unless the image
    was resampled since. That also lets the opposite edge into the first rows.
    """
    last = len(image) - 1
    usual = np.median(
        [difference(image, row) for row in np.linspace(0, last, SAMPLED + 1, dtype=int)[:-1]]
    )
    alike = (row for row in range(min(SPOILT, last)) if difference(image, row) <= ALIKE * usual)
    row = next(alike, None)
    if row is None:
        return 0
    while row < last and difference(image, row) <= ALIKE * usual:
        row += 1
    return row if row >= NARROWEST else 0


def difference(image: NDArray[np.generic], row: int) -> float:
    """Return the mean absolute difference of a row and the next."""
    one, other = (image[each].astype(np.float32) for each in (row, row + 1))
    return float(np.abs(one - other).mean())
