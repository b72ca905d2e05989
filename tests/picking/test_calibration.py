"""Calibration: a planted relation between score and truth is found again."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpick.io.logits import logit, sigmoid
from napari_unetpick.picking.calibration import (
    SHADOW_REACH,
    Calibration,
    best_threshold,
    fit_probability,
    nearness,
    select,
)

SLOPE, OFFSET, SHADOW = 0.6, -0.8, 2.5


def draw(rng, count):
    """Raw scores, nearness and truth under a planted logistic relation."""
    raw = sigmoid(rng.normal(0.0, 2.5, count))
    near = np.where(rng.uniform(size=count) < 0.3, rng.uniform(0, 1, count), 0.0)
    chance = sigmoid(SLOPE * logit(raw) + OFFSET - SHADOW * near)
    return raw, near, rng.uniform(size=count) < chance


def calibration_error(scores, true, bins=10):
    """Mean distance of score and truth over bins of equal count."""
    order = np.argsort(scores)
    parts = np.array_split(order, bins)
    return sum(len(p) * abs(scores[p].mean() - true[p].mean()) for p in parts) / len(scores)


def test_the_planted_relation_is_recovered():
    slope, offset, shadow = fit_probability(*draw(np.random.default_rng(1), 20_000))
    assert slope == pytest.approx(SLOPE, abs=0.05)
    assert offset == pytest.approx(OFFSET, abs=0.08)
    assert shadow == pytest.approx(SHADOW, abs=0.25)


def test_scores_are_calibrated_on_fresh_candidates():
    rng = np.random.default_rng(2)
    slope, offset, shadow = fit_probability(*draw(rng, 1500))
    fitted = Calibration(kind="probability", slope=slope, offset=offset, shadow=shadow)
    raw, near, true = draw(rng, 5000)
    scores = fitted.apply(raw, near)
    assert calibration_error(scores, true) < 0.03
    assert calibration_error(raw, true) > 0.06  # the raw scores were not


def test_the_threshold_is_the_best_one():
    rng = np.random.default_rng(3)
    raw, near, true = draw(rng, 30_000)
    scores = sigmoid(SLOPE * logit(raw) + OFFSET - SHADOW * near)
    truths = int(true.sum() * 1.1)  # one in eleven particles has no candidate at all
    threshold, precision, recall, f1 = best_threshold(scores, truths)
    found = np.cumsum(true[np.argsort(-scores)])
    curve = 2 * found / (np.arange(1, len(found) + 1) + truths)
    picked = scores >= threshold
    true_f1 = 2 * true[picked].sum() / (picked.sum() + truths)
    assert true_f1 > curve.max() - 0.003
    assert f1 == pytest.approx(true_f1, abs=0.01)
    assert precision == pytest.approx(true[picked].mean(), abs=0.01)
    assert recall == pytest.approx(true[picked].sum() / truths, abs=0.01)


def test_a_clear_gap_is_split_in_its_middle():
    scores = np.array([0.99, 0.98, 0.97, 0.05, 0.04, 0.03])
    threshold, precision, recall, _ = best_threshold(scores, 3)
    assert threshold == pytest.approx((0.97 + 0.05) / 2)
    assert precision == pytest.approx(0.98)
    assert recall == pytest.approx(0.98)


@pytest.mark.parametrize("scores, truths", [(np.empty(0), 5), (np.array([0.4]), 0)])
def test_without_candidates_or_truth_the_threshold_is_the_middle(scores, truths):
    assert best_threshold(scores, truths) == (0.5, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    "raw, true",
    [
        ([0.9], [True]),
        ([0.9, 0.8, 0.95], [True] * 3),
        ([0.9, 0.1], [True, False]),
        ([0.02], [False]),
    ],
)
def test_a_handful_of_candidates_does_not_explode(raw, true):
    raw = np.array(raw)
    slope, offset, shadow = fit_probability(raw, np.zeros(len(raw)), np.array(true))
    assert 0.3 < slope < 4
    assert abs(offset) < 3
    assert shadow == pytest.approx(1.0, abs=1e-3)  # nothing near: the prior stays
    scores = Calibration(slope=slope, offset=offset, shadow=shadow).apply(raw, np.zeros(len(raw)))
    assert ((scores > 0.001) & (scores < 0.999)).all()


def test_no_candidates_leave_the_prior():
    fitted = fit_probability(np.empty(0), np.empty(0), np.empty(0, bool))
    np.testing.assert_allclose(fitted, (1.0, 0.0, 1.0), atol=1e-6)
    assert Calibration().apply(np.empty(0), np.empty(0)).shape == (0,)


def test_a_rank_leaves_raw_scores_as_they_are():
    raw = np.array([0.001, 0.3, 0.77, 0.999])
    np.testing.assert_allclose(Calibration().apply(raw, np.ones(4)), raw, atol=1e-9)


def test_extreme_scores_stay_finite_and_in_order():
    raw = np.array([0.0, 1e-9, 0.5, 1 - 1e-9, 1.0])
    assert np.isfinite(logit(raw)).all()
    scores = Calibration(slope=10.0, offset=20.0).apply(raw, np.zeros(5))
    assert ((scores >= 0) & (scores <= 1)).all()
    assert (np.diff(scores) >= 0).all()
    np.testing.assert_allclose(sigmoid(np.array([-1e4, 0.0, 1e4])), [0, 0.5, 1])


def test_nearness_falls_from_a_stronger_candidate():
    d = 100.0
    coords = np.array([[0.0, 0.0], [0.0, 35.0], [0.0, 200.0], [0.0, 200.0 + 0.7 * d]])
    near = nearness(coords, np.array([0.9, 0.5, 0.4, 0.8]), d)
    np.testing.assert_allclose(near, [0, 0.5, 0, 0], atol=1e-12)
    near = nearness(coords, np.array([0.2, 0.5, 0.4, 0.8]), d)
    np.testing.assert_allclose(near, [0.5, 0, 0, 0], atol=1e-12)


def test_of_two_equal_candidates_the_first_is_the_stronger():
    near = nearness(np.array([[0.0, 0.0], [0.0, 10.0]]), np.array([0.6, 0.6]), 20.0)
    assert near[0] == 0  # as keep_distant would keep it
    assert near[1] == pytest.approx(1 - 10 / 14)


def test_nearness_is_the_closest_stronger_candidate_of_many():
    rng = np.random.default_rng(4)
    coords, raw, d = rng.uniform(0, 300, (250, 2)), rng.uniform(0, 1, 250), 40.0
    distance = np.linalg.norm(coords[:, None] - coords[None], axis=2)
    distance[raw[None, :] <= raw[:, None]] = np.inf  # only stronger ones cast a shadow
    expected = np.clip(1 - distance.min(axis=1) / (SHADOW_REACH * d), 0, None)
    np.testing.assert_allclose(nearness(coords, raw, d), expected, atol=1e-12)
    assert nearness(coords[:1], raw[:1], d).tolist() == [0]
    assert nearness(coords[:0], raw[:0], d).shape == (0,)


def test_select_takes_threshold_and_minimum_distance():
    coords = np.array([[0.0, 0.0], [0.0, 8.0], [0.0, 16.0], [50.0, 50.0], [90.0, 90.0]])
    scores = np.array([0.6, 0.9, 0.7, 0.5, 0.49])
    assert select(coords, scores, 0.5, 10.0).tolist() == [1, 3]  # at the threshold counts
    assert select(coords, scores, 0.5, 8.0).tolist() == [1, 2, 0, 3]
    assert select(coords, scores, 0.95, 8.0).tolist() == []
    # a better candidate below the threshold would not remove anything: there is none
    assert select(coords[:0], scores[:0], 0.5, 8.0).tolist() == []


def test_a_calibration_goes_through_a_card_and_back():
    made = Calibration("probability", 1.23456789, -0.5, 2.0, 0.4, 0.6, 0.9, 0.8, 0.85)
    back = Calibration(**made.to_dict())
    assert back.slope == pytest.approx(made.slope, abs=1e-6)
    assert back.to_dict() == made.to_dict()
    assert Calibration(**Calibration().to_dict()) == Calibration()


def test_the_raw_score_of_a_calibrated_one():
    own = Calibration(slope=1.7, offset=-0.4, shadow=2.0)
    raw = own.raw_at(0.35)
    assert own.apply(np.array([raw]), np.zeros(1))[0] == pytest.approx(0.35)
    assert Calibration().raw_at(0.35) == 0.35
