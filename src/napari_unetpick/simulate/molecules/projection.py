"""Projected potential of many molecules, bead by bead, on one grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.picking.ctf import frequencies
from napari_unetpick.simulate.molecules.beads import BEAD_SIGMA
from napari_unetpick.simulate.molecules.poses import rotation_matrices


def project_beads(
    beads: NDArray[np.float64],
    quaternion: NDArray[np.float64],
    centre: NDArray[np.float64],
    pixel_size: float,
) -> NDArray[np.float64]:
    """Turn beads (N, 3), (x, y, z), A, by a pose; return (N, 2), (row, col), pixels."""
    rotation = rotation_matrices(quaternion)[0]
    return beads @ rotation[[1, 0]].T / pixel_size + centre


def splat(image: NDArray, points: NDArray[np.float64], weights: NDArray[np.float64]) -> None:
    """Add `weights` (N,) at `points` (N, 2), (row, col), shared out bilinearly, in place.

    What falls outside the image is lost.
    """
    corner = np.floor(points).astype(np.intp)
    down, right = (points - corner).T
    low = corner.min(axis=0)
    rows, cols = corner.max(axis=0) - low + 2
    index = (corner[:, 0] - low[0]) * cols + corner[:, 1] - low[1]
    patch = np.bincount(index, weights * (1 - down) * (1 - right), rows * cols)
    patch += np.bincount(index + 1, weights * (1 - down) * right, rows * cols)
    patch += np.bincount(index + cols, weights * down * (1 - right), rows * cols)
    patch += np.bincount(index + cols + 1, weights * down * right, rows * cols)
    start = np.maximum(low, 0)
    stop = np.maximum(np.minimum(low + (rows, cols), image.shape), start)
    image[start[0] : stop[0], start[1] : stop[1]] += patch.reshape(rows, cols)[
        start[0] - low[0] : stop[0] - low[0], start[1] - low[1] : stop[1] - low[1]
    ]


def bead_transfer(shape: tuple[int, int], pixel_size: float) -> NDArray[np.float32]:
    """Fourier transform of a bead's Gaussian on the rfft2 grid."""
    rows, cols = frequencies(shape, pixel_size)
    factor = np.float32(-2.0 * (np.pi * BEAD_SIGMA) ** 2)
    return np.exp(factor * rows**2) * np.exp(factor * cols**2)
