"""Scores and curves against figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpick.evaluation.matching import match_particles
from napari_unetpick.evaluation.metrics import (
    average_precision,
    best_threshold,
    centring_errors,
    macro,
    pool,
    precision_recall_curve,
    score_counts,
)


def test_counts_make_a_score():
    score = score_counts(8, 10, 16)
    assert (score.precision, score.recall) == (0.8, 0.5)
    assert score.f1 == pytest.approx(16 / 26)


def test_empty_sides_have_defined_scores():
    assert score_counts(0, 0, 0).f1 == 1.0
    assert score_counts(0, 0, 5).precision == 0.0
    assert score_counts(0, 5, 0).recall == 0.0


def score(picks, truth, diameter, fraction=0.5):
    matched = match_particles(picks, truth, fraction * diameter)
    return score_counts(int((matched >= 0).sum()), len(matched), len(truth))


def test_duplicate_and_shifted_picks():
    truth = np.array([[10.0, 10.0], [10.0, 50.0], [50.0, 10.0], [50.0, 50.0]])
    # one exact, its duplicate, one shifted by 0.4 d, one by 0.6 d, one particle without a pick
    picks = [[10, 10], [11, 10], [10, 58], [50, 22]]
    half = score(picks, truth, 20)
    assert (half.n_matched, half.precision, half.recall) == (2, 0.5, 0.5)
    quarter = score(picks, truth, 20, fraction=0.25)
    assert quarter.n_matched == 1


def test_flipped_picks_score_next_to_nothing():
    rng = np.random.default_rng(1)
    truth = rng.random((60, 2)) * 1000
    flipped = truth.copy()
    flipped[:, 0] = 999 - truth[:, 0]
    assert score(truth, truth, 30).f1 == 1.0
    assert score(flipped, truth, 30).f1 < 0.15


def test_pooled_weighs_particles_and_macro_micrographs():
    scores = [score_counts(90, 100, 100), score_counts(0, 10, 10)]
    assert pool(scores).f1 == pytest.approx(90 / 110)
    assert macro(scores).f1 == pytest.approx(0.45)
    assert macro([]).n_micrographs == 0


def test_curve_by_hand():
    # true, false, true in descending score, three particles
    curve = precision_recall_curve([0.5, 0.9, 0.7], [True, True, False], 3)
    assert curve.thresholds.tolist() == [0.9, 0.7, 0.5]
    assert curve.precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3])
    assert curve.recall.tolist() == pytest.approx([1 / 3, 1 / 3, 2 / 3])
    assert curve.f1.tolist() == pytest.approx([2 / 4, 2 / 5, 4 / 6])
    assert best_threshold([0.5, 0.9, 0.7], [True, True, False], 3) == (0.5, pytest.approx(2 / 3))
    assert average_precision([0.5, 0.9, 0.7], [True, True, False], 3) == pytest.approx(
        1 / 3 + 2 / 9
    )


def test_equal_scores_stand_or_fall_together():
    curve = precision_recall_curve([0.5, 0.5, 0.5, 0.1], [True, False, True, True], 4)
    assert curve.thresholds.tolist() == [0.5, 0.1]
    assert curve.precision.tolist() == pytest.approx([2 / 3, 3 / 4])
    # whatever their order
    assert average_precision([0.5, 0.5], [True, False], 1) == average_precision(
        [0.5, 0.5], [False, True], 1
    )


def test_average_precision_of_random_scores_is_the_share_of_true_ones():
    rng = np.random.default_rng(0)
    labels = rng.random(20000) < 0.3
    assert average_precision(rng.random(20000), labels, int(labels.sum())) == pytest.approx(
        0.3, abs=0.02
    )


def test_no_candidates():
    assert average_precision([], [], 5) == 0.0
    assert best_threshold([], [], 5) == (np.inf, 0.0)


def test_centring_error_is_in_diameters():
    matched = np.array([0, -1, 1])
    errors = centring_errors([[0, 3], [9, 9], [50, 54]], [[0, 0], [50, 50]], matched, [30, 20])
    assert errors.tolist() == pytest.approx([0.1, 0.2])
