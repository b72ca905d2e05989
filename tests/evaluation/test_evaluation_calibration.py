"""Planted calibration: honest scores give no error, shifted ones give the shift."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpick.evaluation.calibration import (
    calibrate_check,
    can_be_probabilities,
    expected_precision,
)


def test_honest_scores_have_next_to_no_error():
    rng = np.random.default_rng(0)
    scores = rng.random(20000)
    found = calibrate_check(scores, rng.random(20000) < scores)
    assert found.error < 0.015
    assert len(found.bins) == 10
    sizes = [row.n for row in found.bins]
    assert max(sizes) - min(sizes) <= 1
    # Brier of honest uniform scores above 0.1: mean of p (1 - p) over [0.1, 1]
    assert found.brier == pytest.approx(0.162 / 0.9, abs=0.01)


@pytest.mark.parametrize("shift", [-0.15, 0.15])
def test_shifted_scores_give_the_shift(shift):
    rng = np.random.default_rng(1)
    probability = rng.uniform(0.3, 0.8, 20000)
    found = calibrate_check(probability + shift, rng.random(20000) < probability)
    assert found.error == pytest.approx(0.15, abs=0.015)


def test_many_peaks_near_zero_do_not_hide_the_error():
    rng = np.random.default_rng(2)
    scores = np.concatenate([np.full(100000, 0.001), np.full(100, 0.9)])
    labels = np.concatenate([np.zeros(100000, bool), rng.random(100) < 0.5])
    assert calibrate_check(scores, labels).error == pytest.approx(0.4, abs=0.12)
    assert calibrate_check(scores, labels).n == 100
    assert calibrate_check(scores, labels, smallest_score=0.0).error < 0.01


def test_equal_scores_share_a_bin():
    # split by chance of order, the two halves would look wrong by 0.5 each
    scores = np.full(200, 0.5)
    labels = np.arange(200) < 100
    found = calibrate_check(scores, labels)
    assert found.error == pytest.approx(0.0)
    assert len(found.bins) == 1


def test_few_candidates_make_few_bins():
    found = calibrate_check(np.linspace(0.2, 0.9, 25), np.ones(25, bool))
    assert len(found.bins) == 2
    assert calibrate_check([0.01], [True]) is None


def test_expected_against_true_precision():
    found = expected_precision([0.9, 0.7, 0.2], [True, False, True], 0.5)
    assert (found.expected, found.true, found.n) == (pytest.approx(0.8), 0.5, 2)
    assert expected_precision([0.2], [True], 0.5) is None


def test_scores_of_other_programs_are_no_probabilities():
    assert can_be_probabilities([0.0, 1.0])
    assert not can_be_probabilities([-3.0, 0.5])
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        calibrate_check([2.0], [True])
