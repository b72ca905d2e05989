"""Class averages, and the centre of what they show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy
from numpy.typing import NDArray

from napari_unetpick.classes.alignment import Alignment
from napari_unetpick.classes.polar import MASK, Floats

SHOWN = 0.3  # of the largest density: what lies above it is the particle
NEAR = 0.45  # diameters from the middle: a part of the average that lies farther is a neighbour


def class_averages(images: Floats, found: Alignment, count: int) -> Floats:
    """Average the (N, S, S) images of each class, turned and shifted alike: (count, S, S).

    A class without images is 0.
    """
    side = images.shape[1]
    averages = np.zeros((count, side, side), np.float32)
    for number in range(count):
        members = np.flatnonzero(found.classes == number)
        for index in members:
            averages[number] += turned(images[index], found.shifts[index], found.angles[index])
        averages[number] /= max(len(members), 1)
    return averages


def turned(image: Floats, shift: NDArray[np.float64], angle: float) -> Floats:
    """Return an image turned back by `angle` (radians) around its middle plus `shift`."""
    middle = (len(image) - 1) / 2
    cosine, sine = np.cos(angle), np.sin(angle)
    matrix = np.array([[cosine, sine], [-sine, cosine]])
    offset = shift + middle - matrix @ [middle, middle]
    return np.asarray(
        scipy.ndimage.affine_transform(image, matrix, offset, order=1, mode="nearest"), np.float32
    )


def particle_sign(averages: Floats, sizes: NDArray[np.intp], diameter: float) -> int:
    """Return 1 where particles are brighter than what surrounds them, else -1."""
    mean = np.average(averages, axis=0, weights=np.maximum(sizes, 1e-9))
    away = _from_middle(len(mean))
    return 1 if mean[away < 0.35 * diameter].mean() > mean[away > MASK * diameter].mean() else -1


def centred(found: Alignment, averages: Floats, sign: int, diameter: float) -> Alignment:
    """Return the alignment with its shifts to the centres of mass of the class averages."""
    offsets = np.array([centre_of(sign * average, diameter) for average in averages])
    rows, cols = offsets[found.classes].T
    cosine, sine = np.cos(found.angles), np.sin(found.angles)
    moved = np.stack([cols * sine + rows * cosine, cols * cosine - rows * sine], axis=1)
    return replace(found, shifts=found.shifts + moved)


def centre_of(average: Floats, diameter: float) -> NDArray[np.float64]:
    """Return the centre of mass (row, col), from the middle, of what is bright in the disc.

    Parts of it that lie apart and far from the middle are neighbours, and do not count.
    """
    side = len(average)
    middle = (side - 1) / 2
    away = _from_middle(side)
    inside = away <= MASK * diameter
    level = average - np.median(average[~inside])
    brightest = level[away <= NEAR * diameter].max()
    mass = np.where(inside, np.clip(level - SHOWN * brightest, 0, None), 0)
    parts, count = scipy.ndimage.label(mass > 0)
    places = np.array(scipy.ndimage.center_of_mass(mass, parts, np.arange(1, count + 1)))
    own = np.hypot(*(places.reshape(-1, 2) - middle).T) <= NEAR * diameter
    if not own.any():
        return np.zeros(2)
    mass = mass * np.concatenate([[False], own])[parts]
    return np.array(scipy.ndimage.center_of_mass(mass), np.float64) - middle


def _from_middle(side: int) -> NDArray[np.float64]:
    grid = np.arange(side) - (side - 1) / 2
    return np.asarray(np.hypot(grid[:, None], grid[None, :]))
