"""The gate of self-training: planted gains pass, planted harm and doubt do not."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpick.engine.self_train.acceptance import compare_on_labels, tally_blocks
from napari_unetpick.evaluation.metrics import Score, pool, score_counts


def planted(recall: float, precision: float, units: int = 20, truths: int = 100) -> list[Score]:
    """The same counts in every unit."""
    hits = round(recall * truths)
    return [score_counts(hits, round(hits / precision), truths)] * units


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
def test_a_round_passes_where_it_is_less_than_a_point_worse(after: list[Score], decision: str):
    result = compare_on_labels(planted(0.8, 0.8), after, rng())
    assert result.decision == decision
    assert result.f1_before == pytest.approx(0.8)
    assert result.f1 == pytest.approx(pool(after).f1)


def test_a_gain_that_few_units_cannot_show_is_refused():
    before = planted(0.8, 0.8, units=4, truths=10)
    after = [
        score_counts(each.n_matched + more, each.n_picks, each.n_truth)
        for each, more in zip(before, (3, -2, 3, -2), strict=True)
    ]
    result = compare_on_labels(before, after, rng())
    assert result.f1 > result.f1_before
    assert result.low < -0.01 < result.high
    assert result.decision == "refused"


def test_units_are_compared_in_pairs():
    """Hard and easy micrographs differ by much more than the models do, and cancel."""
    before, after = ([score_counts(h + more, 100, 100) for h in [20, 95] * 10] for more in (0, 2))
    result = compare_on_labels(before, after, rng())
    assert result.decision == "accepted"
    assert result.low == pytest.approx(0.02)
    assert result.high == pytest.approx(0.02)


@pytest.mark.parametrize(
    "counts",  # matched, picks, truth
    [
        [],
        [(5, 6, 7)],
        [(5, 6, 7), (0, 0, 0)],
        [(0, 3, 0), (0, 2, 0)],
        [(5, 6, 7), (5, 6, 7)],  # 14 particles
        [(0, 0, 50), (0, 0, 50)],  # nothing found, twice
    ],
)
def test_too_little_to_tell_is_undecided(counts: list[tuple[int, int, int]]):
    units = [score_counts(*each) for each in counts]
    result = compare_on_labels(units, units, rng())
    assert (result.decision, result.f1) == ("undecided", None)


def test_blocks_count_what_lies_in_them():
    picks = np.array([[5.0, 5], [5, 95], [95, 95], [99, 99.4]])
    true = np.array([True, False, True, False])
    truths = np.array([[4.0, 4], [60, 10], [94, 96]])
    blocks = tally_blocks(picks, true, truths, (100, 100), 50)
    assert [(b.n_matched, b.n_picks, b.n_truth) for b in blocks] == [
        (1, 1, 1),
        (0, 1, 0),
        (0, 0, 1),
        (1, 2, 1),
    ]
    whole = tally_blocks(picks, true, truths, (100, 100), np.inf)
    assert whole == [pool(blocks)] == [score_counts(2, 4, 3)]
    nothing = tally_blocks(np.empty((0, 2)), np.empty(0, bool), truths, (100, 100), 50)
    assert [block.n_picks for block in nothing] == [0, 0, 0, 0]
