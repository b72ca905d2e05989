"""Molecules made from code: clouds of residue-sized beads, symmetrised by a point group."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.simulate.molecules.poses import point_group

RESIDUE_VOLUME = 134.0
"""Mean volume of an amino-acid residue in a folded protein, A^3 (110 Da x 1.21 A^3/Da)."""
PROTEIN_EXCESS = 2.5
"""Mean inner potential of protein (about 7 V) less that of vitreous ice (about 4.5 V), volts
(Vulovic et al. 2013, J. Struct. Biol. 183, 19-32)."""
NUCLEIC_EXCESS = 4.5
"""The same for nucleic acid, which is denser and full of phosphorus; volts."""
BEAD_SIGMA = 2.5
"""Standard deviation of a bead's Gaussian, A: detail finer than about 6 A is not modelled."""
CUBE_DIRECTIONS = np.array([*np.ndindex(3, 3, 3)])[14:].T - 1.0
CUBE_DIRECTIONS /= np.linalg.norm(CUBE_DIRECTIONS, axis=0)
"""(3, 13) directions to a cube's faces, edges and corners, one of each two that are opposite."""


@dataclass(frozen=True)
class Molecule:
    """A molecule as Gaussian beads around its centre of mass.

    Parameters
    ----------
    name
        What it is called in samples and truth files.
    beads
        (N, 3) positions, (x, y, z), A, centre of mass at the origin.
    strengths
        (N,) excess potential of a bead over ice, integrated over its volume, V A^3.
    symmetry
        Point group, as RELION names it.
    diameter_A, width_A
        Longest and shortest axis, A: twice the distance from the centre within which 99 % of the
        mass lies, and the least of the widths that hold 98 % of it along the principal axes; the
        mean over `CUBE_DIRECTIONS` where a cubic symmetry makes them all alike.
    """

    name: str
    beads: NDArray[np.float64] = field(repr=False)
    strengths: NDArray[np.float64] = field(repr=False)
    symmetry: str
    diameter_A: float
    width_A: float


@dataclass(frozen=True)
class Lobe:
    """An ellipsoid of protein (or nucleic acid) in the asymmetric unit; lengths in A.

    `semi_axes` are the thickness away from the molecule's centre, the width across, and the length
    along `axis`.
    """

    centre: tuple[float, float, float]
    semi_axes: tuple[float, float, float]
    axis: tuple[float, float, float] = (0.0, 0.0, 1.0)
    excess: float = PROTEIN_EXCESS
    packing: float = 0.88  # the rest of the ellipsoid is clefts filled with solvent


def lobe_frame(lobe: Lobe) -> NDArray[np.float64]:
    """Rows: the unit vectors away from the molecule's centre, across, and along the lobe's axis."""
    along = np.array(lobe.axis) / np.linalg.norm(lobe.axis)
    away = np.array(lobe.centre) + np.array([1e-3, 2e-3, 3e-3])  # a centred lobe has some frame too
    away = away - (away @ along) * along
    away /= np.linalg.norm(away)
    return np.array([away, np.cross(along, away), along])


def lobe_beads(lobe: Lobe, rng: np.random.Generator) -> NDArray[np.float64]:
    """Fill a lobe with residues at random, (n, 3), A, so that its mass follows from its volume."""
    semi_axes = np.array(lobe.semi_axes)
    count = round(4.0 / 3.0 * np.pi * np.prod(semi_axes) * lobe.packing / RESIDUE_VOLUME)
    directions = rng.standard_normal((count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    inside = directions * np.cbrt(rng.random((count, 1))) * semi_axes
    return inside @ lobe_frame(lobe) + np.array(lobe.centre)


def assemble(name: str, lobes: list[Lobe], symmetry: str, seed: int) -> Molecule:
    """Fill the lobes of the asymmetric unit, repeat them by the symmetry, centre and measure."""
    rng = np.random.default_rng(seed)
    unit = [lobe_beads(lobe, rng) for lobe in lobes]
    strengths = np.concatenate(
        [
            np.full(len(part), lobe.excess * RESIDUE_VOLUME)
            for part, lobe in zip(unit, lobes, strict=True)
        ]
    )
    rotations = point_group(symmetry)
    beads = np.einsum("gij,nj->gni", rotations, np.concatenate(unit)).reshape(-1, 3)
    strengths = np.tile(strengths, len(rotations))
    # Only what the symmetry leaves free may be moved, else the axis would no longer pass through 0.
    free = np.linalg.norm(rotations.mean(axis=0), axis=1) > 0.5
    beads = beads - np.average(beads, axis=0, weights=strengths) * free
    return Molecule(name, beads, strengths, symmetry, *extents(beads))


def extents(beads: NDArray[np.float64]) -> tuple[float, float]:
    """Measure the longest and the shortest axis of a bead cloud (N, 3), A."""
    diameter = 2.0 * np.quantile(np.linalg.norm(beads, axis=1), 0.99) + 2.0 * BEAD_SIGMA
    variances, axes = np.linalg.eigh(np.cov(beads.T))
    alike = np.isclose(variances, np.roll(variances, 1), rtol=1e-6, atol=0)
    # Which of the axes that are alike a processor finds depends on its rounding.
    if alike.all():
        axes = CUBE_DIRECTIONS
    elif alike.any():
        axes = np.eye(3)  # a symmetry's own axis is z
    low, high = np.quantile(beads @ axes, [0.01, 0.99], axis=0)
    widths = high - low
    width = (widths.mean() if alike.all() else widths.min()) + 2.0 * BEAD_SIGMA
    return float(diameter), float(min(width, diameter))
