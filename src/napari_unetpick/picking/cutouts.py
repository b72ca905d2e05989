"""Square pictures of single particles, cut from a micrograph: centred to a fraction of a pixel."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from napari_unetpick.io.images.unmapped import UnmappedImage

WIDTH = 1.25  # of a crop, in particle diameters
SPREAD = 3.0  # standard deviations on either side of the mean that the greys span
REACH = 3.0  # standard deviations after which a Gaussian is cut off

Floats = NDArray[np.float32]


def cut_crop(
    image: NDArray[np.generic] | UnmappedImage,
    centre: ArrayLike,
    width: float,
    size: int,
    low_pass: float = 0.0,
) -> Floats:
    """Cut a square around a place and resample it to `size` x `size`.

    Parameters
    ----------
    image
        (rows, cols) of any real type; of a file only the rows of the square are read.
    centre
        (row, col), pixels of `image`, pixel centres at integers. It comes to lie at the middle of
        the crop, at ((size - 1) / 2, (size - 1) / 2), also where it is fractional.
    width
        Side of the square, pixels of `image`.
    low_pass
        Period in pixels at which the amplitude is halved; 0 filters no more than resampling needs.

    Returns
    -------
    (size, size) float32; what lies outside the image has the mean grey of what lies inside.
    """
    step = width / size
    sigma = max(low_pass_sigma(low_pass), resampling_sigma(step))
    along = (np.arange(size) - (size - 1) / 2) * step
    row, col = np.asarray(centre, float)
    margin = int(np.ceil(REACH * sigma)) + 1
    top, left = (int(np.floor(c + along[0])) - margin for c in (row, col))
    side = int(np.ceil(along[-1] - along[0])) + 2 * margin + 2
    patch = _read_patch(image, top, left, side)
    if sigma > 0:
        patch = scipy.ndimage.gaussian_filter(patch, sigma, mode="nearest", truncate=REACH)
    places = np.meshgrid(row + along - top, col + along - left, indexing="ij")
    return np.asarray(
        scipy.ndimage.map_coordinates(patch, places, order=1, mode="nearest"), np.float32
    )


def low_pass_sigma(period: float) -> float:
    """Gaussian that halves the amplitude at a period: exp(-2 pi^2 s^2 / p^2) = 1/2."""
    return float(period * np.sqrt(np.log(2) / 2) / np.pi)


def resampling_sigma(step: float) -> float:
    """Gaussian that keeps fine grain from aliasing where `step` pixels become one.

    A pixel is itself about 0.5 wide: taking every second pixel needs 0.87, every one none.
    """
    return float(0.5 * np.sqrt(max(step**2 - 1.0, 0.0)))


def standardised(crop: Floats) -> Floats:
    """Return a crop with mean 0 and deviation 1 (a flat one is 0)."""
    deviation = float(crop.std())
    if not np.isfinite(deviation) or deviation < 1e-12:
        return np.zeros_like(crop)
    return np.asarray((crop - crop.mean()) / deviation, np.float32)


def to_greys(crop: Floats) -> NDArray[np.uint8]:
    """Turn a crop into greys from 0 to 255 over `SPREAD` deviations on either side of its mean."""
    scaled = standardised(crop) / (2 * SPREAD) + 0.5
    return np.asarray(np.clip(scaled, 0, 1) * 255, np.uint8)


def mean_crop(crops: Iterable[Floats]) -> Floats | None:
    """Average crops of one size, each standardised so that no bright one outweighs the others.

    None where there are none.
    """
    total: Floats | None = None
    count = 0
    for crop in crops:
        total = standardised(crop) if total is None else total + standardised(crop)
        count += 1
    return None if total is None else np.asarray(total / count, np.float32)


def _read_patch(
    image: NDArray[np.generic] | UnmappedImage, top: int, left: int, side: int
) -> Floats:
    """Read a square that may reach over the edge; no pixel of it is infinite or NaN."""
    rows, cols = image.shape
    first_row, last_row = np.clip((top, top + side), 0, rows)
    first_col, last_col = np.clip((left, left + side), 0, cols)
    inside = np.array(image[first_row:last_row, first_col:last_col], np.float32)
    finite = np.isfinite(inside)
    grey = float(inside[finite].mean()) if finite.any() else 0.0
    inside[~finite] = grey
    patch = np.full((side, side), grey, np.float32)
    patch[first_row - top : last_row - top, first_col - left : last_col - left] = inside
    return patch
