"""Where molecules lie: crowding, overlap, aggregates, broken molecules and fragments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.simulate.frame import Frame, smooth_field
from napari_unetpick.simulate.molecules.beads import Molecule
from napari_unetpick.simulate.molecules.catalogue import build_molecule
from napari_unetpick.simulate.molecules.poses import random_quaternions, turned_in_plane
from napari_unetpick.simulate.sample import Sample

OVERLAP_SHARE = 0.15
"""A molecule overlaps when more than this share of its area is also another molecule's."""


@dataclass
class Body:
    """One molecule or a piece of one, somewhere on the grid."""

    centre: NDArray[np.float64]  # (row, col), pixels of the grid
    quaternion: NDArray[np.float64]
    kind: str  # the molecule's name, or "broken", "aggregate", "fragment", "foreign"
    kept: NDArray[np.intp] | None = None  # the beads that are left, None for all
    molecule: Molecule | None = None  # None for the sample's own


def mean_diameter(molecule: Molecule) -> float:
    """Geometric mean of the longest and the shortest axis, A: the room a molecule takes."""
    return float(np.sqrt(molecule.diameter_A * molecule.width_A))


def place_bodies(
    frame: Frame,
    sample: Sample,
    thickness: NDArray[np.float32],
    mask: NDArray[np.bool_],
    rng: np.random.Generator,
) -> list[Body]:
    """Place aggregates first, then molecules around them, some of them broken, then fragments.

    `mask` (grid) is True where nothing could be seen; aggregates are added to it.
    """
    levels, molecule = sample.contamination, sample.particle
    bodies: list[Body] = []
    for centre in frame.random_positions(rng.poisson(levels.aggregates * frame.area), rng):
        bodies += aggregate(frame, molecule, centre, mask, rng)
    room = mean_diameter(molecule)
    count = rng.poisson(sample.coverage * frame.area * 1e8 / (0.25 * np.pi * room**2))
    centres = scatter(
        frame, count, room, sample.overlap, site_weights(frame, room, thickness, rng), mask, rng
    )
    quaternions = random_quaternions(len(centres), rng)
    broken = rng.random(len(centres)) < levels.broken
    for centre, quaternion, breaks in zip(centres, quaternions, broken, strict=True):
        kept = break_molecule(molecule, rng) if breaks else None
        bodies.append(Body(centre, quaternion, "broken" if breaks else molecule.name, kept))
    if levels.foreign:
        other = build_molecule(levels.foreign_molecule)
        for body in bodies:
            if body.kind == molecule.name and rng.random() < levels.foreign:
                body.kind, body.molecule = "foreign", other
    return bodies + fragments(frame, molecule, levels.debris * count, rng)


def lay_down(bodies: list[Body], sample: Sample, rng: np.random.Generator) -> None:
    """Turn a fraction `sample.preferred` of the molecules into one of one to three views."""
    if not sample.preferred:
        return
    views = random_quaternions(int(rng.integers(1, 4)), rng)
    for body in bodies:
        if rng.random() < sample.preferred:
            view = views[int(rng.integers(len(views)))]
            body.quaternion = turned_in_plane(view, rng, wobble=0.15)


def site_weights(
    frame: Frame, room: float, thickness: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Relative density of molecules (grid): they gather in patches and shun ice too thin."""
    patches = np.exp(0.5 * smooth_field(frame, 10.0 * room, rng))
    return patches / (1.0 + np.exp((room - thickness) / (0.15 * room)))


def scatter(
    frame: Frame,
    count: int,
    room: float,
    overlap: float,
    weights: NDArray[np.float32],
    mask: NDArray[np.bool_],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Draw up to `count` centres (N, 2) `room` A apart, or with luck only a third of it."""
    spacing = room / frame.pixel_size
    proposals = frame.random_positions(30 * count + 30, rng)
    at = tuple(proposals.astype(np.intp).T)
    wanted = rng.random(len(proposals)) * weights.max() < weights[at]
    proposals = proposals[wanted & ~mask[at]]
    lucky = rng.random(len(proposals)) < overlap
    cells: dict[tuple[int, int], list[NDArray[np.float64]]] = {}
    accepted: list[NDArray[np.float64]] = []
    for centre, may_overlap in zip(proposals, lucky, strict=True):
        if len(accepted) == count:
            break
        row, col = int(centre[0] // spacing), int(centre[1] // spacing)
        near = [
            other
            for r in (row - 1, row, row + 1)
            for c in (col - 1, col, col + 1)
            for other in cells.get((r, c), ())
        ]
        nearest = min((np.hypot(*(centre - other)) for other in near), default=np.inf)
        if nearest >= spacing or (may_overlap and nearest >= spacing / 3.0):
            accepted.append(centre)
            cells.setdefault((row, col), []).append(centre)
    return np.array(accepted).reshape(-1, 2)


def aggregate(
    frame: Frame,
    molecule: Molecule,
    centre: NDArray[np.float64],
    mask: NDArray[np.bool_],
    rng: np.random.Generator,
) -> list[Body]:
    """Pile up 4-20 molecules, a third of them broken, each half on another, and mask the pile."""
    room = mean_diameter(molecule)
    centres = [centre]
    for _ in range(rng.integers(3, 20)):
        step = rng.standard_normal(2)
        step *= rng.uniform(0.35, 0.7) * room / frame.pixel_size / np.linalg.norm(step)
        centres.append(centres[rng.integers(len(centres))] + step)
    bodies = []
    for at, quaternion in zip(centres, random_quaternions(len(centres), rng), strict=True):
        kept = break_molecule(molecule, rng) if rng.random() < 1 / 3 else None
        bodies.append(Body(at, quaternion, "aggregate", kept))
        hide(mask, at, 0.5 * room / frame.pixel_size)
    return bodies


def hide(mask: NDArray[np.bool_], centre: NDArray[np.float64], radius: float) -> None:
    """Set a disc of `radius` pixels in the mask."""
    low = np.maximum(np.floor(centre - radius).astype(int), 0)
    high = np.maximum(np.ceil(centre + radius).astype(int) + 1, 0)
    window = mask[low[0] : high[0], low[1] : high[1]]
    rows, cols = np.ogrid[low[0] : low[0] + window.shape[0], low[1] : low[1] + window.shape[1]]
    window |= (rows - centre[0]) ** 2 + (cols - centre[1]) ** 2 <= radius**2


def break_molecule(molecule: Molecule, rng: np.random.Generator) -> NDArray[np.intp]:
    """Cut a molecule along a wavy surface, keep 25-60 % of its beads and return their indices."""
    axes, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    height, along, across = (molecule.beads @ axes).T
    wave = 10.0 * (np.sin(along / 15.0 + rng.uniform(0.0, 6.0)) + np.sin(across / 20.0))
    return np.flatnonzero(height + wave <= np.quantile(height + wave, rng.uniform(0.25, 0.6)))


def fragments(
    frame: Frame, molecule: Molecule, mass: float, rng: np.random.Generator
) -> list[Body]:
    """Scatter pieces of 10-30 A radius that together weigh `mass` molecules."""
    bodies: list[Body] = []
    left = mass * len(molecule.beads)
    while left > 0:
        middle = molecule.beads[rng.integers(len(molecule.beads))]
        distance = np.linalg.norm(molecule.beads - middle, axis=1)
        kept = np.flatnonzero(distance < rng.uniform(10.0, 30.0))
        left -= len(kept)
        at = frame.random_positions(1, rng)[0]
        bodies.append(Body(at, random_quaternions(1, rng)[0], "fragment", kept))
    return bodies
