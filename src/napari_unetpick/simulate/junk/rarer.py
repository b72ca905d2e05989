"""Junk besides crystals, ethane and carbon: gold, ice balls, vesicles, filaments and others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.simulate.frame import Frame, smooth_field
from napari_unetpick.simulate.junk.cover import (
    PHASE_PER_ICE,
    PHASE_PER_PROTEIN,
    Cover,
    blob,
    saturate,
)

Centre = NDArray[np.float64]


def add_gold(cover: Cover, frame: Frame, centre: Centre, rng: np.random.Generator) -> None:
    """Add a gold bead of 25-80 A radius, which hardly any electron passes."""
    radius = rng.uniform(25.0, 80.0)
    window, distance, _, _ = blob(frame, centre, radius, rng, roughness=0.02)
    height = 2.0 * radius * np.sqrt(np.clip(1.0 - distance**2, 0.0, 1.0))
    cover.phase[window] = np.maximum(cover.phase[window], saturate(0.02 * height))
    cover.loss[window] += np.minimum(height / 120.0, 2.5)
    _cover(cover, window, distance < 1.0 + 15.0 / radius, centre, "gold")


def add_ball(
    cover: Cover, frame: Frame, centre: Centre, radius: float, rng: np.random.Generator
) -> None:
    """Add one to three fused balls of ice about as large as a particle: grey to black."""
    at, roundness = centre.copy(), rng.uniform(0.1, 0.6)
    phase, loss = np.float32(rng.uniform(0.1, 0.6)), np.float32(rng.uniform(0.0, 0.8))
    for _ in range(rng.integers(1, 4)):
        own = radius * float(np.exp(rng.normal(0.0, 0.3)))
        window, distance, _, _ = blob(frame, at, own, rng, roughness=0.1)
        shape = np.clip(1.0 - distance**2, 0.0, 1.0) ** roundness
        cover.phase[window] = np.maximum(cover.phase[window], phase * shape)
        cover.loss[window] = np.maximum(cover.loss[window], loss * shape)
        _cover(cover, window, distance < 1.0 + 20.0 / own, at, "ball")
        step = rng.standard_normal(2)
        at = at + 1.2 * own / frame.pixel_size * step / np.linalg.norm(step)


def add_vesicle(cover: Cover, frame: Frame, centre: Centre, rng: np.random.Generator) -> None:
    """Add a vesicle of 100-700 A radius: two leaflets, seen edge-on along its rim."""
    radius = float(np.exp(rng.uniform(np.log(100.0), np.log(700.0))))
    window, distance, _, _ = blob(frame, centre, radius, rng, roughness=0.05)
    away = distance * radius
    phase = np.zeros_like(distance)
    for rim in (radius - 15.0, radius + 15.0):  # chords through a leaflet 10 A thick
        outer, inner = rim + 5.0, max(rim - 5.0, 0.0)
        chord = np.sqrt(np.clip(outer**2 - away**2, 0, None))
        chord -= np.sqrt(np.clip(inner**2 - away**2, 0, None))
        phase += 2.0 * chord
    cover.phase[window] += saturate(0.5 * PHASE_PER_ICE * phase)
    # only its rim: what lies in the middle of a large one can be seen
    _cover(cover, window, np.abs(away - radius) < 40.0, centre, "vesicle")


def add_filament(cover: Cover, frame: Frame, centre: Centre, rng: np.random.Generator) -> None:
    """Add a straight filament of 70-250 A, hollow or not, across the image, as TMV or actin."""
    width = rng.uniform(70.0, 250.0)
    hole = width * rng.uniform(0.0, 0.4)
    length = rng.uniform(3.0, 40.0) * width
    angle = rng.uniform(0.0, np.pi)
    rows, cols = (np.arange(n, dtype=np.float32) * frame.pixel_size for n in frame.grid)
    dy = rows[:, None] - np.float32(centre[0] * frame.pixel_size)
    dx = cols[None, :] - np.float32(centre[1] * frame.pixel_size)
    along = np.cos(angle) * dx + np.sin(angle) * dy
    across = np.abs(np.cos(angle) * dy - np.sin(angle) * dx)
    ends = np.clip((0.5 * length - np.abs(along)) / 20.0 + 0.5, 0.0, 1.0)
    chord = np.sqrt(np.clip(0.25 * width**2 - across**2, 0, None))
    chord -= np.sqrt(np.clip(0.25 * hole**2 - across**2, 0, None))
    stripes = 1.0 + 0.1 * np.cos(2 * np.pi * along / rng.uniform(25.0, 80.0))
    phase = PHASE_PER_PROTEIN * 2.0 * chord * ends * stripes
    cover.phase += saturate(phase.astype(np.float32))
    near = (across < 0.5 * width + 20.0) & (np.abs(along) < 0.5 * length)
    cover.mask |= near
    cover.centres.append((float(centre[0]), float(centre[1])))
    cover.kinds.append("filament")


def add_bar(cover: Cover, frame: Frame, rng: np.random.Generator) -> None:
    """Cover part of the image by a grid bar or gold foil, nearly black, with a rough edge."""
    angle = rng.uniform(0.0, 2.0 * np.pi)
    rows, cols = (np.linspace(-1.0, 1.0, n, dtype=np.float32) for n in frame.grid)
    across = np.float32(np.cos(angle)) * cols[None, :] + np.float32(np.sin(angle)) * rows[:, None]
    edge = rng.uniform(0.1, 1.0) + 0.05 * smooth_field(frame, 800.0, rng)
    inside = np.clip((across - edge) * 60.0 + 0.5, 0.0, 1.0)
    cover.loss += np.float32(rng.uniform(1.0, 3.0)) * inside
    cover.grain += np.float32(0.05) * inside
    cover.mask |= inside > 0


def add_cubic_ice(cover: Cover, frame: Frame, grain: float, rng: np.random.Generator) -> None:
    """Turn all ice into crystals: one to three layers of facets, clouds or dark spots.

    Each layer has its own size, about `grain` A, sharpness and strength.
    """
    phase, loss = np.zeros(frame.grid, np.float32), np.zeros(frame.grid, np.float32)
    for _ in range(rng.integers(1, 4)):
        size = grain * float(np.exp(rng.uniform(np.log(0.3), np.log(5.0))))
        sharpness = rng.uniform(0.2, 4.0)
        shade = smooth_field(frame, size, rng)
        if rng.random() < 0.5:  # spots, the rarer the higher the part of the field that counts
            shade = np.maximum(shade - rng.uniform(0.3, 2.2), 0.0)
        facets = np.tanh(sharpness * shade) / np.tanh(sharpness)
        strength = float(np.exp(rng.uniform(np.log(0.01), np.log(0.4))))
        phase += np.float32(strength) * facets.astype(np.float32)
        loss += np.float32(0.5 * strength) * (facets - facets.min()).astype(np.float32)
    cover.phase += saturate(phase)
    cover.loss += loss
    cover.mask[:] = True


def _cover(cover: Cover, window: tuple, covered: NDArray, centre: Centre, kind: str) -> None:
    cover.mask[window] |= covered
    cover.centres.append((float(centre[0]), float(centre[1])))
    cover.kinds.append(kind)
