"""Sorts images into classes while it turns and shifts them: k-means with alignment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.classes.polar import ANGLES, HARMONICS, Floats, PolarGrid, Spectra

ITERATIONS = 15
RESEEDED = 9  # iterations after which a class that is nearly empty starts again
SMALLEST = 0.2  # of a class, in mean sizes
WITHIN = 3  # iterations of alignment within the first classes
FEATURES = 24  # principal components of the rotation-invariant features
WITHIN_FEATURES = 20  # iterations of the first k-means
LARGEST = 2.0  # of a class, in mean sizes
CHUNK = 256  # images at a time

Indices = NDArray[np.intp]
Step = Callable[[int, int], None]


@dataclass(frozen=True)
class Alignment:
    """Which class each of N images is in, and how it lies there.

    Parameters
    ----------
    classes
        (N,) class.
    shifts
        (N, 2) (row, col), pixels: where the particle's centre lies from the middle of the image.
    angles
        (N,) radians, from the columns towards the rows: how the particle is turned.
    correlations
        (N,) normalised correlation with the class average, on the disc of the particle.
    """

    classes: Indices
    shifts: NDArray[np.float64]
    angles: NDArray[np.float64]
    correlations: NDArray[np.float64]


def align(images: Floats, diameter: float, count: int, step: Step, seed: int = 0) -> Alignment:
    """Sort (N, side, side) images into `count` classes.

    Parameters
    ----------
    diameter
        Of the particle, pixels of the images.
    step
        Is told how many steps of how many are done.
    """
    total = WITHIN + ITERATIONS + 1
    step(0, total)
    grid = PolarGrid(images.shape[1], diameter)
    spectra = grid.spectra(images)
    middle = int(np.flatnonzero((grid.shifts == 0).all(axis=1))[0])
    classes = first_classes(spectra[:, :, middle], count, seed)
    references = spectra[:, _seeds(spectra[:, :, middle], classes, count), middle]
    for number in range(WITHIN):
        step(number + 1, total)
        scores, where = match(spectra, references)
        references = average(spectra, classes, where, count)
    for number in range(ITERATIONS):
        step(WITHIN + number + 1, total)
        scores, where = match(spectra, references)
        classes = assign(scores - 0.5 * _energy(references))
        references = average(spectra, classes, where, count)
        if number < RESEEDED:
            _reseed(references, spectra, classes, where)
    scores, where = match(spectra, references)
    own = np.arange(len(images)), classes
    chosen = where[own]
    norms = np.sqrt(_energy(spectra[:, own[0], chosen // ANGLES]) * _energy(references)[classes])
    return Alignment(
        classes,
        grid.between(match_own(spectra, references, classes)),
        np.asarray((chosen % ANGLES) * (2 * np.pi / ANGLES), np.float64),
        scores[own] / np.maximum(norms, 1e-12),
    )


def match(spectra: Spectra, references: Spectra) -> tuple[Floats, Indices]:
    """Return the largest scalar product of each image with each reference, and where it is.

    Returns
    -------
    (N, K) products, and (N, K) shift * ANGLES + angle.
    """
    _, count, shifts, _ = spectra.shape
    kept = references.shape[1]
    turns = _turns()
    best = np.empty((count, kept), np.float32)
    where = np.empty((count, kept), np.intp)
    flipped = references.conj().transpose(0, 2, 1)  # (H, R, K)
    for start in range(0, count, CHUNK):
        part = spectra[:, start : start + CHUNK]
        some = part.shape[1]
        products = np.matmul(part.reshape(HARMONICS, some * shifts, -1), flipped)  # (H, N T, K)
        waves = np.ascontiguousarray(np.moveaxis(products, 0, 2))
        curves = waves.view(np.float32).reshape(-1, 2 * HARMONICS) @ turns  # (N T K, A)
        curves = curves.reshape(some, shifts, kept, ANGLES)
        over_angle = curves.max(axis=3)  # (N, T, K)
        shift = over_angle.argmax(axis=1)  # (N, K)
        rows, columns = np.ogrid[:some, :kept]
        angle = curves[rows, shift, columns].argmax(axis=2)
        best[start : start + some] = over_angle[rows, shift, columns]
        where[start : start + some] = shift * ANGLES + angle
    return best, where


def match_own(spectra: Spectra, references: Spectra, classes: Indices) -> Floats:
    """Return each image's largest product over the angles with its own reference, (N, T)."""
    made = np.empty(spectra.shape[1:3], np.float32)
    turns = _turns()
    for start in range(0, len(classes), CHUNK):
        part = slice(start, start + CHUNK)
        own = references[:, classes[part], None].conj()
        waves = np.moveaxis((spectra[:, part] * own).sum(axis=3), 0, 2)  # (N, T, H)
        made[part] = (np.ascontiguousarray(waves).view(np.float32) @ turns).max(axis=2)
    return made


def average(spectra: Spectra, classes: Indices, where: Indices, count: int) -> Spectra:
    """Average the images of each class, (H, K, R), each turned and shifted to its reference."""
    harmonics = np.arange(HARMONICS)[:, None, None]
    made = np.zeros((HARMONICS, count, spectra.shape[3]), np.complex64)
    for number in range(count):
        members = np.flatnonzero(classes == number)
        if len(members):
            chosen = where[members, number]
            turn = np.exp(2j * np.pi / ANGLES * harmonics * (chosen % ANGLES)[None, :, None])
            made[:, number] = (spectra[:, members, chosen // ANGLES] * turn).mean(axis=1)
    return made


def assign(scores: NDArray[np.floating], largest: float = LARGEST) -> Indices:
    """Assign each of N images to one of K classes by (N, K) scores; none gets very large.

    A class that is too large costs the more, until at most `largest` mean sizes stay in it.
    """
    count, kept = scores.shape
    most = largest * count / kept
    spread = float(np.std(scores - scores.mean(axis=1, keepdims=True))) or 1.0
    price = np.zeros(kept)
    rate = 0.3 * spread
    classes = scores.argmax(axis=1)
    for _ in range(200):
        sizes = np.bincount(classes, minlength=kept)
        if sizes.max() <= most:
            break
        price += rate * np.maximum(sizes / most - 1, 0).clip(0, 1)
        rate *= 0.99
        classes = (scores - price).argmax(axis=1)
    return np.asarray(classes)


def first_classes(spectra: Spectra, count: int, seed: int) -> Indices:
    """Sort images by k-means of what no rotation changes: the harmonics' amplitudes, (H, N, R)."""
    features = np.abs(np.moveaxis(spectra, 1, 0)).reshape(spectra.shape[1], -1)
    features -= features.mean(axis=0)
    _, axes = np.linalg.eigh(features.T @ features)
    kept = features @ axes[:, -FEATURES:]
    rng = np.random.default_rng(seed)
    centres = kept[rng.choice(len(kept), 1)]
    while len(centres) < count:  # far from those there are (Arthur and Vassilvitskii 2007)
        away = _squared_distances(kept, centres).min(axis=1) + 1e-9
        centres = np.concatenate([centres, kept[rng.choice(len(kept), 1, p=away / away.sum())]])
    for _ in range(WITHIN_FEATURES):
        classes = _squared_distances(kept, centres).argmin(axis=1)
        full = np.bincount(classes, minlength=count) > 0
        for number in np.flatnonzero(full):
            centres[number] = kept[classes == number].mean(axis=0)
    return assign(-_squared_distances(kept, centres))


def _squared_distances(places: Floats, centres: Floats) -> NDArray[np.float64]:
    return np.asarray(((places[:, None] - centres) ** 2).sum(axis=2), np.float64)


def _seeds(spectra: Spectra, classes: Indices, count: int) -> Indices:
    """Return the image of each class whose energy is its median; any where it has none."""
    by_energy = np.argsort(_energy(spectra), kind="stable")
    seeds = by_energy[np.linspace(0, len(classes) - 1, count).astype(np.intp)]
    for number in np.unique(classes):
        members = by_energy[classes[by_energy] == number]
        seeds[number] = members[len(members) // 2]
    return seeds


def _reseed(references: Spectra, spectra: Spectra, classes: Indices, where: Indices) -> None:
    """Start classes that are nearly empty again with an image of the largest ones."""
    count = references.shape[1]
    sizes = np.bincount(classes, minlength=count)
    largest = list(np.argsort(-sizes))
    for number in np.flatnonzero(sizes < SMALLEST * len(classes) / count):
        source = largest.pop(0)
        members = np.flatnonzero(classes == source)
        half = members[: len(members) // 2]
        begun = average(spectra[:, half], classes[half], where[half], count)
        references[:, number] = begun[:, source]


def _energy(spectra: Spectra) -> NDArray[np.float64]:
    """Return the squared norms (K,) of (H, K, R)."""
    return np.asarray((np.abs(spectra) ** 2).sum(axis=(0, 2)), np.float64)


def _turns() -> Floats:
    """(2 H, A): real part of sum Z_k exp(i k a), from Re and Im of Z side by side."""
    phase = 2 * np.pi / ANGLES * np.outer(np.arange(HARMONICS), np.arange(ANGLES))
    made = np.empty((2 * HARMONICS, ANGLES), np.float32)
    made[0::2], made[1::2] = np.cos(phase), -np.sin(phase)
    return made
