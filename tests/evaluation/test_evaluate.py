"""The whole evaluation on small planted sets: figures, notes, JSON, and bad input."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.evaluation.evaluate import evaluate
from napari_unetpick.evaluation.inputs.nms import infer_min_distance, thin
from napari_unetpick.io.picks import Picks


def make(coords, scores=None, diameters=None, name="mic"):
    points = np.asarray(coords, float).reshape(-1, 2)
    as_array = lambda values: None if values is None else np.asarray(values, float)  # noqa: E731
    return Picks(name, points, as_array(scores), as_array(diameters))


def grid(n=10, step=60.0):
    return np.stack(np.meshgrid(np.arange(n), np.arange(n)), -1).reshape(-1, 2) * step + step


def test_planted_precision_recall_and_centring():
    truth = grid()  # 100 particles, 60 px apart
    found = truth[:80] + [0.0, 3.0]
    false = truth[:20] + 30.0  # 42 px from any particle
    picks = {"a": make(np.vstack([found, false]))}
    result = evaluate(picks, {"a": make(truth)}, diameters=30.0)
    assert (result.headline.precision, result.headline.recall) == (0.8, 0.8)
    assert result.centring == pytest.approx(0.1)
    assert result.quarter.f1 == pytest.approx(0.8)
    assert result.protocols["iou0.6"].headline.f1 == pytest.approx(0.8)
    assert result.protocols["pixel"].headline.f1 < 0.8


def test_every_micrograph_with_truth_counts():
    truth = {"a": make(grid(2)), "b": make(grid(2)), "empty": make([])}
    picks = {"a": make(grid(2)), "stray": make(grid(3))}
    result = evaluate(picks, truth, diameters=30.0)
    assert (result.half.precision, result.half.recall) == (1.0, 0.5)
    assert [row.key for row in result.micrographs] == ["a", "b", "empty"]
    assert any("9 picks on 1 micrograph without truth" in note for note in result.notes)
    assert any("2 micrographs with truth but no picks" in note for note in result.notes)
    # a, missed b, and the empty one that was left empty: 1, 0, 1
    assert result.protocols["pixel"].headline.f1 == pytest.approx(2 / 3)


def test_headline_is_pooled_or_mean_as_the_protocol_says():
    truth = {"many": make(grid(10)), "few": make(grid(1))}
    picks = {"many": make(grid(10))}
    assert evaluate(picks, truth, 30.0).headline.recall == pytest.approx(100 / 101)
    assert evaluate(picks, truth, 30.0, protocol="pixel").headline.recall == pytest.approx(0.5)


def test_matching_uses_the_diameter_of_the_truth():
    picks = {"a": make([[50, 58]], diameters=[100.0])}
    assert evaluate(picks, {"a": make([[50, 50]], diameters=[20.0])}, 10.0).half.n_matched == 1
    assert evaluate(picks, {"a": make([[50, 50]], diameters=[10.0])}, 99.0).half.n_matched == 0
    assert evaluate(picks, {"a": make([[50, 50]])}, {"a": 20.0}).half.n_matched == 1


def test_calibration_and_curve_come_from_the_candidates():
    rng = np.random.default_rng(0)
    truth = grid(40, 40.0)
    score = rng.uniform(0.0, 1.0, 3000)
    places = grid(60, 40.0)[rng.permutation(3600)[:3000]] + 10000.0  # far from all truth
    order = rng.permutation(len(truth))
    taken = 0
    for i in np.flatnonzero(rng.random(3000) < score):
        if taken < len(truth):
            places[i] = truth[order[taken]]
            taken += 1
    candidates = {"a": make(places, score)}
    keep = score >= 0.6
    picks = {"a": candidates["a"].select(keep)}
    result = evaluate(picks, {"a": make(truth)}, 20.0, candidates=candidates)
    assert result.curve.source == "candidates"
    assert result.calibration.error < 0.05
    assert result.expected.expected == pytest.approx(0.8, abs=0.02)
    assert result.expected.true == pytest.approx(result.expected.expected, abs=0.05)
    assert result.curve.threshold == pytest.approx(score[keep].min())
    # the curve passes through the picks
    i = int(np.argmin(np.abs(result.curve.points.thresholds - result.curve.threshold)))
    assert result.curve.points.precision[i] == pytest.approx(result.half.precision)
    assert result.curve.points.recall[i] == pytest.approx(result.half.recall)


def test_candidates_are_thinned_as_the_picks_were():
    # two particles; a shoulder on the first would be a false candidate at any low threshold
    candidates = {"a": make([[50, 50], [50, 58], [50, 150]], [0.9, 0.5, 0.4])}
    picks = {"a": make([[50, 50], [50, 150]], [0.9, 0.4])}
    result = evaluate(picks, {"a": make([[50, 50], [50, 150]])}, 20.0, candidates=candidates)
    assert result.curve.average_precision == 1.0
    assert result.calibration.n == 3  # the shoulder has a score as well, and it must mean something
    assert infer_min_distance(picks, candidates, {"a": 20.0}) == pytest.approx(0.5)


@pytest.mark.parametrize("distance", [0.3, 0.5, 0.8])
def test_minimum_distance_is_found_again(distance):
    rng = np.random.default_rng(4)
    candidates = {"a": make(rng.random((600, 2)) * 500, rng.random(600))}
    coords, scores = thin(candidates["a"], distance * 20)
    keep = scores >= 0.3
    picks = {"a": make(coords[keep], scores[keep])}
    found = infer_min_distance(picks, candidates, {"a": 20.0})
    assert found == pytest.approx(distance, abs=0.02)
    again, _ = thin(candidates["a"], found * 20)
    assert len(again) == pytest.approx(len(coords), abs=3)


def test_picks_alone_say_that_the_curve_is_cut():
    picks = {"a": make(grid(3), np.linspace(0.5, 0.9, 9))}
    result = evaluate(picks, {"a": make(grid(3))}, 20.0)
    assert result.curve.source == "picks"
    assert any("the given picks only" in note for note in result.notes)


def test_scores_that_are_no_probabilities_give_a_curve_only():
    picks = {"a": make(grid(3), np.linspace(-5, 5, 9))}
    result = evaluate(picks, {"a": make(grid(3))}, 20.0)
    assert result.calibration is None
    assert result.curve.average_precision == 1.0
    assert any("uncalibrated" in note for note in result.notes)


def test_json_is_plain_and_stable():
    rng = np.random.default_rng(1)
    truth = {key: make(rng.random((30, 2)) * 900) for key in "abc"}
    picks = {
        key: make(t.coords + rng.normal(0, 4, (30, 2)), rng.random(30)) for key, t in truth.items()
    }
    first = evaluate(picks, truth, 30.0).to_dict()
    again = evaluate(picks, truth, 30.0).to_dict()
    assert json.dumps(first, allow_nan=False) == json.dumps(again, allow_nan=False)
    assert set(first["protocols"]) == {"particle", "iou0.6", "pixel"}
    assert first["f1"] == first["protocols"]["particle"]["f1"] == round(first["f1"], 4)
    low, high = first["intervals"]["f1"]
    assert low <= first["f1"] <= high
    assert len(first["micrographs"]) == 3
    # nothing at all is picked: still plain JSON
    json.dumps(evaluate({}, truth, 30.0).to_dict(), allow_nan=False)
    empty = {key: make([], []) for key in truth}
    json.dumps(evaluate(empty, truth, 30.0, candidates=empty).to_dict(), allow_nan=False)


def test_border_leaves_out_the_same_in_the_curve():
    truth = {"a": make([[50, 50], [50, 3]])}
    picks = {"a": make([[50, 50], [90, 3]], [0.5, 0.9])}
    shapes = {"a": (100, 100)}
    assert evaluate(picks, truth, 10.0, shapes).half.f1 == pytest.approx(0.5)
    inner = evaluate(picks, truth, 10.0, shapes, 5.0)
    assert inner.half.f1 == 1.0
    assert inner.curve.average_precision == 1.0


def test_bad_input_is_named():
    truth = {"mic7": make([[5, 5]])}
    with pytest.raises(InputError, match="mic7: the truth has no diameter"):
        evaluate({}, truth)
    with pytest.raises(InputError, match="give --micrographs"):
        evaluate({}, truth, 10.0, border_px=3.0)
    with pytest.raises(InputError, match="excludes all of 20 x 30"):
        evaluate({}, truth, 10.0, {"mic7": (20, 30)}, 10.0)
    with pytest.raises(InputError, match=r"particle, iou0\.6, pixel"):
        evaluate({}, truth, 10.0, protocol="coco")
    with pytest.raises(InputError, match="mic7: a diameter of 0 px"):
        evaluate({}, truth, 0.0)
    with pytest.raises(InputError, match="mic7: the picks are unusable"):
        evaluate({"mic7": make([[np.nan, 1]])}, truth, 10.0)
    with pytest.raises(InputError, match="--truth"):
        evaluate({}, {}, 10.0)
