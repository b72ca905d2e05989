"""Vitreous ice: its uneven thickness, the electrons it takes away, and its own grain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.picking.ctf import frequencies
from napari_unetpick.simulate.frame import Frame, smooth_field

MEAN_FREE_PATH = 3000.0
"""Thickness of ice that lets 1/e of the electrons pass unscattered, A, at 300 kV with an energy
filter (Rice et al. 2018, J. Struct. Biol. 204, 38-44, measure 3000-4000 A)."""
SOLVENT_GRAIN = 2e-5
"""Power of the phase shift's random variation per thickness of ice, rad^2 A^2 / A. Unordered water
(0.031 molecules per A^3 of 145 V A^3 each) would give 2.8e-4; its incompressibility leaves about
7 % of that at the resolutions that matter here."""
HAZE_REFERENCE = 100.0
"""Period at which `Sample.haze` is given, A."""
HAZE_LONGEST = 1500.0
"""Period beyond which the haze's power grows no more (the thickness map takes over), A."""
THINNEST = 60.0


def draw_thickness(
    frame: Frame, mean: float, unevenness: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Draw a map (grid) of the ice's thickness, A: a slope and waves of 0.4 and 0.12 um."""
    rows, cols = (np.linspace(-1.0, 1.0, n, dtype=np.float32) for n in frame.grid)
    angle = rng.uniform(0.0, 2.0 * np.pi)
    slope = float(np.cos(angle)) * rows[:, None] + float(np.sin(angle)) * cols[None, :]
    waves = 0.7 * smooth_field(frame, 4000.0, rng) + 0.25 * smooth_field(frame, 1200.0, rng)
    relative = 1.0 + unevenness * (0.4 * rng.standard_normal() * slope + waves)
    return np.maximum(mean * relative, THINNEST).astype(np.float32)


def transmission(thickness: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fraction of the electrons that pass the ice and reach the camera."""
    return np.exp(-thickness / np.float32(MEAN_FREE_PATH))


def draw_grain(
    frame: Frame, thickness: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Draw the random phase shift (rad) of the water's disorder, white down to a pixel."""
    grain = rng.standard_normal(frame.grid, dtype=np.float32)
    grain *= np.sqrt(thickness * np.float32(SOLVENT_GRAIN)) / np.float32(frame.pixel_size)
    return grain


def haze_transfer(
    haze: float, thickness: float, shape: tuple[int, int], pixel_size: float
) -> NDArray[np.float32]:
    """What turns the grain (rfft2 grid) into relative variations of the intensity.

    Denatured protein, salt and inelastic scattering leave a background whose power falls about as
    k^-1.5 and which the CTF does not modulate: the floor between the rings of a measured spectrum.
    `haze` is its power at a period of 100 A, A^2 (the shot noise of 40 e/A^2 has 0.025 everywhere).
    """
    rows, cols = frequencies(shape, pixel_size)
    squared = np.maximum(rows**2 + cols**2, np.float32(HAZE_LONGEST**-2))
    white = SOLVENT_GRAIN * thickness  # power of the grain that is filtered here, rad^2 A^2
    return np.float32(np.sqrt(haze / white)) * (HAZE_REFERENCE**2 * squared) ** np.float32(-0.375)
