"""Molecules drawn at random: other sizes, symmetries and shapes than anyone thought of."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

from napari_unetpick.simulate.molecules.beads import (
    NUCLEIC_EXCESS,
    PROTEIN_EXCESS,
    RESIDUE_VOLUME,
    Lobe,
    Molecule,
    assemble,
)
from napari_unetpick.simulate.molecules.poses import point_group

SYMMETRIES = ("C1", "C2", "C3", "C4", "C5", "C6", "C8", "D2", "D3", "D4", "D5", "D6", "D7", "O")
DIAMETERS = (80.0, 320.0)
MASSES = (100.0, 3000.0)
RESIDUE_MASS = 0.11
"""kDa."""
PACKING = 0.85
VOXEL = 10.0
"""A."""
DENSEST = 10.0


def random_molecule(number: int) -> Molecule:
    """Draw the molecule `random-<number>`, 100-3000 kDa and 80-320 A, always the same one.

    The mass is shared by the asymmetric units and theirs by one to four lobes. The first lobe lies
    where its copies just touch, the others grow from it outwards.
    """
    rng = np.random.default_rng(np.random.SeedSequence([number, 0x6D6F6C]))
    while True:
        symmetry = SYMMETRIES[rng.integers(len(SYMMETRIES))]
        order = len(point_group(symmetry))
        mass = np.exp(rng.uniform(*np.log(MASSES)))
        if mass / order < 10.0:  # kDa: an asymmetric unit is a protein, not a peptide
            continue
        lobes = random_lobes(symmetry, mass / order, rng)
        molecule = assemble(f"random-{number}", lobes, symmetry, int(rng.integers(2**31)))
        if DIAMETERS[0] <= molecule.diameter_A <= DIAMETERS[1] and is_plausible(molecule):
            return molecule


def is_plausible(molecule: Molecule) -> bool:
    """Whether a molecule is in one piece and no denser than protein is."""
    voxels = np.floor(molecule.beads / VOXEL).astype(int)
    voxels -= voxels.min(axis=0)
    counts = np.zeros(voxels.max(axis=0) + 1)
    np.add.at(counts, tuple(voxels.T), 1)
    _, pieces = scipy.ndimage.label(counts)
    # A voxel of protein holds PACKING * VOXEL^3 / RESIDUE_VOLUME = 6.3 beads; the mean over beads
    # counts the bead itself, 7.3. Lobes that lie inside one another would give 13.7.
    return pieces == 1 and counts[tuple(voxels.T)].mean() < DENSEST


def random_lobes(symmetry: str, unit_mass: float, rng: np.random.Generator) -> list[Lobe]:
    """Draw the lobes of an asymmetric unit of `unit_mass` kDa."""
    excess = NUCLEIC_EXCESS if rng.random() < 0.15 else PROTEIN_EXCESS
    shares = rng.dirichlet(np.full(rng.integers(1, 5), 4.0))
    volumes = shares * unit_mass / RESIDUE_MASS * RESIDUE_VOLUME / PACKING
    radii = np.cbrt(volumes * 3.0 / (4.0 * np.pi))
    centres = [first_centre(symmetry, radii[0], rng)]
    for index in range(1, len(radii)):
        parent = int(rng.integers(index))
        outwards = rng.standard_normal(3)
        outwards += 0.7 * centres[parent] / max(float(np.linalg.norm(centres[parent])), 1.0)
        reach = rng.uniform(0.65, 0.9) * (radii[parent] + radii[index])
        centres.append(centres[parent] + reach * outwards / np.linalg.norm(outwards))
    lobes = []
    for centre, radius in zip(centres, radii, strict=True):
        shape = np.exp(rng.normal(0.0, 0.2, size=3))
        semi_axes = radius * shape / np.cbrt(shape.prod())  # another shape, the same volume
        axis = rng.standard_normal(3)
        lobes.append(
            Lobe(
                (float(centre[0]), float(centre[1]), float(centre[2])),
                (float(semi_axes[0]), float(semi_axes[1]), float(semi_axes[2])),
                (float(axis[0]), float(axis[1]), float(axis[2])),
                excess,
                PACKING,
            )
        )
    return lobes


def first_centre(symmetry: str, radius: float, rng: np.random.Generator) -> np.ndarray:
    """Where a lobe of `radius` A touches its copies, or stands a little apart from them."""
    slack = rng.uniform(0.8, 1.0)
    if symmetry == "O":  # 24 discs that cover four fifths of a sphere
        direction = np.array([0.4, 0.2, 0.9]) + 0.1 * rng.standard_normal(3)
        return 2.7 * radius * slack * direction / np.linalg.norm(direction)
    order = int(symmetry[1:])
    from_axis = 0.0 if order == 1 else radius * slack / np.sin(np.pi / order)
    height = 0.8 * radius * slack if symmetry[0] == "D" else 0.0
    return np.array([from_axis, 0.0, height])
