"""Peaks: planted positions are found again, to a tenth of a pixel."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from napari_unetpick.picking.peaks import find_peaks, keep_distant

DIAMETER = 24.0


def plant(shape, centres, heights, sigma=4.0):
    """Gaussian bumps at sub-pixel (row, col)."""
    row, col = np.indices(shape, dtype=float)
    scores = np.zeros(shape)
    for (r, c), height in zip(centres, heights, strict=True):
        scores += height * np.exp(-((row - r) ** 2 + (col - c) ** 2) / (2 * sigma**2))
    return scores.astype(np.float32)


def brute_force(coords, scores, distance):
    """The greedy loop as one would say it."""
    apart = np.linalg.norm(coords[:, None] - coords[None], axis=2)
    kept: list[int] = []
    for index in sorted(range(len(scores)), key=lambda i: (-scores[i], i)):
        if (apart[index, kept] >= distance).all():
            kept.append(index)
    return kept


def test_sub_pixel_positions_are_recovered():
    rng = np.random.default_rng(5)
    grid = np.stack(np.meshgrid(np.arange(20, 221, 28), np.arange(20, 301, 28), indexing="ij"), -1)
    truth = grid.reshape(-1, 2) + rng.uniform(-0.5, 0.5, (grid.size // 2, 2))
    heights = rng.uniform(0.2, 0.95, len(truth))
    coords, scores = find_peaks(plant((241, 321), truth, heights), DIAMETER)
    assert len(coords) == len(truth)
    distance, owner = cKDTree(truth).query(coords)
    assert distance.max() < 0.1
    assert len(set(owner)) == len(truth)
    assert (np.diff(scores) <= 0).all()
    assert np.corrcoef(scores, heights[owner])[0, 1] > 0.999


def test_particles_with_their_centre_outside_are_left_out():
    rim = 16
    truth = np.array([[100.0, 80], [0.3, 150], [-4.0, 60], [50, 203.0], [120.4, 199]])
    wide = plant((121 + 2 * rim, 200 + 2 * rim), truth + rim, [0.9, 0.8, 0.9, 0.7, 0.6])
    coords, scores = find_peaks(wide, DIAMETER, rim=rim)
    np.testing.assert_allclose(coords, [[100, 80], [0.3, 150], [120, 199]], atol=0.1)
    np.testing.assert_allclose(scores, sorted(scores, reverse=True))


def test_a_saturated_disc_is_one_candidate_at_its_centre():
    row, col = np.indices((120, 140), dtype=float)
    centre = np.array([60.3, 71.8])
    disc = np.hypot(row - centre[0], col - centre[1]) <= 0.2 * DIAMETER
    coords, scores = find_peaks(disc.astype(np.float32), DIAMETER)
    assert len(coords) == 1
    assert np.linalg.norm(coords[0] - np.mean(disc.nonzero(), axis=1)) < 0.1
    assert scores[0] > 0.9


def test_a_map_that_is_one_plateau_is_thinned_and_leaves_peaks_beside_it_alone():
    score_map = plant((600, 600), [(500, 100), (503, 400)], [0.8, 0.7])
    score_map[:400] = 1.0
    coords, scores = find_peaks(score_map, DIAMETER)
    beside = coords[(coords[:, 0] > 400 + DIAMETER) & (scores > 0.3)]
    np.testing.assert_allclose(beside, [[500, 100], [503, 400]], atol=0.1)
    inside = coords[coords[:, 0] < 400]
    assert 0.3 < len(inside) * (DIAMETER / 4) ** 2 / (400 * 600) < 1.2  # as many as have room
    assert not cKDTree(coords).query_pairs(np.nextafter(DIAMETER / 4, 0))


def test_a_pair_closer_than_a_quarter_diameter_is_one_candidate():
    apart = DIAMETER / 4 - 1
    near = plant((80, 80), [(40, 40), (40, 40 + apart)], [0.9, 0.7], sigma=1.5)
    assert len(find_peaks(near, DIAMETER)[0]) == 1
    touching = plant((80, 80), [(40, 28), (40, 28 + 0.8 * DIAMETER)], [0.9, 0.7], sigma=3)
    coords, _ = find_peaks(touching, DIAMETER)
    assert len(coords) == 2
    assert coords[0, 1] < coords[1, 1]


def test_every_two_candidates_are_a_quarter_diameter_apart():
    noise = np.random.default_rng(2).uniform(0, 1, (150, 170)).astype(np.float32)
    coords, scores = find_peaks(noise, DIAMETER)
    assert len(coords) > 20
    assert not cKDTree(coords).query_pairs(np.nextafter(DIAMETER / 4, 0))
    assert (np.diff(scores) <= 0).all()


@pytest.mark.parametrize("value", [0.0, 0.019])
def test_an_empty_map_has_no_candidates(value):
    coords, scores = find_peaks(np.full((50, 60), value, np.float32), DIAMETER)
    assert coords.shape == (0, 2)
    assert scores.shape == (0,)


@pytest.mark.parametrize("centre", [(0, 0), (0, 45), (99, 119), (50.2, 119), (99, 3.4)])
def test_peaks_on_the_border_are_found_inside_the_image(centre):
    coords, _ = find_peaks(plant((100, 120), [centre], [0.8]), DIAMETER)
    assert len(coords) == 1
    assert np.linalg.norm(coords[0] - centre) < 0.6
    assert (coords >= 0).all()
    assert (coords <= [99, 119]).all()


def test_equal_peaks_come_in_reading_order():
    one = np.zeros((100, 100), np.float32)
    places = [(20, 70), (20, 20), (70, 45)]
    for row, col in places:
        one[row, col] = 1.0
    coords, scores = find_peaks(one, DIAMETER, floor=0.001)
    assert scores[0] == scores[1] == scores[2]
    np.testing.assert_allclose(coords, sorted(places), atol=1e-6)


def test_keep_distant_is_the_greedy_loop():
    rng = np.random.default_rng(11)
    for distance in (0.5, 3.0, 9.0):
        coords = rng.uniform(0, 60, (300, 2)).round(1)
        scores = rng.uniform(0, 1, 300).round(1)  # many ties
        kept = keep_distant(coords, scores, distance)
        assert kept.tolist() == brute_force(coords, scores, distance)


def test_keep_distant_at_its_edges():
    two = np.array([[0.0, 0.0], [3.0, 4.0]])
    scores = np.array([0.5, 0.6])
    assert keep_distant(two, scores, 5.0).tolist() == [1, 0]  # exactly as far as asked: both stay
    assert keep_distant(two, scores, 5.001).tolist() == [1]
    assert keep_distant(two, np.array([0.5, 0.5]), 6.0).tolist() == [0]  # a tie: the first stays
    assert keep_distant(two, scores, 0.0).tolist() == [1, 0]
    assert keep_distant(np.empty((0, 2)), np.empty(0), 5.0).tolist() == []
    # what a removed point would have removed stays: 0 removes 1, so 2 lives
    chain = np.array([[0.0, 0.0], [0.0, 4.0], [0.0, 8.0]])
    assert keep_distant(chain, np.array([0.9, 0.8, 0.7]), 5.0).tolist() == [0, 2]
