"""The diameter drives everything: the one place where file and network pixels are converted.

A micrograph is Fourier-cropped so that a particle is `PARTICLE_PX` wide. Fourier crop from N
to n samples puts sample k at k * N / n; rows and columns have their own ratio, because N * scale
is rounded to a size with a fast Fourier transform. A particle of fewer pixels is upsampled where
the model was trained so, else it stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.sizes import check_diameter

PARTICLE_PX = 24.0
SMALLEST_PX = 6.0
SAME_PARTICLE = 0.5
"""Diameters: two places nearer than this are one particle (protocol `particle`, and everywhere)."""
EDGE = 0.5
"""Diameters from the edge: whether a particle cut off there is labelled is a matter of taste."""
MIN_DISTANCE = 0.5
"""Diameters between picks, where nothing speaks for another minimum distance."""
CHECK = "check --diameter and --pixel-size"
CHECK_IN_VIEWER = "check the diameter and the pixel size"


@dataclass(frozen=True)
class Scale:
    """How one micrograph's pixels relate to the network's.

    Parameters
    ----------
    file_shape, network_shape
        (rows, cols) of the micrograph in the file and as the network sees it.
    diameter_px
        The particle diameter, in pixels of the file.
    """

    file_shape: tuple[int, int]
    network_shape: tuple[int, int]
    diameter_px: float

    @property
    def ratio(self) -> NDArray[np.float64]:
        """(2,) file pixels a network pixel along (row, col)."""
        return np.divide(self.file_shape, self.network_shape, dtype=np.float64)

    @property
    def network_diameter(self) -> float:
        """The particle diameter in network pixels."""
        return float(self.diameter_px / self.ratio.mean())

    def to_network(self, coords: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, 2) (row, col) in file pixels to network pixels: k = K * n / N."""
        return np.asarray(coords, float).reshape(-1, 2) / self.ratio

    def to_file(self, coords: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, 2) (row, col) in network pixels to file pixels: K = k * N / n."""
        return np.asarray(coords, float).reshape(-1, 2) * self.ratio


def make_scale(
    shape: tuple[int, int],
    pixel_size: float,
    diameter: float,
    *,
    particle_px: float = PARTICLE_PX,
    upsample: bool = False,
    name: str = "micrograph",
) -> Scale:
    """Choose the network's image size for a micrograph.

    Parameters
    ----------
    shape
        (rows, cols) of the micrograph.
    pixel_size
        A/px.
    diameter
        Particle diameter in A; of an elongated particle anything between its axes.
    upsample
        Enlarge a micrograph whose particles have fewer than `particle_px` pixels.

    Raises
    ------
    InputError
        The diameter is out of range, smaller than a few pixels or larger than the micrograph.

    Examples
    --------
    160 A at 1.0 A/px in 4096 x 4096: scale 24 / 160 = 0.15, so 614.4, rounded up to 616.
    """
    diameter_px = check_diameter(diameter) / pixel_size
    if diameter_px < SMALLEST_PX:
        raise InputError(
            f"{name}: a diameter of {diameter:g} A ({diameter_px:.1f} px at {pixel_size:g} "
            f"A/px) is too small (at least {SMALLEST_PX:g} px)",
            CHECK,
            viewer=CHECK_IN_VIEWER,
        )
    if diameter_px > min(shape) / 2:
        raise InputError(
            f"{name}: a diameter of {diameter:g} A ({diameter_px:.0f} px at {pixel_size:g} "
            f"A/px) is more than half the micrograph ({shape[0]} x {shape[1]} px)",
            CHECK,
            viewer=CHECK_IN_VIEWER,
        )
    factor = particle_px / diameter_px
    if factor > 1 and upsample:
        rows, cols = (fast_even_length(n * factor) for n in shape)
    else:
        rows, cols = (min(n, fast_even_length(n * min(1.0, factor))) for n in shape)
    return Scale(file_shape=shape, network_shape=(rows, cols), diameter_px=diameter_px)


def fast_even_length(length: float) -> int:
    """Return the next even size at or above `length` whose Fourier transform is fast."""
    # real=True would allow the factors 2, 3 and 5 alone and overshoot by up to 11 %
    half = scipy.fft.next_fast_len(max(int(np.ceil(length / 2)), 4), real=False)
    return int(2 * half)
