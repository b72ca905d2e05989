"""Molecules `diet-N`: small and large, long, ring-shaped, hollow, in a micelle, virus-like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.simulate.molecules.beads import (
    NUCLEIC_EXCESS,
    PROTEIN_EXCESS,
    RESIDUE_VOLUME,
    Lobe,
    Molecule,
    assemble,
)
from napari_unetpick.simulate.molecules.poses import point_group
from napari_unetpick.simulate.molecules.procedural import (
    PACKING,
    RESIDUE_MASS,
    is_plausible,
    random_lobes,
)

DETERGENT_EXCESS = 1.0
"""Mean inner potential of a micelle or of lipid less that of ice, volts: tails are below ice's
density, heads above it."""
LARGEST = 900.0
"""Longest axis, A."""
VOXELS = 40
"""Beads closer than this fraction of the diameter are one: finer than any pixel of the diet."""

Draw = Callable[[str, np.random.Generator], Molecule]


def diet_molecule(number: int) -> Molecule:
    """Draw the molecule `diet-<number>`, always the same one."""
    rng = np.random.default_rng(np.random.SeedSequence([number, 0x64696574]))
    names, weights = list(KINDS), np.array([share for share, _ in KINDS.values()])
    while True:
        kind = names[rng.choice(len(names), p=weights / weights.sum())]
        molecule = KINDS[kind][1](f"diet-{number}", rng)
        if molecule.diameter_A <= LARGEST:
            return merged(molecule)


def merged(molecule: Molecule) -> Molecule:
    """Merge beads of one voxel, at their centre of mass: large molecules need not cost more."""
    voxels = np.floor(molecule.beads * (VOXELS / molecule.diameter_A)).astype(int)
    _, owner = np.unique(voxels, axis=0, return_inverse=True)
    owner = owner.ravel()
    strengths = np.bincount(owner, molecule.strengths)
    beads = [np.bincount(owner, molecule.strengths * axis) / strengths for axis in molecule.beads.T]
    return replace(molecule, beads=np.stack(beads, axis=1), strengths=strengths)


def compact(name: str, rng: np.random.Generator) -> Molecule:
    """One to four lobes an asymmetric unit, any symmetry: 60 kDa to 4 MDa."""
    symmetries = ("C1", "C1", "C2", "C2", "C3", "C4", "C5", "C6", "D2", "D3", "D4", "D6", "D7", "O")
    while True:
        symmetry = str(rng.choice(symmetries))
        mass = float(np.exp(rng.uniform(np.log(60.0), np.log(4000.0))))
        if mass / len(point_group(symmetry)) < 12.0:
            continue
        lobes = random_lobes(symmetry, mass / len(point_group(symmetry)), rng)
        molecule = assemble(name, lobes, symmetry, int(rng.integers(2**31)))
        if is_plausible(molecule):
            return molecule


def chain(name: str, rng: np.random.Generator) -> Molecule:
    """A bent row of three to eight lobes, single or paired, two to six times as long as wide."""
    count, radius = int(rng.integers(3, 9)), rng.uniform(16.0, 38.0)
    bend = rng.uniform(0.0, 0.35)
    direction, at = np.array([0.0, 0.0, 1.0]), np.zeros(3)
    lobes = []
    for _ in range(count):
        own = radius * float(np.exp(rng.normal(0.0, 0.2)))
        lobes.append(_ellipsoid(at, own, rng))
        direction = direction + bend * rng.standard_normal(3)
        direction /= np.linalg.norm(direction)
        at = at + direction * own * rng.uniform(1.3, 1.9)
    middle = np.mean([lobe.centre for lobe in lobes], axis=0)
    aside = np.array([radius if rng.random() < 0.3 else 0.0, 0.0, 0.0])
    lobes = [
        replace(lobe, centre=_triple(np.array(lobe.centre) - middle + aside)) for lobe in lobes
    ]
    return assemble(name, lobes, "C2" if aside.any() else "C1", int(rng.integers(2**31)))


def ring(name: str, rng: np.random.Generator) -> Molecule:
    """Five to sixteen subunits around a hole, in one to four storeys."""
    order, storeys = int(rng.integers(5, 17)), int(rng.integers(1, 5))
    radius = rng.uniform(14.0, 30.0)
    out = radius * rng.uniform(0.8, 1.0) / np.sin(np.pi / order)
    lobes = []
    for storey in range(storeys):
        height = (storey - (storeys - 1) / 2) * 1.7 * radius
        lobes.append(_ellipsoid(np.array([out, 0.0, height]), radius, rng))
        if rng.random() < 0.3:  # a second domain outside or above
            shift = np.array([radius * rng.uniform(0.8, 1.5), 0.0, radius * rng.uniform(-1, 1)])
            place = np.array([out, 0.0, height]) + shift
            lobes.append(_ellipsoid(place, 0.7 * radius, rng))
    return assemble(name, lobes, f"C{order}", int(rng.integers(2**31)))


def shell(name: str, rng: np.random.Generator) -> Molecule:
    """A virus or cage of 150-700 A, of bumpy capsomers, empty or filled with nucleic acid."""
    radius = float(np.exp(rng.uniform(np.log(75.0), np.log(350.0))))
    thickness = rng.uniform(18.0, 45.0)
    count = int(np.clip(rng.uniform(0.5, 1.2) * 4 * (radius / thickness) ** 2, 24, 240))
    lobes = [
        _ellipsoid(direction * radius, thickness * rng.uniform(0.8, 1.2), rng)
        for direction in _sunflower(count)
    ]
    if rng.random() < 0.5:
        inner = radius - thickness * 1.1
        filling = rng.uniform(0.15, 0.6)
        lobes.append(
            Lobe((0.1, 0.2, 0.3), (inner, inner, inner), (0, 0, 1), NUCLEIC_EXCESS, filling)
        )
    return assemble(name, lobes, "C1", int(rng.integers(2**31)))


def membrane(name: str, rng: np.random.Generator) -> Molecule:
    """A membrane protein, C1 to C6, in a micelle or nanodisc, with or without soluble domains."""
    symmetry = f"C{rng.integers(1, 7)}"
    order = len(point_group(symmetry))
    mass = float(np.exp(rng.uniform(np.log(max(60.0, 14.0 * order)), np.log(700.0))))
    unit = mass / order
    radius = float(np.cbrt(0.5 * unit / RESIDUE_MASS * RESIDUE_VOLUME / PACKING * 0.2387))
    out = 0.0 if order == 1 else 0.9 * radius / np.sin(np.pi / order)
    lobes = [_ellipsoid(np.array([out, 0.0, 0.0]), radius, rng)]
    for side in (1.0, -1.0):
        if rng.random() < 0.6:
            own = radius * rng.uniform(0.5, 1.1)
            place = np.array([out * rng.uniform(0.7, 1.2), 0.0, side * (radius + 0.7 * own)])
            lobes.append(_ellipsoid(place, own, rng))
    belt = out + radius + rng.uniform(12.0, 30.0)
    disc = Lobe(
        (0.1, 0.2, 0.3),
        (belt, belt, rng.uniform(18.0, 26.0)),
        (0.0, 0.0, 1.0),
        DETERGENT_EXCESS / order,  # repeated by the symmetry
        0.8,
    )
    return assemble(name, [*lobes, disc], symmetry, int(rng.integers(2**31)))


def ribonucleoprotein(name: str, rng: np.random.Generator) -> Molecule:
    """Six to twelve irregular lobes, most of them nucleic acid, 0.3-4 MDa."""
    scale = rng.uniform(0.5, 1.1)
    at, lobes = np.zeros(3), []
    for _ in range(rng.integers(6, 13)):
        radius = scale * rng.uniform(28.0, 75.0)
        excess = NUCLEIC_EXCESS if rng.random() < 0.6 else PROTEIN_EXCESS
        lobes.append(replace(_ellipsoid(at, radius, rng), excess=excess, packing=0.6))
        step = rng.standard_normal(3)
        parent = np.array(lobes[int(rng.integers(len(lobes)))].centre)
        at = parent + step / np.linalg.norm(step) * radius * rng.uniform(0.9, 1.4)
    return assemble(name, lobes, "C1", int(rng.integers(2**31)))


def _ellipsoid(centre: NDArray[np.float64], radius: float, rng: np.random.Generator) -> Lobe:
    """Return a lobe of a sphere's volume, another shape, and any direction."""
    shape = np.exp(rng.normal(0.0, 0.2, size=3))
    axis = rng.standard_normal(3)
    semi_axes = radius * shape / np.cbrt(shape.prod())
    return Lobe(_triple(centre), _triple(semi_axes), _triple(axis), PROTEIN_EXCESS, PACKING)


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    first, second, third = (float(value) for value in values)
    return first, second, third


def _sunflower(count: int) -> NDArray[np.float64]:
    """Return (count, 3) directions spread evenly over the sphere (Fibonacci's lattice)."""
    height = 1 - (2 * np.arange(count) + 1) / count
    turn = np.pi * (1 + 5**0.5) * np.arange(count)
    wide = np.sqrt(1 - height**2)
    return np.stack([wide * np.cos(turn), wide * np.sin(turn), height], axis=1)


KINDS: dict[str, tuple[float, Draw]] = {
    "compact": (0.45, compact),
    "chain": (0.12, chain),
    "ring": (0.12, ring),
    "shell": (0.09, shell),
    "membrane": (0.13, membrane),
    "ribonucleoprotein": (0.09, ribonucleoprotein),
}
"""How often each kind is drawn, and what draws it."""
