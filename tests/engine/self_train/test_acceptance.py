"""The gate of self-training: planted gains pass, planted harm and doubt do not."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpick.engine.self_train.acceptance import (
    Tally,
    compare_on_labels,
    join,
    pooled_f1,
    tally_blocks,
)


def planted(recall: float, precision: float, units: int = 20, truths: int = 100) -> Tally:
    """The same counts in every unit."""
    hits = np.full(units, round(recall * truths))
    picks = np.round(hits / precision).astype(int)
    return Tally(hits, picks, np.full(units, truths))


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


@pytest.mark.parametrize(
    ("after", "decision"),
    [
        (planted(0.9, 0.9), "accepted"),
        (planted(0.8, 0.8), "accepted"),  # no better, but sure to do no harm
        (planted(0.79, 0.8), "accepted"),  # half a point of F1
        (planted(0.77, 0.8), "refused"),
        (planted(0.5, 0.5), "refused"),
    ],
)
def test_a_round_passes_where_it_is_less_than_a_point_worse(after: Tally, decision: str):
    result = compare_on_labels(planted(0.8, 0.8), after, rng())
    assert result.decision == decision
    assert result.f1_before == pytest.approx(0.8)
    assert result.f1 == pytest.approx(pooled_f1(after))


def test_a_gain_that_few_units_cannot_show_is_refused():
    before = planted(0.8, 0.8, units=4, truths=10)
    after = Tally(before.hits + [3, -2, 3, -2], before.picks, before.truths)
    result = compare_on_labels(before, after, rng())
    assert result.f1 > result.f1_before
    assert result.low < -0.01 < result.high
    assert result.decision == "refused"


def test_units_are_compared_in_pairs():
    """Hard and easy micrographs differ by much more than the models do, and cancel."""
    hard = np.tile([20, 95], 10)
    before = Tally(hard, np.full(20, 100), np.full(20, 100))
    result = compare_on_labels(before, Tally(hard + 2, before.picks, before.truths), rng())
    assert result.decision == "accepted"
    assert result.low == pytest.approx(0.02)
    assert result.high == pytest.approx(0.02)


@pytest.mark.parametrize(
    "tally",
    [
        Tally(*np.zeros((3, 0), int)),
        Tally(np.array([5]), np.array([6]), np.array([7])),
        Tally(np.array([5, 0]), np.array([6, 0]), np.array([7, 0])),
        Tally(np.array([0, 0]), np.array([3, 2]), np.array([0, 0])),
        Tally(np.array([5, 5]), np.array([6, 6]), np.array([7, 7])),  # 14 particles
        Tally(np.array([0, 0]), np.array([0, 0]), np.array([50, 50])),  # nothing found, twice
    ],
)
def test_too_little_to_tell_is_undecided(tally: Tally):
    result = compare_on_labels(tally, tally, rng())
    assert (result.decision, result.f1) == ("undecided", None)


def test_blocks_count_what_lies_in_them():
    picks = np.array([[5.0, 5], [5, 95], [95, 95], [99, 99.4]])
    true = np.array([True, False, True, False])
    truths = np.array([[4.0, 4], [60, 10], [94, 96]])
    blocks = tally_blocks(picks, true, truths, (100, 100), 50)
    assert blocks.hits.tolist() == [1, 0, 0, 1]
    assert blocks.picks.tolist() == [1, 1, 0, 2]
    assert blocks.truths.tolist() == [1, 0, 1, 1]
    whole = tally_blocks(picks, true, truths, (100, 100), np.inf)
    assert (whole.hits.tolist(), whole.picks.tolist(), whole.truths.tolist()) == ([2], [4], [3])
    assert pooled_f1(join([blocks, whole])) == pooled_f1(blocks) == pytest.approx(4 / 7)
    nothing = tally_blocks(np.empty((0, 2)), np.empty(0, bool), truths, (100, 100), 50)
    assert nothing.picks.tolist() == [0, 0, 0, 0]
