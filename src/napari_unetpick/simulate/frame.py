"""The grid that a micrograph is simulated on: the image and a margin that is cut off at the end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray


@dataclass(frozen=True)
class Frame:
    """Image of `shape` pixels inside a grid that is larger by a margin on every side.

    The margin lets molecules stick out over the border and keeps the Fourier transform's
    wrap-around out of the image. All positions inside the simulator are (row, col) pixels of the
    grid; `to_image` turns them into pixels of the image.
    """

    shape: tuple[int, int]
    pixel_size: float
    margin: int

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, cols) of the whole grid, sizes that transform fast."""
        rows, cols = (scipy.fft.next_fast_len(n + 2 * self.margin, real=True) for n in self.shape)
        return rows, cols

    @property
    def area(self) -> float:
        """Area of the grid, square micrometres."""
        return self.grid[0] * self.grid[1] * self.pixel_size**2 * 1e-8

    def to_image(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn grid positions into image positions, both (N, 2), (row, col), pixels."""
        return np.asarray(positions, dtype=np.float64).reshape(-1, 2) - self.margin

    def crop(self, values: NDArray) -> NDArray:
        """Cut the image out of a map on the grid."""
        rows, cols = self.shape
        return values[self.margin : self.margin + rows, self.margin : self.margin + cols]

    def inside(self, positions: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which grid positions (N, 2) have their centre inside the image."""
        at = self.to_image(positions)
        return ((at >= 0) & (at <= np.array(self.shape) - 1.0)).all(axis=1)

    def random_positions(self, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw positions (count, 2) evenly over the grid."""
        return rng.random((count, 2)) * np.array(self.grid)


def smooth_field(frame: Frame, scale: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw a smooth random map on the grid, zero mean, unit variance, features of `scale` A.

    A sum of cosine modes whose amplitude falls as a Gaussian of their frequency; being separable
    it costs two thin matrix products, and it does not depend on the pixel size.
    """
    extents = [n * frame.pixel_size for n in frame.grid]
    counts = [max(2, int(np.ceil(2.0 * extent / scale)) + 1) for extent in extents]
    orders = [np.arange(count) for count in counts]
    frequency = (
        (orders[0][:, None] / extents[0]) ** 2 + (orders[1][None, :] / extents[1]) ** 2
    ) ** 0.5
    amplitude = np.exp(-0.5 * (frequency * scale) ** 2)
    amplitude[0, 0] = 0.0
    coefficients = rng.standard_normal(counts) * amplitude
    modes = [
        np.cos(np.pi * np.outer((np.arange(n) + 0.5) / n, order))
        for n, order in zip(frame.grid, orders, strict=True)
    ]
    weight = np.where(orders[0] > 0, 0.5, 1.0)[:, None] * np.where(orders[1] > 0, 0.5, 1.0)
    norm = np.sqrt((weight * amplitude**2).sum())
    return (modes[0] @ (coefficients / norm) @ modes[1].T).astype(np.float32)
