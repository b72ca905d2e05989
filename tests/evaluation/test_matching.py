"""Matching: cases with answers by hand, and brute force on small random ones."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest

from napari_unetpick.evaluation import matching
from napari_unetpick.evaluation.matching import label_candidates, match_greedily, match_particles


def brute_force(picks, truth, radius):
    """The most matches, then the least total distance, by trying everything."""
    best = (0, 0.0)
    distance = np.hypot(*(picks[:, None] - truth[None]).transpose(2, 0, 1))
    slots = [*range(len(truth)), *[-1] * len(picks)]
    for choice in set(itertools.permutations(slots, len(picks))):
        pairs = [(i, j) for i, j in enumerate(choice) if j >= 0 and distance[i, j] <= radius[j]]
        total = sum(distance[i, j] for i, j in pairs)
        if (len(pairs), -total) > (best[0], -best[1]):
            best = (len(pairs), total)
    return best


def test_best_match_finds_more_than_greedy():
    picks, truth = [[0, 0], [0, 6]], [[0, 4], [0, 12]]
    assert match_particles(picks, truth, 6).tolist() == [0, 1]
    # by score, the second pick takes the nearest particle and the first is left with nothing
    assert match_greedily(picks, [0.1, 0.9], truth, 6).tolist() == [-1, 0]


def test_most_matches_come_before_least_distance():
    # the cheap single match (1 px) must give way to two dear ones (5 and 5 px)
    assert match_particles([[0, 5], [0, 11]], [[0, 0], [0, 6]], 5.5).tolist() == [0, 1]


def test_least_distance_decides_among_equals():
    assert match_particles([[0, 0], [0, 3]], [[0, 2]], 5).tolist() == [-1, 0]


def test_duplicates_match_once():
    assert sorted(match_particles([[5, 5]] * 3, [[5, 5]], 2).tolist()) == [-1, -1, 0]
    labels = label_candidates([[5, 5]] * 3, [0.5, 0.9, 0.7], [[5, 5]], 2)
    assert labels.tolist() == [False, True, False]


def test_one_pick_serves_one_of_two_particles():
    assert match_particles([[0, 0]], [[0, 1], [0, -2]], 3).tolist() == [0]


@pytest.mark.parametrize("distance, found", [(3.9, True), (4.0, True), (4.01, False)])
def test_radius_is_inclusive(distance, found):
    assert (match_particles([[0, distance]], [[0, 0]], 4.0)[0] >= 0) == found
    # 0.3 + 0.6 exceeds 0.9 by a rounding error; on paper it is equal
    assert match_particles([[0.3 + 0.6, 0]], [[0, 0]], 0.9)[0] == 0


def test_each_particle_has_its_own_radius():
    matched = match_particles([[0, 4], [50, 4]], [[0, 0], [50, 0]], np.array([5.0, 3.0]))
    assert matched.tolist() == [0, -1]


def test_nearest_free_particle_is_taken():
    truth = [[0, 0], [0, 5]]
    assert match_greedily([[0, 1], [0, 2]], [0.9, 0.8], truth, 4).tolist() == [0, 1]


def test_labels_do_not_depend_on_the_threshold():
    rng = np.random.default_rng(3)
    coords, truth, scores = rng.random((60, 2)) * 50, rng.random((40, 2)) * 50, rng.random(60)
    labels = label_candidates(coords, scores, truth, 6)
    for threshold in (0.2, 0.5, 0.8):
        keep = scores >= threshold
        again = label_candidates(coords[keep], scores[keep], truth, 6)
        assert (labels[keep] == again).all()


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("dense_entries", [100_000, 0])
def test_agrees_with_brute_force(seed, dense_entries, monkeypatch):
    monkeypatch.setattr(matching, "_DENSE_ENTRIES", dense_entries)
    rng = np.random.default_rng(seed)
    picks, truth = (
        rng.random((rng.integers(1, 5), 2)) * 10,
        rng.random((rng.integers(1, 6), 2)) * 10,
    )
    radius = rng.uniform(2, 6, len(truth))
    matched = match_particles(picks, truth, radius)
    hit = matched >= 0
    assert len(set(matched[hit])) == hit.sum()
    distance = np.hypot(*(picks[hit] - truth[matched[hit]]).T)
    assert (distance <= radius[matched[hit]] + 1e-9).all()
    count, total = brute_force(picks, truth, radius)
    assert hit.sum() == count
    assert distance.sum() == pytest.approx(total)


@pytest.mark.parametrize("picks, truth", [([], [[1, 1]]), ([[1, 1]], []), ([], [])])
def test_empty_sides(picks, truth):
    assert match_particles(picks, truth, 3).tolist() == [-1] * len(picks)
    assert label_candidates(picks, [0.5] * len(picks), truth, 3).tolist() == [False] * len(picks)


def test_refuses_what_is_no_coordinate():
    with pytest.raises(ValueError, match="finite"):
        match_particles([[np.nan, 0]], [[0, 0]], 1)
    with pytest.raises(ValueError, match="shape"):
        match_particles([[1, 2, 3]], [[0, 0]], 1)
    with pytest.raises(ValueError, match="radius"):
        match_particles([[1, 2]], [[0, 0]], -1)
    with pytest.raises(ValueError, match="scores"):
        label_candidates([[1, 2]], [0.1, 0.2], [[0, 0]], 1)


def test_a_thousand_by_a_thousand_is_fast():
    rng = np.random.default_rng(0)
    truth = rng.random((1000, 2)) * 4000
    picks = truth + rng.normal(0, 10, (1000, 2))
    times = []
    for _ in range(5):
        start = time.perf_counter()
        matched = match_particles(picks, truth, 60)
        times.append(time.perf_counter() - start)
    assert (matched >= 0).all()
    assert min(times) < 0.1  # 12 ms on a quiet machine
