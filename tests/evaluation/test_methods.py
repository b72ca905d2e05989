"""Thresholds of several sides: chosen by hand-checked F1, and never on the micrograph judged."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpick.evaluation.evaluate import evaluate
from napari_unetpick.evaluation.methods import (
    choose_threshold,
    choose_without_each,
    curve_of,
    draw_validation,
    f1_differences,
    label_micrograph,
    select_at,
)
from napari_unetpick.evaluation.protocols import Comparison
from napari_unetpick.io.picks import Picks

D = 20.0
FAR = 500.0


def pair(truth, key="m", **more):
    points = np.asarray(truth, float).reshape(-1, 2)
    return Comparison(key, np.empty((0, 2)), points, np.full(len(points), D), D, **more)


def scored(*rows):
    """Candidates from (row, col, score)."""
    table = np.array(rows, float).reshape(-1, 3)
    return Picks("m", table[:, :2], table[:, 2])


def one_each(true, false, key):
    """A micrograph with one particle, a candidate on it and one far from it."""
    return label_micrograph(pair([[50, 50]], key), scored((50, 50, true), (FAR, FAR, false)))


def test_a_duplicate_is_false_until_the_minimum_distance_removes_it():
    truth = [[50, 50], [150, 150]]
    rows = scored((50, 50, 0.9), (50, 53, 0.8), (150, 150, 0.5))  # 3 px = 0.15 d apart
    with_it = label_micrograph(pair(truth), rows, [0.0])
    # at 0.9: 2 x 1 / (1 + 2); at 0.5: 2 x 2 / (3 + 2)
    curve = curve_of([with_it], choose_threshold([with_it]), everything=True)
    assert curve.points.f1 == pytest.approx([2 / 3, 0.5, 0.8])
    assert (choose_threshold([with_it]).threshold, choose_threshold([with_it]).f1) == (0.5, 0.8)
    without = label_micrograph(pair(truth), rows)
    assert choose_threshold([without]).f1 == 1.0
    assert choose_threshold([without]).distance == 0.5


def test_another_minimum_distance_must_be_clearly_better():
    close = label_micrograph(
        pair([[50, 50], [50, 58]]), scored((50, 50, 0.9), (50, 58, 0.8))
    )  # 0.4 d apart
    chosen = choose_threshold([close])
    assert chosen.distance < 0.4
    assert (chosen.threshold, chosen.f1) == (0.8, 1.0)
    apart = label_micrograph(pair([[50, 50], [50, 80]]), scored((50, 50, 0.9), (50, 80, 0.8)))
    assert choose_threshold([apart]).distance == 0.5  # all are as good


def test_leave_one_out_by_hand():
    micrographs = [one_each(0.9, 0.8, "a"), one_each(0.7, 0.6, "b"), one_each(0.5, 0.4, "c")]
    # all: .9 T 2/4, .8 F 2/5, .7 T 4/6, .6 F 4/7, .5 T 6/8, .4 F 6/9
    everything = choose_threshold(micrographs)
    assert (everything.threshold, everything.f1) == (0.5, pytest.approx(0.75))
    # without a: .7 T 2/3, .6 F 2/4, .5 T 4/5; without b: the same; without c: .7 T 4/5
    folds = choose_without_each(micrographs)
    assert [fold.threshold for fold in folds] == [0.5, 0.5, 0.7]
    assert [fold.f1 for fold in folds] == pytest.approx([0.8, 0.8, 0.8])
    counts = [len(select_at(one, fold)) for one, fold in zip(micrographs, folds, strict=True)]
    assert counts == [2, 2, 0]  # c is scored at what a and b chose, and loses its particle
    assert choose_without_each(micrographs[:1]) == [choose_threshold(micrographs[:1])]


def test_a_border_and_an_empty_micrograph_count_as_they_do_when_scored():
    empty = label_micrograph(pair([]), scored((50, 50, 0.6)))
    full = one_each(0.9, 0.1, "full")
    # .9 T 2 / 2 beats .6, which adds the false pick of the empty micrograph
    assert (choose_threshold([empty, full]).threshold, choose_threshold([empty, full]).f1) == (
        0.9,
        1.0,
    )
    inner = label_micrograph(
        pair([[5, 50], [50, 50]], shape=(100, 100), border=10.0),
        scored((5, 50, 0.9), (50, 50, 0.8), (3, 90, 0.7)),
    )
    assert inner.n_truth == 1
    assert inner.thinned[0.5].labelled.scores.tolist() == [0.8]


def test_no_candidates_choose_no_threshold():
    chosen = choose_threshold([label_micrograph(pair([[50, 50]]), None)])
    assert np.isinf(chosen.threshold)
    assert len(select_at(one_each(0.9, 0.8, "a"), chosen)) == 0


def test_the_draw_depends_on_names_and_seed_alone():
    names = [f"mic_{i}" for i in range(10)]
    validation, test = draw_validation(names, 0.5, 42)
    assert (len(validation), len(test)) == (5, 5)
    assert validation | test == set(names)
    assert draw_validation(reversed(names), 0.5, 42) == (validation, test)
    assert any(draw_validation(names, 0.5, seed)[0] != validation for seed in (1, 2, 3))
    assert draw_validation(names, 0.01, 42)[0]  # one validates at least
    assert draw_validation(names, 0.99, 42)[1]  # and one tests
    assert draw_validation(["one"], 0.5, 42) == ({"one"}, set())


def test_differences_are_of_the_second_minus_the_first():
    truth = {key: Picks(key, np.array([[50.0, 50.0], [150.0, 150.0]])) for key in "ab"}
    half = {key: each.select(np.array([True, False])) for key, each in truth.items()}
    shifted = {key: Picks(key, each.coords + [0.0, 6.0]) for key, each in truth.items()}  # 0.3 d
    shapes = dict.fromkeys("ab", (200, 200))
    full, less, off = (evaluate(p, truth, D, shapes) for p in (truth, half, shifted))
    found = f1_differences(full, less, 42)
    assert found["particle"].value == pytest.approx(2 / 3 - 1)
    assert (found["particle"].low, found["particle"].high) == pytest.approx((-1 / 3, -1 / 3))
    found = f1_differences(full, off, 42)
    assert [found[name].value for name in ("particle", "quarter", "iou0.6")] == [0.0, -1.0, -1.0]
    alone = evaluate({"a": half["a"]}, {"a": truth["a"]}, D, shapes)
    one = f1_differences(evaluate(truth, {"a": truth["a"]}, D, shapes), alone, 42)
    assert one["particle"].value == pytest.approx(-1 / 3)
    assert np.isnan(one["particle"].low)
