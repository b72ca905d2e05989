"""The noise-free map of a molecule, and how far a reconstruction agrees with it (FSC)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_unetpick.simulate.molecules.beads import BEAD_SIGMA, Molecule

FINER = 2  # grid points a voxel on which beads are laid
MARGIN, EDGE = 10.0, 4.0  # A beyond the longest axis, voxels of the soft edge


def molecule_map(molecule: Molecule, box: int, voxel: float) -> np.ndarray:
    """Return the molecule's potential without noise, (box, box, box) z, y, x, centre at box / 2.

    Beads are laid on a grid `FINER` times as fine and cropped in Fourier space, as RELION's own
    programs would rescale a map.
    """
    side = box * FINER
    points = molecule.beads[:, ::-1] * FINER / voxel + side // 2
    corner = np.floor(points).astype(np.intp)
    part = points - corner
    fine = np.zeros((side,) * 3)
    for step in np.ndindex(2, 2, 2):
        share = np.prod(np.where(step, part, 1 - part), axis=1)
        np.add.at(fine, tuple((corner + step).T), share * molecule.strengths)
    spectrum = np.fft.fftshift(np.fft.fftn(fine))
    low = (side - box) // 2
    spectrum = np.fft.ifftshift(spectrum[(slice(low, low + box),) * 3])
    squared = radii(box) ** 2 / (box * voxel) ** 2
    return np.fft.ifftn(spectrum * np.exp(-2 * (np.pi * BEAD_SIGMA) ** 2 * squared)).real


def radii(box: int) -> np.ndarray:
    """Distance of each point of an fftn grid (box, box, box) from the origin, shells."""
    along = np.fft.fftfreq(box, 1 / box)
    return np.sqrt(sum(axis**2 for axis in np.meshgrid(along, along, along, sparse=True)))


def soft_sphere(box: int, radius: float) -> np.ndarray:
    """Return a mask of a sphere around box / 2, voxels, that falls to 0 as a cosine."""
    away = np.fft.fftshift(radii(box))
    return 0.5 * (1 + np.cos(np.pi * np.clip((away - radius) / EDGE, 0, 1)))


def shell_correlation(one: np.ndarray, other: np.ndarray, radius: float) -> np.ndarray:
    """Fourier shell correlation of two maps within a sphere of `radius` voxels, (box / 2,)."""
    box = len(one)
    mask, shell = soft_sphere(box, radius), np.rint(radii(box)).astype(int).ravel()
    first, second = (np.fft.fftn(each * mask).ravel() for each in (one, other))
    sums = [
        np.bincount(shell, each)[: box // 2]
        for each in ((first * second.conj()).real, abs(first) ** 2, abs(second) ** 2)
    ]
    return sums[0] / np.sqrt(sums[1] * sums[2])


def crossing(curve: np.ndarray, level: float) -> float:
    """Return the shell, with a fraction, from which on the curve is below a level."""
    below = np.flatnonzero(curve[1:] < level) + 1
    if not len(below):
        return float(len(curve))
    end = int(below[0])
    before, after = curve[end - 1], curve[end]
    return float(end - 1 + (before - level) / (before - after))


def read_map(path: Path) -> np.ndarray:
    """Read a map, (z, y, x)."""
    import mrcfile

    with mrcfile.open(path, permissive=True) as file:
        return np.array(file.data, np.float64)
