"""The three protocols and the border, on cases with answers by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.evaluation.inputs.exclusion import in_border
from napari_unetpick.evaluation.protocols import (
    Comparison,
    box_iou,
    draw_discs,
    match_by_box,
    match_by_distance,
    score_pixels,
)


def compare(picks, truth, diameter=20.0, shape=(200, 200), border=0.0):
    points = np.asarray(picks, float).reshape(-1, 2)
    true = np.asarray(truth, float).reshape(-1, 2)
    return Comparison("mic", points, true, np.full(len(true), diameter), diameter, shape, border)


def test_outside_the_areas_nothing_is_right_or_wrong():
    area = np.array([[20.0, 20], [20, 100], [100, 100], [100, 20]])
    truth = [[50, 50], [95, 60], [150, 150]]  # the last one is outside
    picks = [
        [51, 50],  # right
        [103, 60],  # right: outside the area, on a particle inside it
        [70, 90],  # wrong
        [150, 151],  # on a particle that does not count
        [180, 20],  # on nothing, outside
    ]
    pair = replace(compare(picks, truth), areas=(area,))
    for score in (match_by_distance(pair).score, match_by_distance(pair, 0.25).score):
        assert score.n_truth == 2
    found = match_by_distance(pair)
    assert found.picks_count.tolist() == [True, True, True, False, False]
    assert (found.score.n_matched, found.score.n_picks, found.score.n_truth) == (2, 3, 2)
    pixels = score_pixels(pair)
    inside = draw_discs(np.array(picks, float), np.full(5, 20.0), (200, 200))[20:101, 20:101]
    assert abs(pixels.n_picks - int(inside.sum())) <= 2 * 20, "but for the area's very edge"
    two = replace(pair, areas=(area, area + 100))
    assert match_by_distance(two).score.n_truth == 3, "each of several areas counts"


def test_excluded_areas_are_fair():
    area = np.array([[0.0, 100], [0, 200], [200, 200], [200, 100]])  # the right half
    truth = [[50, 97], [150, 50], [50, 150]]  # the last one is excluded
    picks = [
        [50, 103],  # right: in the area, on a particle outside it
        [151, 50],  # right
        [150, 90],  # wrong
        [52, 150],  # on a particle that does not count
        [150, 150],  # on nothing, in the area
    ]
    pair = replace(compare(picks, truth), exclusions=(area,))
    found = match_by_distance(pair)
    assert found.picks_count.tolist() == [True, True, True, False, False]
    assert (found.score.n_matched, found.score.n_picks, found.score.n_truth) == (2, 3, 2)
    left = draw_discs(np.array(picks, float), np.full(5, 20.0), (200, 200))[:, :100]
    assert abs(score_pixels(pair).n_picks - int(left.sum())) <= 20, "but for the area's very edge"
    both = match_by_distance(replace(pair, areas=(area - [0, 40],)))  # from column 60 to 160
    assert both.picks_count.tolist() == [True, False, True, False, False]
    assert both.truth_counts.tolist() == [True, False, False]


def test_box_iou_by_hand():
    # 20 x 20 boxes shifted by 5 columns: 300 / (800 - 300); by (5, 5): 225 / 575
    iou = box_iou(np.zeros((2, 2)), np.array([[0.0, 5.0], [5.0, 5.0]]), 20.0)
    assert iou.tolist() == pytest.approx([0.6, 225 / 575])


@pytest.mark.parametrize("shift, found", [(4.9, 1), (5.0, 0), (5.1, 0)])
def test_iou_06_is_a_shift_below_a_quarter_diameter(shift, found):
    assert match_by_box(compare([[50, 50 + shift]], [[50, 50]])).score.n_matched == found
    assert match_by_distance(compare([[50, 50 + shift]], [[50, 50]])).score.n_matched == 1


def test_iou_06_along_the_diagonal_is_stricter():
    # (d - s)^2 / (2 d^2 - (d - s)^2) > 0.6 <=> s < d (1 - sqrt(0.75)) = 2.68 px a side
    assert match_by_box(compare([[52.6, 52.6]], [[50, 50]])).score.n_matched == 1
    assert match_by_box(compare([[52.8, 52.8]], [[50, 50]])).score.n_matched == 0


def test_duplicates_cost_precision_except_by_pixels():
    pair = compare([[50, 50], [50, 50]], [[50, 50]])
    assert match_by_distance(pair).score.precision == 0.5
    assert match_by_box(pair).score.precision == 0.5
    assert score_pixels(pair).f1 == 1.0


def test_pixel_score_of_a_shifted_disc():
    # two discs of radius r at distance r: lens area r^2 (2 pi / 3 - sqrt(3) / 2)
    score = score_pixels(compare([[500, 600]], [[500, 500]], 200.0, (1000, 1000)))
    lens = 2 * np.pi / 3 - np.sqrt(3) / 2
    assert score.f1 == pytest.approx(lens / np.pi, abs=0.003)
    iou = score.n_matched / (score.n_picks + score.n_truth - score.n_matched)
    assert score.f1 == pytest.approx(2 * iou / (1 + iou))
    assert score.precision == score.recall


def test_pixel_score_of_half_the_particles():
    score = score_pixels(compare([[50, 50]], [[50, 50], [150, 150]]))
    assert (score.precision, score.recall) == (1.0, 0.5)


def test_discs_have_the_right_area_and_end_at_the_edge():
    mask = draw_discs(np.array([[50.0, 50.0], [0.0, 0.0]]), np.array([40.0, 40.0]), (100, 100))
    assert mask.sum() == pytest.approx(np.pi * 400 * 1.25, rel=0.04)
    assert mask[50, 70]
    assert not mask[50, 71]
    # outside altogether, and far too large to be pixels of a micrograph
    assert draw_discs(np.array([[-90.0, 10.0]]), np.array([20.0]), (50, 50)).sum() == 0
    with pytest.raises(InputError, match="pixels of this micrograph"):
        score_pixels(compare([[1e7, 1e7]], [[5, 5]], shape=None))


def test_pixel_score_needs_no_shape():
    assert score_pixels(compare([[50, 50]], [[50, 50]], shape=None)).f1 == 1.0
    assert score_pixels(compare([], [], shape=None)).f1 == 1.0


@pytest.mark.parametrize("scorer", [match_by_distance, match_by_box])
def test_empty_micrograph(scorer):
    assert scorer(compare([], [])).score.f1 == 1.0
    assert scorer(compare([[5, 5]], [])).score.f1 == 0.0
    assert scorer(compare([], [[5, 5]])).score.f1 == 0.0


def test_each_particle_is_matched_with_its_own_diameter():
    pair = Comparison(
        "mic",
        np.array([[0.0, 9], [50, 9]]),
        np.array([[0.0, 0], [50, 0]]),
        np.array([20.0, 10]),
        15.0,
    )
    assert match_by_distance(pair).matched.tolist() == [0, -1]


def test_border_is_measured_from_the_edge_of_the_image():
    points = [[9.4, 50], [9.6, 50], [89.4, 50], [89.6, 50], [50, -3]]
    inside = in_border(points, (100, 100), 10)
    assert inside.tolist() == [True, False, False, True, True]
    assert not in_border([[-5, 3]], None, 0).any()
    with pytest.raises(ValueError, match="shape"):
        in_border(points, None, 10)
    with pytest.raises(ValueError, match="does not fit"):
        in_border(points, (100, 100), 50)


def test_border_is_fair():
    truth = [
        [100, 12],  # counts
        [100, 5],  # ignored, in the border of 10 px; 7 px from the first
        [50, 100],  # counts
        [5, 150],  # ignored, nobody picks it
    ]
    picks = [
        [100, 8],  # in the border, nearest to the ignored particle and takes it: not counted
        [100, 9],  # in the border, left with the counted particle: counts as found
        [50, 100],  # found
        [3, 20],  # in the border, matches nothing: not counted
        [150, 150],  # matches nothing: false
    ]
    matches = match_by_distance(compare(picks, truth, border=10))
    assert matches.picks_count.tolist() == [False, True, True, False, True]
    assert matches.truth_counts.tolist() == [True, False, True, False]
    score = matches.score
    assert (score.n_matched, score.n_picks, score.n_truth) == (2, 3, 2)


def test_pick_on_an_ignored_particle_is_not_false():
    # the particle lies in the border, its pick just outside
    matches = match_by_distance(compare([[50, 11]], [[50, 8]], border=10))
    assert (matches.score.n_picks, matches.score.n_truth, matches.score.f1) == (0, 0, 1.0)


def test_pixels_of_the_border_are_left_out():
    # the false disc lies in the border altogether
    pair = compare([[100, 100], [10, 10]], [[100, 100]], border=20.5)
    assert score_pixels(pair).f1 == 1.0
    assert score_pixels(compare([[100, 100], [10, 10]], [[100, 100]])).precision == pytest.approx(
        0.5, abs=0.01
    )
