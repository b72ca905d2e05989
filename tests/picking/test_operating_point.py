"""Operating points: the threshold gives the precision that was asked for, and no less is kept."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.picking.operating_point import KEEPS, check_choice, operating_point


def planted(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and whether each candidate is a particle: with the probability that its score is."""
    rng = np.random.default_rng(seed)
    scores = rng.beta(0.3, 0.3, 40_000)
    return scores, rng.random(len(scores)) < scores


def test_the_true_precision_is_the_one_that_was_asked_for():
    scores, true = planted()
    points = {keep: operating_point(scores, keep) for keep in KEEPS}
    for keep, least in (("more", 0.6), ("clean", 0.95)):
        above = scores >= points[keep].threshold
        assert points[keep].count == above.sum()
        assert true[above].mean() == pytest.approx(least, abs=0.01)
        assert points[keep].precision == pytest.approx(true[above].mean(), abs=0.01)
        # a thousand candidates more would not keep it
        below = np.sort(scores)[::-1][: above.sum() + 1000]
        assert below.mean() < least
    assert points["more"].threshold < points["balanced"].threshold < points["clean"].threshold


def test_balanced_has_the_best_true_f1():
    scores, true = planted(1)

    def f1(threshold: float) -> float:
        above = scores >= threshold
        return float(2 * true[above].sum() / (above.sum() + true.sum()))

    best = max(map(f1, np.linspace(0, 1, 201)))
    assert f1(operating_point(scores, "balanced").threshold) > best - 0.003


def test_clean_is_never_below_balanced():
    scores = np.r_[np.full(1000, 0.999), np.full(20, 0.1)]  # all of it has a precision above 0.95
    clean, balanced = (operating_point(scores, keep) for keep in ("clean", "balanced"))
    assert clean.threshold == balanced.threshold
    assert clean.count == 1000


@pytest.mark.parametrize("scores", [[], [0.3, 0.2]])
def test_nothing_is_kept_where_nothing_is_good_enough(scores):
    point = operating_point(np.array(scores, float), "clean")
    assert (point.threshold, point.count, point.precision) == (1.0, 0, None)


@pytest.mark.parametrize(
    ("choice", "option"),
    [
        (("most", None, None), "--keep"),
        (("more", 0.5, None), "--threshold"),
        ((None, None, 0), "--max"),
    ],
)
def test_what_cannot_choose_picks_is_refused(choice, option: str):
    with pytest.raises(InputError, match=option):
        check_choice(*choice)
