"""A micrograph as an eye wants it: smaller, smoothed, without its background, in shades of grey."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Greys = NDArray[np.uint8]
_SMOOTHING = 1 / 30  # Gaussian sigma, in diameters: quiets the noise, keeps a particle's outline
_BACKGROUND = 1.5  # Gaussian sigma, in diameters: what is smoother is ice or beam, not particles


@dataclass(frozen=True)
class MicrographView:
    """A micrograph reduced for the screen.

    Parameters
    ----------
    pixels
        (rows, cols) uint8; block k of `block` x `block` pixels of the file became pixel k.
    block
        Pixels of the file a pixel of the view, along either axis.
    """

    pixels: Greys
    block: int

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """(left, right, bottom, top) in pixels of the file, whose centres lie at integers."""
        rows, cols = self.pixels.shape
        return -0.5, cols * self.block - 0.5, rows * self.block - 0.5, -0.5


def make_view(image: NDArray[Any], diameter: float, width: int = 1280) -> MicrographView:
    """Reduce a micrograph to about `width` pixels and stretch its contrast.

    Parameters
    ----------
    image
        (rows, cols), any real type; pixels that are no numbers become the median.
    diameter
        Of a particle, pixels of the file.
    """
    from scipy.ndimage import gaussian_filter, uniform_filter

    block = max(1, round(max(image.shape) / width))
    reduced = _reduce(image, block)
    finite = np.isfinite(reduced)
    middle = float(np.median(reduced[finite])) if finite.any() else 0.0
    reduced = np.where(finite, reduced, np.float32(middle))
    size = diameter / block
    smooth = gaussian_filter(reduced, size * _SMOOTHING)
    background = reduced
    for _ in range(3):  # three box means of width 2 sigma are a Gaussian, at a tenth of the time
        background = uniform_filter(background, max(3, round(2 * size * _BACKGROUND)))
    flat = smooth - background
    low, high = np.percentile(flat, [0.5, 99.5])
    scaled = (flat - low) / max(float(high - low), 1e-12)
    return MicrographView((np.clip(scaled, 0, 1) * 255).astype(np.uint8), block)


def cut_crop(view: MicrographView, centre: NDArray[np.float64], width: float, pixels: int) -> Greys:
    """Cut a square around `centre` ((row, col), file pixels), `width` file pixels wide.

    Returns
    -------
    (pixels, pixels) uint8, mid grey beyond the edge of the micrograph.
    """
    from scipy.ndimage import map_coordinates

    steps = ((np.arange(pixels) + 0.5) / pixels - 0.5) * width
    # file pixel c lies in the middle of block (c + 0.5) / block - 0.5
    rows = (centre[0] + steps + 0.5) / view.block - 0.5
    cols = (centre[1] + steps + 0.5) / view.block - 0.5
    grid = np.meshgrid(rows, cols, indexing="ij")
    values = map_coordinates(
        view.pixels.astype(np.float32), grid, order=1, mode="constant", cval=128.0
    )
    crop: Greys = np.clip(values, 0, 255).astype(np.uint8)
    return crop


def _reduce(image: NDArray[Any], block: int) -> NDArray[np.float32]:
    """Average blocks of pixels; a remainder at the lower and right edge is left off."""
    rows, cols = (side // block * block for side in image.shape)
    whole = np.asarray(image[:rows, :cols], dtype=np.float32)
    shape = (rows // block, block, cols // block, block)
    reduced: NDArray[np.float32] = whole.reshape(shape).mean(axis=(1, 3), dtype=np.float32)
    return reduced
