"""Images as circles: a rotation is a phase of the angular harmonics, a shift another centre."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

RADII = 16
ANGLES = 48
HARMONICS = 18  # 0 to 17 cycles a turn
SHIFT_STEPS = 3  # on either side
SHIFT_STEP = 0.06  # diameters
MASK = 0.6  # diameters: radius of the outermost circle; what lies beyond are neighbours

Spectra = NDArray[np.complex64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class PolarGrid:
    """Where circles are sampled around each of the shifted centres.

    Parameters
    ----------
    side
        Pixels of the square images.
    diameter
        The particle's, in pixels of those.
    """

    side: int
    diameter: float

    @property
    def shifts(self) -> NDArray[np.float64]:
        """(T, 2) (row, col), pixels, (0, 0) among them."""
        return np.asarray(_steps() * (SHIFT_STEP * self.diameter), np.float64)

    def between(self, scores: Floats) -> NDArray[np.float64]:
        """Return the best shift of each image by (N, T) scores, between the steps: (N, 2) pixels.

        It is the peak of a parabola through the best step and its neighbours, along each axis.
        """
        width = 2 * SHIFT_STEPS + 3
        steps = _steps()
        square = np.full((len(scores), width, width), -np.inf, np.float64)
        row, col = (steps + SHIFT_STEPS + 1).T
        square[:, row, col] = scores
        best = scores.argmax(axis=1)
        images, row, col = np.arange(len(best)), row[best], col[best]
        found = steps[best].astype(np.float64)
        for axis, (down, right) in enumerate(((1, 0), (0, 1))):
            three = np.stack([square[images, row + s * down, col + s * right] for s in (-1, 0, 1)])
            known = np.isfinite(three).all(axis=0)
            low, own, high = three[:, known]
            curve = np.minimum(low - 2 * own + high, -1e-12)
            found[known, axis] += (0.5 * (low - high) / curve).clip(-0.5, 0.5)
        return np.asarray(found * (SHIFT_STEP * self.diameter))

    def spectra(self, images: Floats) -> Spectra:
        """Return the harmonics (H, N, T, R) of (N, side, side) images.

        Weighted so that a scalar product of two is that of the images on the disc.
        """
        radii = (np.arange(RADII) + 0.5) * (MASK * self.diameter / RADII)
        angles = np.arange(ANGLES) * (2 * np.pi / ANGLES)
        circle = np.stack(
            [np.outer(radii, np.sin(angles)), np.outer(radii, np.cos(angles))], axis=-1
        ).reshape(-1, 2)
        weight = np.sqrt(radii * (MASK * self.diameter / RADII) * (2 * np.pi / ANGLES))
        flat = images.reshape(len(images), -1).T  # (pixels, N)
        found = np.empty((HARMONICS, len(images), len(self.shifts), RADII), np.complex64)
        for number, shift in enumerate(self.shifts):
            at = circle + shift + (self.side - 1) / 2
            samples = (bilinear(at, self.side) @ flat).T.reshape(-1, RADII, ANGLES)
            waves = scipy.fft.rfft(samples * weight[:, None].astype(np.float32), axis=2)
            waves = waves[:, :, :HARMONICS] * np.float32(1 / np.sqrt(ANGLES))
            waves[:, :, 1:] *= np.float32(np.sqrt(2))  # real images: each harmonic stands twice
            found[:, :, number] = np.moveaxis(waves, 2, 0)
        return found


def _steps() -> NDArray[np.intp]:
    """(T, 2) (row, col) steps within a disc."""
    steps = np.arange(-SHIFT_STEPS, SHIFT_STEPS + 1)
    grid = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    return np.asarray(grid[(grid**2).sum(axis=1) <= SHIFT_STEPS**2])


def bilinear(places: NDArray[np.float64], side: int) -> scipy.sparse.csr_array:
    """Return the (M, side * side) matrix that interpolates an image at (M, 2) (row, col)."""
    places = places.clip(0, side - 1 - 1e-6)
    corner = np.floor(places).astype(np.intp)
    part = places - corner
    entries, columns = [], []
    for down in (0, 1):
        for right in (0, 1):
            row = part[:, 0] if down else 1 - part[:, 0]
            col = part[:, 1] if right else 1 - part[:, 1]
            entries.append(row * col)
            columns.append((corner[:, 0] + down) * side + corner[:, 1] + right)
    rows = np.tile(np.arange(len(places)), 4)
    data = np.concatenate(entries).astype(np.float32)
    shape = (len(places), side * side)
    return scipy.sparse.csr_array((data, (rows, np.concatenate(columns))), shape=shape)
