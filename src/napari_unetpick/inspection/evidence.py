"""How strongly an image speaks for picks: the mean picture around them, against chance.

The image is band-passed at the particle's size and divided by its own local deviation, so that ice
and carbon have no more say than protein. The cross-correlation of picks and image is, at a shift of
s, the mean of the image at s from the picks: near no shift the mean picture of the particle, far
from it what any places would give. Its energy (mean square) within half a diameter, over the 99th
percentile of the energies within equal discs elsewhere, is the strength of the evidence: below 1
for places that have nothing to do with the image, 4 to 14 for a micrograph's picks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from napari_unetpick.picking.crop import average_blocks

PARTICLE = 8  # pixels of the diameter, at least, after averaging blocks
LARGEST = 2048  # pixels of a side then, however small the particle: larger takes too long
FINE, COARSE, LOCAL = 1 / 8, 0.5, 1.0  # Gaussians of the band-pass and local deviation, diameters
WIDE = 1.5  # diameters: the wider Gaussian where only dark or light is asked for
CLIP = 3.0  # standard deviations
DISC, ELSEWHERE = 0.5, 3.0  # diameters: the particle, and where chance begins
CORE, RIM = 0.35, (0.6, 0.8)  # diameters from the centre: the particle, and just outside of it
DRAWN = 500  # places that stand for chance
LIMIT = 99.0  # percentile of chance

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """How a micrograph's image speaks for its picks, places as given.

    Parameters
    ----------
    energy
        Of the mean picture around the picks, relative to the variance elsewhere.
    chance
        (`DRAWN`,) the energies at random shifts.
    count
        Number of picks within the image.
    """

    energy: float
    chance: Floats
    count: int


class View:
    """One micrograph, reduced so that a particle is about `PARTICLE` pixels wide.

    Parameters
    ----------
    image
        (rows, cols), any real type, may be memory-mapped.
    diameter_px
        Particle diameter, pixels of `image`.
    """

    def __init__(self, image: NDArray[np.generic], diameter_px: float) -> None:
        self.block = max(1, int(diameter_px // PARTICLE), -(-max(image.shape) // LARGEST))
        self.shape = image.shape
        small = average_blocks(image, self.block)
        self.diameter = diameter_px / self.block
        self._small = small
        self._spectrum = scipy.fft.rfft2(_flattened(small, self.diameter, COARSE))
        down, right = (np.minimum(np.arange(n), n - np.arange(n)) for n in small.shape)
        self._away = np.hypot(down[:, None], right[None]) / self.diameter
        self._far = np.flatnonzero(self._away > ELSEWHERE)
        self._disc = _kernel(self._away <= DISC)

    def evidence(self, coords: Floats) -> Evidence | None:
        """Return the evidence for (N, 2) places, or None where there can be none.

        That is where no place lies in the image, or the image is too small or constant.
        """
        counts = self._counts(coords)
        mean = _correlate(counts, self._spectrum)
        variance = mean.ravel()[self._far].var() if len(self._far) >= DRAWN else 0.0
        if not variance > 0:
            return None
        square = mean**2 / variance
        energy = _smooth(square, self._disc)
        drawn = np.random.default_rng(0).choice(self._far, DRAWN, replace=False)
        return Evidence(float(energy[0, 0]), energy.ravel()[drawn], int(counts.sum()))

    def contrast(self, coords: Floats) -> float:
        """Return how much lighter places are than their surroundings, in standard errors."""
        spectrum = scipy.fft.rfft2(_flattened(self._small, self.diameter, WIDE))
        mean = _correlate(self._counts(coords), spectrum)
        core = _kernel(self._away <= CORE)
        rim = _kernel((self._away >= RIM[0]) & (self._away <= RIM[1]))
        lighter = _smooth(mean, core - rim)
        deviation = float(lighter.ravel()[self._far].std()) if len(self._far) else 0.0
        return float(lighter[0, 0]) / deviation if deviation else 0.0

    def _to_small(self, coords: Floats) -> Floats:
        # the first block of n pixels has its centre at (n - 1) / 2
        return np.asarray((coords - (self.block - 1) / 2) / self.block)

    def _counts(self, coords: Floats) -> NDArray[np.float32]:
        """Count picks by pixel; those outside are left out."""
        places = np.rint(self._to_small(coords)).astype(int)
        counts = np.zeros(self._small.shape, np.float32)
        inside = ((places >= 0) & (places < counts.shape)).all(axis=1)
        np.add.at(counts, tuple(places[inside].T), 1)
        return counts


def strength(parts: Sequence[Evidence]) -> float:
    """Return the strength of the evidence of several micrographs together, 0 without any."""
    if not parts:
        return 0.0
    energy = float(np.mean([part.energy for part in parts]))
    chance = np.mean([part.chance for part in parts], axis=0)
    return float(np.sqrt(energy / np.percentile(chance, LIMIT)))


def _flattened(image: NDArray[np.float32], diameter: float, coarse: float) -> NDArray[np.float32]:
    """Return an image band-passed, at equal contrast everywhere, clipped, with a mean of 0."""
    blur = scipy.ndimage.gaussian_filter
    flat = blur(image, diameter * FINE) - blur(image, diameter * coarse)
    variance = blur(flat**2, diameter * max(LOCAL, coarse))
    flat /= np.sqrt(variance + np.median(variance) / 4 + np.finfo(np.float32).tiny)
    quarter, median, three_quarters = np.percentile(flat, [25, 50, 75])
    spread = (three_quarters - quarter) / 1.349 or 1.0
    flat = np.clip((flat - median) / spread, -CLIP, CLIP)
    return np.asarray(flat - flat.mean(), np.float32)


def _kernel(mask: NDArray[np.bool_]) -> NDArray[np.complex64]:
    """Return the transform of the mean over a region around no shift."""
    return np.asarray(scipy.fft.rfft2(mask.astype(np.float32) / max(1, mask.sum())))


def _correlate(counts: NDArray[np.float32], spectrum: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Return the mean of an image (by its transform) at every shift from the picks."""
    picks = scipy.fft.rfft2(counts - counts.mean()) / max(1.0, float(counts.sum()))
    return np.asarray(scipy.fft.irfft2(np.conj(picks) * spectrum, s=counts.shape))


def _smooth(image: NDArray[np.float32], kernel: NDArray[np.complex64]) -> NDArray[np.float32]:
    return np.asarray(scipy.fft.irfft2(scipy.fft.rfft2(image) * kernel, s=image.shape))
