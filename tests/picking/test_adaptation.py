"""Adapting the calibration to a set: planted sets whose scores mean different things."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_unetpick.errors import ModelError
from napari_unetpick.io.logits import sigmoid
from napari_unetpick.picking.adaptation import (
    Adaptation,
    ScoredSet,
    fit_adaptation,
    read_adaptation,
)
from napari_unetpick.picking.calibration import Calibration

USUAL = Calibration(kind="probability")


def planted(rng, shift, share):
    """Return a set of 400 whose particles score about `shift` logits, the others -3, and truth."""
    true = rng.random(400) < share
    x = np.where(true, rng.normal(shift, 1.0, 400), rng.normal(-3.0, 1.0, 400))
    decoys = sigmoid(rng.normal(-3.0, 1.0, (~true).sum()))  # as much noise in the negative
    return ScoredSet(sigmoid(x), np.zeros(400), decoys, 500.0), true


def f1(calibration, scored, true):
    picked = calibration.apply(scored.raw, scored.near) >= calibration.threshold
    return 2 * (picked & true).sum() / (picked.sum() + true.sum())


@pytest.fixture(scope="module")
def learned() -> Adaptation:
    rng = np.random.default_rng(1)
    return fit_adaptation(
        [planted(rng, rng.uniform(-2.0, 3.0), rng.uniform(0.02, 0.7)) for _ in range(150)],
        ridge=0.01,  # these sets differ more than micrographs do
    )


@pytest.mark.parametrize("shift", [-1.0, 0.0, 2.5])
@pytest.mark.parametrize("share", [0.2, 0.5])
def test_the_threshold_follows_the_set(learned, shift, share):
    lost = []
    for seed in range(8):
        scored, true = planted(np.random.default_rng(seed), shift, share)
        order = np.argsort(-scored.raw)
        best = (2 * np.cumsum(true[order]) / (np.arange(1, 401) + true.sum())).max()
        lost.append(best - f1(learned.calibrate(scored, USUAL), scored, true))
    assert np.mean(lost) < 0.05


@pytest.mark.parametrize("shift", [0.0, 2.5])
def test_the_expected_precision_is_about_the_true_one(learned, shift):
    scored, true = planted(np.random.default_rng(3), shift, 0.4)
    own = learned.calibrate(scored, USUAL)
    picked = own.apply(scored.raw, scored.near) >= own.threshold
    assert own.expected_precision == pytest.approx(true[picked].mean(), abs=0.1)


def test_one_threshold_for_all_would_do_worse(learned):
    rng = np.random.default_rng(11)
    sets = [planted(rng, shift, 0.3) for shift in (-1.5, 0.0, 1.5, 3.0)]
    adapted = np.mean([f1(learned.calibrate(s, USUAL), s, t) for s, t in sets])
    fixed = max(
        np.mean([f1(replace(USUAL, threshold=t0), s, t) for s, t in sets])
        for t0 in np.linspace(0.05, 0.95, 19)
    )
    assert adapted > fixed


def test_a_handful_of_candidates_says_nothing(learned):
    few = ScoredSet(np.array([0.9, 0.2]), np.zeros(2), np.empty(0), 500.0)
    assert learned.calibrate(few, USUAL) is USUAL


def test_it_comes_back_from_the_card(learned):
    again = read_adaptation({"adaptation": learned.to_dict()}, "model")
    assert again is not None
    scored, _ = planted(np.random.default_rng(5), 1.0, 0.3)
    first, second = (each.calibrate(scored, USUAL) for each in (learned, again))
    assert second.threshold == pytest.approx(first.threshold, abs=1e-4)
    assert read_adaptation({}, "model") is None


@pytest.mark.parametrize(
    "table", [{"centre": [1.0]}, {"base": "x"}, 3, {"centre": [float("nan")] * 10}]
)
def test_a_damaged_card_is_one_clear_line(table):
    with pytest.raises(ModelError, match="another version"):
        read_adaptation({"adaptation": table}, "model")
