"""Pseudo-labels: sure, unsure and background by planted scores; nothing where a mark or area is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_unetpick.engine.data.training_set import Region, whole_of
from napari_unetpick.engine.self_train.held_out import (
    CheckedPart,
    parts_to_check,
    tally,
    without_areas,
)
from napari_unetpick.engine.self_train.pseudo_labels import (
    Limits,
    PseudoLabels,
    labelled_scores,
    limits_of,
    limits_of_clicks,
    limits_of_picks,
    make_pseudo_labels,
    with_pseudo_labels,
)
from napari_unetpick.engine.train.cross_fitting import HeldOut
from napari_unetpick.evaluation.metrics import pool
from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.settings import SelfTrainSettings

DIAMETER = 80.0  # px of the file, of `make_item`'s micrographs of 600 x 480
LIMITS = Limits(ignore=0.3, positive=0.6)
SQUARE = np.array([[0.0, 0], [0, 150], [150, 150], [150, 0]])


def found_at(coords, raw):
    coords = np.asarray(coords, float).reshape(-1, 2)
    return Candidates(coords, np.asarray(raw, float), np.zeros(len(coords)), DIAMETER)


def test_the_limits_are_quantiles_of_the_labelled_particles():
    limits = limits_of(np.linspace(0, 1, 101), SelfTrainSettings(), 1)
    assert (limits.ignore, limits.positive) == pytest.approx((0.05, 0.35))
    nothing = limits_of(np.empty(0), SelfTrainSettings(), 1)
    assert not nothing.positive <= 1


def test_limits_by_score_move_evenly_from_the_first_round_to_the_last():
    plan = SelfTrainSettings(rounds=3, limits="raw")
    found = [limits_of(np.empty(0), plan, number) for number in (1, 2, 3)]
    assert [each.positive for each in found] == pytest.approx([0.98, 0.94, 0.90])
    assert [each.ignore for each in found] == pytest.approx([0.02, 0.06, 0.10])
    only = limits_of(np.empty(0), SelfTrainSettings(rounds=1, limits="calibrated"), 1)
    assert (only.ignore, only.positive) == (0.02, 0.98)


def planted_clicks(precisions: list[float]) -> HeldOut:
    """Thirty clicks from 0.9 down to 0.61; ten particles a click, and as much dirt as is asked.

    Parameters
    ----------
    precisions
        Around the best ten clicks, the next ten, the last ten.
    """
    clicks = 0.9 - 0.01 * np.arange(30)
    candidates = [
        np.full(round(10 / precisions[number // 10]), score) for number, score in enumerate(clicks)
    ]
    return HeldOut(clicks, np.concatenate(candidates), 3)


def test_with_clicks_what_is_sure_goes_down_to_where_precision_falls():
    settings = SelfTrainSettings(least_precision=0.9)
    clean = limits_of_clicks(planted_clicks([1, 1, 1]), settings, 1)
    clicks = planted_clicks([1, 1, 1]).clicks
    assert clean.positive == pytest.approx(np.quantile(clicks, 0.1))
    # precision above the last ten clicks is 1, with a third of them 30 / (20 + 10 / 0.4) = 0.67
    dirty = limits_of_clicks(planted_clicks([1, 1, 0.4]), settings, 1)
    assert 0.65 < dirty.positive <= 0.71
    held_out = planted_clicks([1, 1, 0.4])
    above = held_out.candidates >= dirty.positive
    precision = 10 * np.count_nonzero(clicks >= dirty.positive) / above.sum()
    assert precision >= 0.9
    dirtier = limits_of_clicks(planted_clicks([1, 0.4, 0.2]), settings, 1)
    assert dirty.positive < dirtier.positive <= np.median(clicks)
    assert clean.ignore == pytest.approx(np.quantile(clicks, settings.ignore_quantile))


def test_a_quantile_decides_where_precision_cannot_be_told_or_is_not_asked():
    held_out = planted_clicks([1, 1, 1])
    settings = SelfTrainSettings(least_precision=0.9)
    fixed = replace(settings, least_precision=0.0)
    for few in (replace(held_out, clicks=held_out.clicks[:9]), held_out):
        limits = limits_of_clicks(few, fixed if len(few.clicks) > 9 else settings, 1)
        assert limits == limits_of(few.clicks, settings, 1)
    scores = replace(settings, limits="raw")
    assert limits_of_clicks(held_out, scores, 1).positive == settings.positive_score


def test_only_labelled_particles_that_train_and_are_found_set_the_limits(make_item):
    found = found_at([[100, 100], [300, 300], [500, 400], [300, 100]], [0.9, 0.8, 0.7, 0.6])
    item = make_item(0, "full", [[110, 100], [300, 310], [500, 200], [510, 400]])
    assert sorted(labelled_scores([(item, found)])) == [0.7, 0.8, 0.9]
    held = replace(item, held_out=Region(400, 600))
    assert sorted(labelled_scores([(held, found)])) == [0.8, 0.9]
    assert len(labelled_scores([])) == 0


def test_halves_of_a_micrograph_join_and_sure_ones_can_be_ignored():
    places = np.array([[100.0, 10], [400.0, 10]])
    both = PseudoLabels(places, places + 50)
    top, bottom = both.within(Region(0, 300)), both.within(Region(300, 600))
    assert top.positives.tolist() == [[100, 10]]
    assert bottom.ignored.tolist() == [[450, 60]]
    joined = bottom.plus(top).plus(None)
    assert sorted(joined.positives.tolist()) == places.tolist()
    assert joined.scores is None, "nothing scored them"
    scored = PseudoLabels(places, places[:0], np.array([0.8, 0.9]))
    top, bottom = scored.within(Region(0, 300)), scored.within(Region(300, 600))
    assert bottom.plus(top).scores.tolist() == [0.9, 0.8]
    unsure = joined.ignored_alone()
    assert not len(unsure.positives)
    assert sorted(unsure.ignored[:, 0]) == [100, 150, 400, 450]


def test_scores_sort_candidates(make_item):
    found = found_at([[100, 100], [300, 300], [500, 400], [110, 110]], [0.9, 0.5, 0.2, 0.8])
    pseudo = make_pseudo_labels(make_item(0, "partial"), found, LIMITS)
    np.testing.assert_array_equal(pseudo.positives, [[100, 100]])  # its shadow 14 px off is thinned
    np.testing.assert_array_equal(pseudo.ignored, [[300, 300]])
    np.testing.assert_array_equal(pseudo.scores, [0.9])


def test_marks_and_areas_keep_their_true_labels(make_item):
    item = make_item(
        0,
        "partial",
        [[300, 100]],
        negatives=np.array([[300.0, 300]]),
        exclusions=(SQUARE,),
        complete=(SQUARE + [0, 300],),
    )
    sure = [[50, 50], [50, 350], [330, 110], [300, 330], [500, 200]]
    pseudo = make_pseudo_labels(item, found_at(sure, [0.9] * 5), LIMITS)
    np.testing.assert_array_equal(pseudo.positives, [[500, 200]])
    unsure = make_pseudo_labels(item, found_at(sure, [0.4] * 5), LIMITS)
    np.testing.assert_array_equal(unsure.ignored, [[500, 200]])
    student = with_pseudo_labels(item, pseudo)
    np.testing.assert_array_equal(student.labels.positives, [[300, 100], [500, 200]])
    nothing = make_pseudo_labels(item, found_at([], []), LIMITS)
    assert len(nothing.positives) == len(nothing.ignored) == 0


def test_held_out_micrographs_are_checked_before_areas(make_item):
    held = replace(make_item(0), held_out=Region(400, 600))
    area = make_item(1, "partial", [[50, 50], [300, 300]], complete=(SQUARE,))
    assert [part.item.index for part in parts_to_check([held, area])] == [0]
    (part,) = parts_to_check([make_item(0, "partial", [[9, 9]]), area])
    assert part.holds(area.labels.positives).tolist() == [True, False]
    assert parts_to_check([make_item(0, "partial", [[9, 9]])]) == []


def test_areas_with_most_of_the_particles_cannot_be_spared(make_item):
    area = make_item(1, "partial", [[50, 50], [90, 130], [300, 300]], complete=(SQUARE,))
    assert parts_to_check([area]) == []


def test_a_checked_area_teaches_nothing(make_item):
    area = make_item(1, "partial", [[50, 50], [300, 300]], complete=(SQUARE,))
    student = without_areas(area, parts_to_check([area]))
    np.testing.assert_array_equal(student.labels.positives, [[300, 300]])
    assert len(student.labels.exclusions) == 1
    assert student.labels.complete == ()
    other = make_item(2, "partial", [[50, 50]])
    assert without_areas(other, parts_to_check([area])) is other


def test_the_tally_counts_picks_at_the_threshold_in_the_checked_part(make_item):
    item = make_item(0, "full", [[100, 100], [300, 300], [500, 400]])
    found = found_at([[100, 110], [300, 100], [510, 400], [300, 300]], [0.9, 0.8, 0.7, 0.3])
    calibration = Calibration(threshold=0.5)

    def counts(region):
        part = CheckedPart(replace(item, held_out=region))
        made = pool(tally([part], {0: found}, calibration))
        return made.n_matched, made.n_picks, made.n_truth

    assert counts(whole_of(item)) == (2, 3, 3)
    assert counts(Region(400, 600)) == (1, 1, 1)
    three = [CheckedPart(replace(item, index=i, held_out=whole_of(item))) for i in range(3)]
    assert len(tally(three, dict.fromkeys(range(3), found), calibration)) == 3
    assert len(tally(three[:1], {0: found}, calibration)) == 4  # blocks of 320 px


def test_as_many_candidates_below_the_picks_are_unsure_as_a_part_of_the_picks():
    raw = np.linspace(0.99, 0.01, 99)
    found = found_at(np.arange(99)[:, None] * [100.0, 0.0], raw)
    assert limits_of_picks(found, 0.795).ignore == pytest.approx(0.74)  # 20 picks, six below
    assert limits_of_picks(found, 0.995).ignore == 0.995  # no picks
    assert limits_of_picks(found, 0.005).ignore == 0.005  # nothing below
    assert limits_of_picks(found, 0.795).positive == np.inf  # nothing is sure
