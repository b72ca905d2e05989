"""What lies on the ice besides protein: ice crystals, ethane, the edge of the carbon film."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.simulate.frame import Frame
from napari_unetpick.simulate.junk.cover import PHASE_PER_ICE, Cover, blob, saturate
from napari_unetpick.simulate.junk.rarer import (
    add_ball,
    add_bar,
    add_cubic_ice,
    add_filament,
    add_gold,
    add_vesicle,
)
from napari_unetpick.simulate.sample import Contamination

CARBON_THICKNESS = 250.0
CARBON_PHASE = np.float32(0.6)
CARBON_GRAIN = 0.1
"""Power of the phase shift's random variation of the carbon film, rad^2 A^2."""


def draw_cover(frame: Frame, levels: Contamination, rng: np.random.Generator) -> Cover:
    """Lay down crystals, ethane, carbon and what is rarer as `levels` has them."""
    phase, loss, grain = (np.zeros(frame.grid, np.float32) for _ in range(3))
    cover = Cover(phase, loss, grain, mask=np.zeros(frame.grid, bool))
    for centre in frame.random_positions(rng.poisson(levels.crystals * frame.area), rng):
        add_crystal(cover, frame, centre, rng)
    for centre in frame.random_positions(rng.poisson(levels.ethane * frame.area), rng):
        add_ethane(cover, frame, centre, rng)
    if rng.random() < levels.carbon:
        add_carbon(cover, frame, rng)
    rarer = (
        (levels.gold, add_gold),
        (levels.vesicles, add_vesicle),
        (levels.filaments, add_filament),
    )
    for density, add in rarer:
        if density:
            for centre in frame.random_positions(rng.poisson(density * frame.area), rng):
                add(cover, frame, centre, rng)
    if levels.balls:
        for centre in frame.random_positions(rng.poisson(levels.balls * frame.area), rng):
            add_ball(cover, frame, centre, levels.ball_radius, rng)
    if levels.bar and rng.random() < levels.bar:
        add_bar(cover, frame, rng)
    if levels.cubic and rng.random() < levels.cubic:
        add_cubic_ice(cover, frame, levels.ball_radius, rng)
    return cover


def add_crystal(
    cover: Cover, frame: Frame, centre: NDArray[np.float64], rng: np.random.Generator
) -> None:
    """Add a rounded ice crystal of 80-1000 A radius with steep edges and bend contours."""
    radius = float(np.exp(rng.uniform(np.log(80.0), np.log(1000.0))))
    window, distance, rows, cols = blob(frame, centre, radius, rng, roughness=0.12)
    height = 1.2 * radius * np.sqrt(np.clip(1.0 - distance**2, 0.0, 1.0))
    angle = rng.uniform(0.0, 2.0 * np.pi)
    along = (np.cos(angle) * rows + np.sin(angle) * cols) / radius
    across = (np.cos(angle) * cols - np.sin(angle) * rows) / radius
    bend = rng.uniform(0.5, 2.5) * along + rng.uniform(-1.0, 1.0) * across**2 + along**2
    contours = 0.5 + 0.5 * np.cos(2.0 * np.pi * (bend + rng.random()))
    diffraction = 1.0 + rng.uniform(0.0, 0.5) * min(radius / 600.0, 1.0) * contours**4
    cover.phase[window] = np.maximum(cover.phase[window], saturate(PHASE_PER_ICE * height))
    cover.loss[window] += np.minimum(height, 1500.0) / 1500.0 * diffraction
    cover.mask[window] |= distance < 1.0 + 30.0 / radius
    cover.centres.append(tuple(centre))
    cover.kinds.append("crystal")


def add_ethane(
    cover: Cover, frame: Frame, centre: NDArray[np.float64], rng: np.random.Generator
) -> None:
    """Add frozen ethane: one to four fused droplets of 40-160 A with soft edges."""
    at = centre.copy()
    for _ in range(rng.integers(1, 5)):
        radius = rng.uniform(40.0, 160.0)
        window, distance, _, _ = blob(frame, at, radius, rng, roughness=0.06, reach=1.6)
        height = 0.8 * radius / (1.0 + np.exp((distance - 1.0) * 9.0))
        phase = saturate(0.7 * PHASE_PER_ICE * height)
        cover.phase[window] = np.maximum(cover.phase[window], phase)
        cover.loss[window] = np.maximum(cover.loss[window], height / 1500.0)
        cover.mask[window] |= distance < 1.1
        cover.centres.append(tuple(at))
        cover.kinds.append("ethane")
        step = rng.standard_normal(2)
        at = at + 1.3 * radius / frame.pixel_size * step / np.linalg.norm(step)


def add_carbon(cover: Cover, frame: Frame, rng: np.random.Generator) -> None:
    """Cover what lies outside a hole of 0.6 um radius whose edge crosses the image."""
    rows, cols = (np.arange(n, dtype=np.float32) * frame.pixel_size for n in frame.grid)
    radius = 6000.0 * rng.uniform(0.8, 1.6)
    angle = rng.uniform(0.0, 2.0 * np.pi)
    half = 0.5 * frame.pixel_size * min(frame.shape)
    inset = rng.uniform(0.45, 0.9) * half  # from the image's centre to the edge
    centre_row = 0.5 * rows[-1] - (radius - inset) * np.sin(angle)
    centre_col = 0.5 * cols[-1] - (radius - inset) * np.cos(angle)
    distance = np.hypot(rows[:, None] - centre_row, cols[None, :] - centre_col) - radius
    film = np.clip(distance / 40.0 + 0.5, 0.0, 1.0).astype(np.float32)  # the rim is a little torn
    cover.phase += CARBON_PHASE * film
    cover.loss += np.float32(CARBON_THICKNESS / 1500.0) * film
    cover.grain += np.float32(CARBON_GRAIN) * film
    cover.mask |= distance > -30.0
