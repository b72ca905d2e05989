"""Sorting while aligning: planted kinds, turns and shifts are found again."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpick.classes.alignment import align, assign
from napari_unetpick.classes.averages import (
    centre_of,
    centred,
    class_averages,
    particle_sign,
    turned,
)
from napari_unetpick.classes.polar import ANGLES, PolarGrid
from planted_kinds import DIAMETER, planted_images


def no_step(done: int, total: int) -> None:
    """Nobody is told."""


@pytest.fixture(scope="module")
def sorted_images():
    images, kinds, shifts, angles = planted_images(500, noise=1.0)
    return images, kinds, shifts, angles, align(images, DIAMETER, 6, no_step, seed=1)


def test_classes_hold_one_kind_each(sorted_images):
    _, kinds, _, _, found = sorted_images
    sizes = np.bincount(found.classes, minlength=6)
    shares = np.bincount(found.classes, kinds, minlength=6) / sizes
    assert (np.maximum(shares, 1 - shares) * sizes).sum() / sizes.sum() > 0.97


def test_shifts_are_found_after_centring(sorted_images):
    images, _, shifts, _, found = sorted_images
    averages = class_averages(images, found, 6)
    assert particle_sign(averages, np.bincount(found.classes, minlength=6), DIAMETER) == 1
    recentred = centred(found, averages, 1, DIAMETER)
    error = recentred.shifts - shifts
    # a bar with a head has its centre of mass beside the point that it was drawn around
    rings = sorted_images[1] == 1
    before, after = (np.sqrt((each[rings] ** 2).mean()) for each in (shifts, error))
    assert before > 1.3
    assert after < 0.6


def test_averages_are_clearer_than_images(sorted_images):
    images, *_, found = sorted_images
    averages = class_averages(images, found, 6)
    middle = np.hypot(*(np.mgrid[:48, :48] - 23.5)) > 20
    assert averages[:, middle].std() < 0.3 * images[:, middle].std()


def test_correlations_are_high_without_noise():
    images, *_ = planted_images(60, noise=0.02)
    found = align(images, DIAMETER, 4, no_step)
    assert np.median(found.correlations) > 0.9
    assert found.correlations.max() <= 1.0 + 1e-6


def test_one_seed_gives_one_result():
    images, *_ = planted_images(80, noise=0.5)
    first, second = (align(images, DIAMETER, 4, no_step, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.classes, second.classes)
    np.testing.assert_array_equal(first.shifts, second.shifts)


def test_a_turn_is_a_phase_and_products_are_those_of_the_images():
    images, _, _, _ = planted_images(1, noise=0.0, seed=4)
    quarter = turned(images[0], np.zeros(2), np.pi / 2)
    spectra = PolarGrid(48, DIAMETER).spectra(np.stack([images[0], quarter]))
    grid = PolarGrid(48, DIAMETER)
    middle = int(np.flatnonzero((grid.shifts == 0).all(axis=1))[0])
    first, second = spectra[:, 0, middle], spectra[:, 1, middle]
    phase = np.exp(2j * np.pi / ANGLES * (ANGLES // 4) * np.arange(len(first)))[:, None]
    assert np.abs(first * phase - second).max() < 0.05 * np.abs(first).max()
    disc = np.hypot(*(np.mgrid[:48, :48] - 23.5)) <= 0.6 * DIAMETER
    product = (first * second.conj()).sum().real
    assert product == pytest.approx((images[0] * quarter)[disc].sum(), rel=0.1)


def test_no_class_takes_all():
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 1, (400, 10)) + 3.0 * (np.arange(10) == 2)
    assert np.bincount(scores.argmax(axis=1), minlength=10).max() > 300
    assert np.bincount(assign(scores), minlength=10).max() <= 2 * 40
    apart = np.repeat(np.eye(4), 25, axis=0)
    np.testing.assert_array_equal(assign(apart), np.repeat(np.arange(4), 25))


@pytest.mark.parametrize("neighbour", [0.0, 1.0, 2.0])
def test_a_neighbour_does_not_move_the_centre(neighbour: float):
    """A particle of two walls, 2 px from the middle, and another one half a diameter beyond."""
    row, col = np.mgrid[:48, :48] - 23.5
    walls = sum(np.exp(-((row - 2) ** 2) / 50 - ((col - side) ** 2) / 4) for side in (-5, 5))
    beside = np.exp(-((row + 16) ** 2 + col**2) / 6)
    centre = centre_of((walls + neighbour * beside).astype(np.float32), DIAMETER)
    np.testing.assert_allclose(centre, [2, 0], atol=0.3)
