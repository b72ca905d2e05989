"""Expected precision: the range covers planted truths, and a rank or silence stays one."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpick.evaluation.expected_precision import (
    NONE_ABOVE,
    UNCALIBRATED,
    describe_expected,
    evidence_of,
    expected_precision,
)


def test_many_candidates_are_no_surer_than_the_labels_behind_them():
    found = expected_precision(np.full(10_000, 0.9), evidence=200)
    assert (found.low, found.high) == pytest.approx((0.85, 0.93), abs=0.01)
    few = expected_precision(np.full(10, 0.9), evidence=200)
    assert few.high - few.low > 2 * (found.high - found.low)


def test_the_range_holds_the_planted_precision():
    rng = np.random.default_rng(4)
    scores = rng.uniform(0.6, 1.0, 150)
    held = []
    for _ in range(400):
        true = (rng.uniform(size=150) < scores).mean()
        found = expected_precision(scores, evidence=150)
        held.append(found.low <= true <= found.high)
    assert np.mean(held) > 0.93


def test_evidence_is_read_from_the_card():
    card = {"training": {"particles": 400, "micrographs": 4}, "validation": {"micrographs": 2}}
    assert evidence_of(card) == 200
    assert evidence_of({}) is None


def test_without_known_labels_there_is_no_range():
    found = expected_precision(np.array([0.8, 0.9]))
    assert (found.low, found.high, found.evidence) == (found.mean, found.mean, None)
    assert "about 85 % of 2 candidates" in describe_expected(found, "probability")


def test_words_for_a_rank_and_for_nothing():
    found = expected_precision(np.array([0.8, 0.9]), 100)
    assert describe_expected(found, "rank") == UNCALIBRATED
    assert describe_expected(expected_precision(np.empty(0)), "probability") == NONE_ABOVE
    assert "of 2 candidates" in describe_expected(found, "probability")
