"""Partial labels: the threshold lies in the planted gap, and every click is held out once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_unetpick.engine.data.training_set import whole_of
from napari_unetpick.engine.self_train.acceptance import decide_by_clicks
from napari_unetpick.engine.train.cross_fitting import (
    HeldOut,
    correct_picks,
    f1_change,
    gather,
    make_folds,
    on_one_scale,
    picks_at,
    threshold_from_clicks,
)
from napari_unetpick.engine.train.threshold_transfer import rules_for_neighbours, transfer_threshold
from napari_unetpick.io.logits import logit, sigmoid
from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.picking.candidates import Candidates

DIAMETER = 80.0  # px of the file, of `make_item`'s micrographs


def planted(rng, clicks=30, particles=300, false=2500, micrographs=3):
    """Clicks and particles score around logit 2.5, background around -3."""
    return HeldOut(
        sigmoid(rng.normal(2.5, 0.6, clicks)),
        sigmoid(np.concatenate([rng.normal(2.5, 0.6, particles), rng.normal(-3, 0.8, false)])),
        micrographs,
    )


def found_at(coords, raw):
    coords = np.asarray(coords, float).reshape(-1, 2)
    return Candidates(coords, np.asarray(raw, float), np.zeros(len(coords)), DIAMETER)


@pytest.mark.parametrize("seed", range(4))
def test_the_threshold_lies_in_the_planted_gap(seed):
    rng = np.random.default_rng(seed)
    held_out = planted(rng)
    chosen = threshold_from_clicks(held_out, rng)
    assert sigmoid(np.array([-1.0]))[0] < chosen.raw < sigmoid(np.array([1.9]))[0]
    assert chosen.picks == pytest.approx(100, rel=0.15)  # 300 particles in 3 micrographs
    assert chosen.low <= chosen.picks <= chosen.high
    assert chosen.high - chosen.low < 60
    assert chosen.recall > 0.85


def test_clicks_that_were_not_found_lower_the_recall():
    rng = np.random.default_rng(1)
    held_out = planted(rng, clicks=20)
    missed = HeldOut(np.concatenate([held_out.clicks, np.zeros(20)]), held_out.candidates, 3)
    chosen = threshold_from_clicks(missed, rng)
    assert chosen.recall == pytest.approx(0.5, abs=0.06)
    assert chosen.picks == pytest.approx(100, rel=0.2)


def test_no_click_found_gives_the_middle_and_says_so():
    rng = np.random.default_rng(1)
    chosen = threshold_from_clicks(HeldOut(np.zeros(5), np.linspace(0.6, 0.1, 50), 2), rng)
    assert chosen.raw == 0.5
    assert chosen.recall == 0
    assert "0 of 5 held-out clicks are found" in chosen.doubt
    chosen = threshold_from_clicks(HeldOut(np.zeros(5), np.empty(0), 2), rng)
    assert chosen.picks == 0


def test_every_micrograph_is_held_out_in_one_fold(make_item):
    for count in (2, 3, 7):
        items = [make_item(i, "partial") for i in range(count)]
        folds = make_folds(items)
        for fold in folds:
            assert [item.index for item in fold] == list(range(count))
            assert any(item.trains for item in fold)
        held = [item for fold in folds for item in fold if item.held_out is not None]
        assert sorted(item.index for item in held) == list(range(count))
        assert all(item.held_out == whole_of(item) for item in held)


def test_a_single_micrograph_is_halved(make_item):
    folds = make_folds([make_item(0, "partial")])
    rows = np.column_stack([np.arange(600.0), np.zeros(600)])
    times = sum(item.held_out.holds(rows).astype(int) for fold in folds for item in fold)
    assert (times == 1).all()
    assert all(item.trains for fold in folds for item in fold)


def test_held_out_clicks_get_their_candidates_scores(make_item):
    clicks = [(100, 100), (100, 300), (300, 100)]
    item = make_folds([make_item(0, "partial", clicks), make_item(1, "partial")])[0][0]
    found = found_at(
        [(105, 98), (100, 305), (100, 335), (480, 400), (500, 120)], [0.9, 0.8, 0.7, 0.6, 0.1]
    )  # the third is a shoulder of the second: closer than half a diameter
    held_out = gather([(item, found)])
    np.testing.assert_allclose(held_out.clicks, [0.9, 0.8, 0.0])
    np.testing.assert_allclose(held_out.candidates, [0.9, 0.8, 0.6, 0.1])
    assert held_out.micrographs == 1


def test_each_half_counts_its_own_clicks_and_candidates(make_item):
    folds = make_folds([make_item(0, "partial", [(100, 100), (500, 100)])])
    found = found_at([(100, 102), (500, 98), (480, 300)], [0.9, 0.8, 0.3])
    held_out = gather([(fold[0], found) for fold in folds])
    np.testing.assert_allclose(np.sort(held_out.clicks), [0.8, 0.9])
    np.testing.assert_allclose(np.sort(held_out.candidates), [0.3, 0.8, 0.9])
    assert held_out.micrographs == 1


def scored_folds(make_item, shifts, seed):
    """Three micrographs of 30 particles, ten of them clicked, and 90 others; scores per fold."""
    rng = np.random.default_rng(seed)
    places = 45.0 * (0.5 + np.stack(np.meshgrid(np.arange(12), np.arange(10)), -1).reshape(-1, 2))
    items = [make_item(index, "partial", places[:30:3]) for index in range(3)]
    folds = []
    for fold, shift in zip(make_folds(items), shifts, strict=True):
        logits = np.concatenate([rng.normal(1.5, 0.6, 30), rng.normal(-1.5, 0.6, 90)]) + shift
        folds.append([(fold[len(folds)], found_at(places, sigmoid(logits)))])
    return folds


@pytest.mark.parametrize("seed", range(4))
def test_folds_whose_networks_score_lower_are_put_on_one_scale(make_item, seed):
    folds = scored_folds(make_item, (-2.5, 0.3, 0.0), seed)
    together = threshold_from_clicks(gather(on_one_scale(folds)), np.random.default_rng(1))
    assert together.picks == pytest.approx(30, rel=0.1)
    pooled = threshold_from_clicks(gather([pair for [pair] in folds]), np.random.default_rng(1))
    assert abs(pooled.picks - 30) > 6
    medians = [np.median(logit(found.raw[:30])) for _, found in on_one_scale(folds)]
    assert np.ptp(medians) < 0.7  # planted: 2.8


def test_chance_differences_of_few_clicks_move_folds_little(make_item):
    moved, apart = [], []
    for seed in range(40):
        folds = scored_folds(make_item, (0.0, 0.0, 0.0), seed)
        for pairs, (item, after) in zip(folds, on_one_scale(folds), strict=True):
            [(_, before)] = pairs
            assert item is pairs[0][0]
            moved.append(logit(before.raw)[0] - logit(after.raw)[0])
            apart.append(np.median(logit(gather(pairs).clicks)))
    assert np.std(moved) < 0.6 * np.std(apart)


def test_folds_without_clicks_that_are_found_stay(make_item):
    [[(item, found)], _, _] = scored_folds(make_item, (0.0, 0.0, 0.0), 1)
    lost = found_at([], [])
    pairs = on_one_scale([[(item, found)], [(item, lost)], []])
    np.testing.assert_allclose(pairs[0][1].raw, found.raw)
    assert len(pairs) == 2


def test_a_threshold_is_carried_over_by_the_number_of_picks():
    rng = np.random.default_rng(6)
    places = np.stack(np.meshgrid(np.arange(12), np.arange(12)), -1).reshape(-1, 2) * 100.0
    first = [np.sort(rng.uniform(0, 1, 144))[::-1] for _ in range(2)]
    for picks in (1.0, 20.0, 55.5, 143.0):
        raw = transfer_threshold([found_at(places, one**3) for one in first], picks)
        count = sum(int((one**3 >= raw).sum()) for one in first)
        assert count == round(2 * picks)
    every = transfer_threshold([found_at(places, one) for one in first], 500.0)
    assert every == pytest.approx(min(one.min() for one in first), abs=1.1e-6)
    assert picks_at([found_at(places, one) for one in first], Calibration(threshold=every)) == 144
    assert transfer_threshold([found_at([], [])], 10.0) == 0.5


def test_close_particles_stay_picks_where_the_model_before_picked_them():
    before = Calibration(slope=2.0, offset=-1.0, shadow=3.0, min_distance=0.28)
    rules = rules_for_neighbours(before)
    places = np.arange(20)[:, None] * [0.0, 200.0] + [[0.0, 0.0]]
    close = places + [0.0, 0.4 * DIAMETER]  # nearer than half a diameter to a better one
    raw = np.concatenate([np.full(20, 0.9), np.full(20, 0.8)])
    near = np.concatenate([np.zeros(20), np.full(20, 0.4)])
    found = Candidates(np.concatenate([places, close]), raw, near, DIAMETER)
    both = replace(rules, threshold=transfer_threshold([found], 40.0, neighbours=rules))
    assert picks_at([found], both) == 40
    alone = Calibration(threshold=transfer_threshold([found], 40.0))
    assert picks_at([found], alone) == 20
    x = logit(np.array([0.8]))
    half_way = 2.0 * x - 1.0 - 3.0 * 0.4  # the same order as by the model before
    np.testing.assert_allclose(2 * logit(rules.apply(raw[-1:], near[-1:])) - 1.0, half_way)


def test_a_threshold_is_cut_between_particles_and_others_where_the_clicks_leave_it_open():
    places = np.stack(np.meshgrid(np.arange(12), np.arange(12)), -1).reshape(-1, 2) * 100.0
    rng = np.random.default_rng(2)
    logits = np.concatenate([rng.normal(3, 1, 60), rng.normal(-4, 1, 84)])  # 60 are particles
    found = [found_at(places, 1 / (1 + np.exp(-np.sort(logits)[::-1])))]

    def kept(picks: float, deviation: float) -> int:
        return int((found[0].raw >= transfer_threshold(found, picks, deviation)).sum())

    assert kept(54.0, 0.0) == 54
    assert kept(54.0, 4.0) == 60
    assert kept(66.0, 4.0) == 60
    assert 38 <= kept(40.0, 1.0) <= 42  # the clicks are sure


def test_a_models_picks_are_counted_as_the_user_corrected_them(make_item):
    marked, unmarked, rejected, weak = [100, 100], [100, 300], [300, 100], [300, 300]
    item = make_item(0, "partial", [marked, [500, 400]], negatives=np.array([rejected], float))
    found = found_at([marked, unmarked, rejected, weak], [0.9, 0.8, 0.7, 0.2])
    corrected = correct_picks(item, found, Calibration(kind="rank", threshold=0.5))
    assert corrected == (2, 1, 1)


def test_a_mark_outweighs_a_negative_beside_it(make_item):
    item = make_item(0, "partial", [[100, 100]], negatives=np.array([[110.0, 100.0]]))
    found = found_at([[104, 100]], [0.9])
    corrected = correct_picks(item, found, Calibration(kind="rank", threshold=0.5))
    assert corrected == (1, 0, 0)


def test_fewer_false_picks_with_the_same_clicks_are_a_gain():
    """Half of 200 picks false, then none: precision from 0.5 to 1, the square root of 2 in F1's."""
    rng = np.random.default_rng(3)
    clicks = sigmoid(rng.normal(3, 0.4, 30))
    right, low = sigmoid(rng.normal(3, 0.4, 100)), sigmoid(rng.normal(-5, 0.4, 500))
    before = HeldOut(clicks, np.concatenate([right, sigmoid(rng.normal(3, 0.4, 100)), low]), 2)
    after = HeldOut(clicks, np.concatenate([right, low]), 2)
    change = f1_change(before, after, rng, 0.9)
    assert change.value == pytest.approx(2**0.5 - 1, abs=0.05)
    assert change.low > 0.3
    back = f1_change(after, before, rng, 0.9)
    assert back.value == pytest.approx(2**-0.5 - 1, abs=0.05)
    assert decide_by_clicks(change, 30).decision == "accepted"
    assert decide_by_clicks(back, 30).decision == "refused"
    assert decide_by_clicks(change, 15).decision == "undecided"


def test_clicks_lost_for_clicks_won_cannot_tell():
    """Four found again, three lost: the resampled clicks go either way."""
    rng = np.random.default_rng(4)
    some, others = sigmoid(rng.normal(3, 0.4, 30)), sigmoid(rng.normal(3, 0.4, 300))
    first, second = some.copy(), some.copy()
    first[:4], second[4:7] = 0, 0
    change = f1_change(HeldOut(first, others, 3), HeldOut(second, others, 3), rng, 0.9)
    assert change.low < 0 < change.high
    assert decide_by_clicks(change, 30).decision == "undecided"


def test_a_network_that_finds_no_click_has_no_merit():
    rng = np.random.default_rng(5)
    good = planted(rng)
    blind = HeldOut(np.zeros(30), good.candidates, 3)
    assert f1_change(blind, good, rng, 0.9).value == 1
    assert f1_change(good, blind, rng, 0.9).value == -1
    with pytest.raises(ValueError, match="same clicks"):
        f1_change(good, HeldOut(np.zeros(3), good.candidates, 3), rng, 0.9)
