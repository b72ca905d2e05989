"""Intervals cover what they promise, and paired differences see what single intervals cannot."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from napari_unetpick.evaluation.intervals import (
    binomial_interval,
    bootstrap,
    paired_difference,
    spread,
)
from napari_unetpick.evaluation.metrics import score_counts


def simulate(rng, n, recall=0.8, wobble=0.1):
    """Micrographs whose own recall varies around the mean; 50 particles and picks each."""
    own = np.clip(recall + rng.normal(0, wobble, n), 0, 1)
    return [score_counts(int(hit), 50, 50) for hit in rng.binomial(50, own)]


def test_bootstrap_covers_the_truth():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        interval = bootstrap(simulate(rng, 25), rng, resamples=300, level=0.9)["f1"]
        covered += interval.low <= 0.8 <= interval.high
    assert 0.83 <= covered / 200 <= 0.96


def test_bootstrap_of_equal_micrographs_has_no_width():
    interval = bootstrap([score_counts(8, 10, 16)] * 5, np.random.default_rng(0))
    assert interval["precision"].low == pytest.approx(interval["precision"].high) == 0.8
    assert interval["f1"].low == pytest.approx(16 / 26)


def test_bootstrap_is_repeatable_and_needs_two_micrographs():
    scores = simulate(np.random.default_rng(1), 6)
    first = bootstrap(scores, np.random.default_rng(7))
    assert first == bootstrap(scores, np.random.default_rng(7))
    assert bootstrap(scores[:1], np.random.default_rng(7)) is None


def test_mean_weighs_micrographs_alike():
    scores = [score_counts(0, 1, 1), score_counts(1000, 1000, 1000)]
    pooled = bootstrap(scores, np.random.default_rng(0), resamples=4000)
    mean = bootstrap(scores, np.random.default_rng(0), pooling="mean", resamples=4000)
    assert (mean["f1"].low, mean["f1"].high) == (0.0, 1.0)
    assert pooled["f1"].high == 1.0


def test_empty_micrographs_resample_without_warnings():
    interval = bootstrap([score_counts(0, 0, 0), score_counts(0, 0, 4)], np.random.default_rng(0))
    assert (interval["f1"].low, interval["f1"].high) == (0.0, 1.0)


def test_paired_difference_sees_two_points_in_micrographs_that_vary_by_ten():
    rng = np.random.default_rng(2)
    first = simulate(rng, 30, 0.8, 0.1)
    second = [score_counts(min(s.n_matched + 1, 50), 50, 50) for s in first]
    change = paired_difference(first, second, np.random.default_rng(0))
    assert change.value == pytest.approx(0.02, abs=0.002)
    assert change.low > 0
    alone = bootstrap(first, np.random.default_rng(0))["f1"]
    assert alone.high - alone.low > 2 * (change.high - change.low)
    with pytest.raises(ValueError, match="same micrographs"):
        paired_difference(first, second[:-1], rng)


def test_wilson_by_hand():
    interval = binomial_interval(8, 10)
    assert (interval.low, interval.high) == (
        pytest.approx(0.4902, abs=1e-4),
        pytest.approx(0.9433, abs=1e-4),
    )
    assert binomial_interval(0, 0).high == 1.0


def test_wilson_is_scipys():
    for trials in (1, 10, 37, 50000):
        for successes in {0, 1, trials // 3, trials - 1, trials}:
            for level in (0.68, 0.95):
                found = binomial_interval(successes, trials, level)
                known = binomtest(successes, trials).proportion_ci(level, method="wilson")
                assert (found.low, found.high) == pytest.approx(known, rel=0, abs=1e-12)


def test_spread_of_seeds():
    found = spread([1.0, 2.0, 3.0])
    assert (found.mean, found.deviation, found.low, found.high, found.n) == (2, 1, 1, 3, 3)
    assert spread([4.0]).deviation == 0.0
