"""What lies on the ice, as maps of what it does to the beam; the shapes that it is made of."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.simulate.frame import Frame

STRONGEST_PHASE = 0.6
"""Phase shifts saturate here (rad), beyond which the weak-phase approximation means nothing."""
PHASE_PER_ICE = 2.9e-3
"""Phase shift per thickness of ice in vacuum, rad / A: 6.5e-4 rad / (V A) times 4.5 V."""
PHASE_PER_PROTEIN = 1.6e-3
"""Phase shift per thickness of protein in ice, rad / A: 6.5e-4 rad / (V A) times 2.5 V."""


@dataclass
class Cover:
    """Maps on the grid of what contamination does to the beam, filled piece by piece.

    `phase` (rad) and `loss` (exponent of the electrons' loss) add up; `grain` is the power of a
    random phase (rad^2 A^2); `mask` is True where no particle could be seen. `centres` and `kinds`
    name the pieces.
    """

    phase: NDArray[np.float32]
    loss: NDArray[np.float32]
    grain: NDArray[np.float32]
    mask: NDArray[np.bool_]
    centres: list[tuple[float, float]] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)


def blob(
    frame: Frame,
    centre: NDArray[np.float64],
    radius: float,
    rng: np.random.Generator,
    roughness: float,
    reach: float = 1.3,
) -> tuple[tuple[slice, slice], NDArray[np.float32], NDArray, NDArray]:
    """Window of an irregular disc and, in it, the distance from the centre over the radius there.

    Also returns the offsets (A) along rows, (n, 1), and columns, (1, m), from the centre.
    """
    half = reach * radius * (1.0 + 3.0 * roughness) / frame.pixel_size
    window = tuple(
        slice(max(0, int(c - half)), max(0, min(n, int(c + half) + 2)))
        for c, n in zip(centre, frame.grid, strict=True)
    )
    rows = ((np.arange(window[0].start, window[0].stop) - centre[0]) * frame.pixel_size)[:, None]
    cols = ((np.arange(window[1].start, window[1].stop) - centre[1]) * frame.pixel_size)[None, :]
    angle = np.arctan2(rows, cols)
    edge = np.ones_like(angle)
    for order in range(2, 7):
        edge += (
            roughness * rng.standard_normal() / order * np.cos(order * angle + rng.uniform(0, 6.3))
        )
    distance = np.hypot(rows, cols) / (radius * np.maximum(edge, 0.4))
    return (window[0], window[1]), distance.astype(np.float32), rows, cols


def saturate(phase: NDArray[np.float32]) -> NDArray[np.float32]:
    """Hold strong phase shifts below `STRONGEST_PHASE`, leaving weak ones as they are."""
    return STRONGEST_PHASE * np.tanh(phase / STRONGEST_PHASE)
