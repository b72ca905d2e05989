"""The noise-free map of a molecule, and how far a reconstruction agrees with it (FSC)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_unetpick.simulate.molecules.beads import BEAD_SIGMA, Molecule
from napari_unetpick.simulate.molecules.projection import splat

FINER = 2  # grid points a voxel on which beads are laid
VIEWS, TURN = 100, 12
BAND = (20.0, 160.0)  # A
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


def projections(molecule: Molecule, side: int, pixel_size: float) -> np.ndarray:
    """Return band-passed spectra of views in all directions, (views, side, side // 2 + 1).

    `VIEWS` directions of equal area, each turned in the plane in steps of `TURN` degrees.
    """
    k = np.arange(VIEWS) + 0.5
    z, around = 1 - 2 * k / VIEWS, k * np.pi * (1 + 5**0.5)
    tilt = np.arccos(z)
    band = band_pass(side, pixel_size)
    found = []
    for rot, down in zip(around, tilt, strict=True):
        about, over = np.array([np.cos(rot), np.sin(rot)]), np.array([np.cos(down), np.sin(down)])
        axis = np.array([-about[1], about[0], 0.0])
        other = np.array([over[0] * about[0], over[0] * about[1], -over[1]])
        flat = molecule.beads @ np.column_stack([axis, other])
        for angle in np.deg2rad(np.arange(0, 360, TURN)):
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            image = np.zeros((side, side))
            splat(image, flat @ turn / pixel_size + side // 2, molecule.strengths)
            found.append(np.fft.rfft2(image) * band)
    return normalised(np.array(found))


def band_pass(side: int, pixel_size: float) -> np.ndarray:
    """Keep periods in `BAND` (A) of an rfft2 of (side, side)."""
    rows, cols = np.fft.fftfreq(side, pixel_size)[:, None], np.fft.rfftfreq(side, pixel_size)
    period = 1 / np.maximum(np.hypot(rows, cols), 1e-9)
    return (period >= BAND[0]) & (period <= BAND[1])


def normalised(spectra: np.ndarray) -> np.ndarray:
    """Scale rfft2 spectra (N, side, side // 2 + 1) so that each image has norm 1."""
    images = np.fft.irfft2(spectra)
    norm = np.sqrt((images**2).sum(axis=(1, 2)))
    return spectra / np.maximum(norm, 1e-12)[:, None, None]


def likeness(averages: np.ndarray, views: np.ndarray, pixel_size: float) -> np.ndarray:
    """Return the highest correlation of each average (K, side, side) with any view, any shift."""
    side = averages.shape[1]
    own = normalised(np.fft.rfft2(averages) * band_pass(side, pixel_size))
    return np.array([np.fft.irfft2(views * each.conj()).max() for each in own])
