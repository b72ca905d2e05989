"""The images that are sorted: cut from micrographs, band-passed, of one background and size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.picking.cutouts import cut_crop

SIDE = 48  # px of an image
WIDTH = 1.6  # diameters in an image
LOW_PASS = 0.09  # diameters: period
BACKGROUND = 0.62  # diameters from the middle, and beyond: what is not the particle's
BRIGHTEST = 4.0  # standard deviations of the background; ice and gold don't outweigh all else

Floats = NDArray[np.float32]


def cut_stack(image: NDArray[np.generic], coords: NDArray[np.float64], diameter: float) -> Floats:
    """Cut and normalise images of particles, (N, SIDE, SIDE).

    Parameters
    ----------
    image
        (rows, cols) of a micrograph.
    coords
        (N, 2) (row, col), pixels of the micrograph.
    diameter
        Of the particle, pixels of the micrograph.
    """
    step = WIDTH * diameter / SIDE
    binning = max(1, int(step / 2))
    small = bin_image(image, binning)
    stack = np.empty((len(coords), SIDE, SIDE), np.float32)
    for number, place in enumerate(coords):
        centre = (place + 0.5) / binning - 0.5
        width, low_pass = WIDTH * diameter / binning, LOW_PASS * diameter / binning
        stack[number] = cut_crop(small, centre, width, SIDE, low_pass)
    return normalised(stack)


def bin_image(image: NDArray[np.generic], binning: int) -> NDArray[np.generic]:
    """Average blocks of pixels; rows and columns that fill no block are cut off."""
    if binning == 1:
        return image
    rows, cols = (n // binning for n in image.shape)
    some = image[: rows * binning, : cols * binning].reshape(rows, binning, cols, binning)
    return np.asarray(some.mean(axis=(1, 3), dtype=np.float32))


def normalised(stack: Floats) -> Floats:
    """Return images whose background is level, with mean 0 and deviation 1."""
    side = stack.shape[1]
    rows, cols = np.mgrid[:side, :side] - (side - 1) / 2
    far = (np.hypot(rows, cols) > BACKGROUND * side / WIDTH).ravel()
    plane = np.stack([np.ones(side * side), rows.ravel(), cols.ravel()], axis=1)
    flat = stack.reshape(len(stack), -1)
    fitted = np.linalg.lstsq(plane[far], flat[:, far].T, rcond=None)[0]
    flat = flat - (plane @ fitted).T
    spread = np.median(np.abs(flat[:, far]), axis=1) / 0.6745
    flat = flat / np.maximum(spread, 1e-12)[:, None]
    clipped = np.clip(flat, -BRIGHTEST, BRIGHTEST).reshape(stack.shape)
    return np.asarray(clipped, np.float32)
