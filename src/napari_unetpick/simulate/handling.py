"""What people do to micrographs before they pick: 8-bit exports, filters, faults of cameras."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import scipy
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
JPEG_LUMINANCE = 10.0
"""Quantisation step of JPEG's middle frequencies at quality 50 is ten times this, grey levels."""


@dataclass(frozen=True)
class Handling:
    """How a micrograph was changed after the camera; 0 is not at all.

    Lengths are fractions of the particle's diameter.

    Parameters
    ----------
    low_pass, high_pass
        Standard deviation of the Gaussian that it was blurred by, and of the one that was
        subtracted.
    film
        Strength of a photographic emulsion's grain, in standard deviations of the image.
    gradient, stripes
        Brightness from edge to edge and of whole rows, in standard deviations of the image.
    hot
        Fraction of pixels that are far too bright or dead.
    levels
        Standard deviations from the mean that 256 grey levels reach; the rest is clipped.
    jpeg
        Quantisation by JPEG, 1 at quality 50.
    border
        Width of the border that repeats its last pixel, of the image's width.
    """

    low_pass: float = 0.0
    high_pass: float = 0.0
    film: float = 0.0
    gradient: float = 0.0
    stripes: float = 0.0
    hot: float = 0.0
    levels: float = 0.0
    jpeg: float = 0.0
    border: float = 0.0

    def changes(self) -> bool:
        """Whether anything is done at all."""
        return any(getattr(self, each.name) for each in fields(self))

    def border_px(self, cols: int) -> int:
        """Width of the border of an image of `cols` pixels, pixels."""
        return round(self.border * cols)


def handle(
    image: Float32, handling: Handling, diameter: float, rng: np.random.Generator
) -> Float32:
    """Change an image (rows, cols) as `handling` says; `diameter` is in pixels.

    Where nothing is to be done it is the same array; the scale of values may be another.
    """
    if not handling.changes():
        return image
    image = np.array(image, dtype=np.float32)
    spread = max(float(image.std()), 1e-6)
    rows, cols = image.shape
    if handling.film:
        grain = rng.standard_normal(image.shape, dtype=np.float32)
        grain = scipy.ndimage.gaussian_filter(grain, rng.uniform(0.0, 1.0))
        image += np.float32(handling.film * spread / grain.std()) * grain
    if handling.stripes:
        image += np.float32(handling.stripes * spread) * rng.standard_normal(
            (rows, 1), dtype=np.float32
        )
    if handling.hot:
        hit = rng.random(image.shape, dtype=np.float32) < handling.hot
        image[hit] += np.float32(spread) * rng.normal(0.0, 30.0, int(hit.sum())).astype(np.float32)
    if handling.low_pass:
        image = scipy.ndimage.gaussian_filter(image, handling.low_pass * diameter)
    if handling.high_pass:
        image -= scipy.ndimage.gaussian_filter(image, handling.high_pass * diameter)
    if handling.gradient:
        angle = rng.uniform(0.0, 2.0 * np.pi)
        slope = np.cos(angle) * np.linspace(-0.5, 0.5, rows)[:, None]
        slope = slope + np.sin(angle) * np.linspace(-0.5, 0.5, cols)[None, :]
        image += (handling.gradient * spread * slope).astype(np.float32)
    if handling.levels:
        image = grey_levels(image, handling.levels)
    if handling.jpeg:
        image = compress(grey_levels(image, 4.0), handling.jpeg)
    width = handling.border_px(cols)
    if width:
        image = np.pad(image[width:-width, width:-width], width, mode="edge")
    return np.ascontiguousarray(image, dtype=np.float32)


def grey_levels(image: Float32, reach: float) -> Float32:
    """Round to 0-255, black and white `reach` standard deviations from the mean."""
    scaled = (image - image.mean()) * np.float32(127.5 / (reach * max(float(image.std()), 1e-6)))
    return np.clip(np.rint(scaled + np.float32(127.5)), 0, 255).astype(np.float32)


def compress(image: Float32, strength: float) -> Float32:
    """Quantise the cosine transform of blocks of 8 x 8 pixels, coarser at high frequency."""
    rows, cols = image.shape
    padded = np.pad(image, ((0, -rows % 8), (0, -cols % 8)), mode="edge")
    shape = padded.shape[0] // 8, 8, padded.shape[1] // 8, 8
    blocks = scipy.fft.dctn(padded.reshape(shape), axes=(1, 3), norm="ortho")
    order = np.arange(8)
    step = JPEG_LUMINANCE * strength * (1.0 + order[:, None] + order[None, :])
    step = step[None, :, None, :].astype(np.float32)
    blocks = np.rint(blocks / step) * step
    made = scipy.fft.idctn(blocks, axes=(1, 3), norm="ortho").reshape(padded.shape)
    return np.asarray(np.rint(np.clip(made, 0, 255))[:rows, :cols], dtype=np.float32)
