"""Targets: discs where the particles are, and how much each pixel counts."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpick.engine.data.targets import FULL, fit_discs, paint_disc, paint_targets
from napari_unetpick.io.labels import Labels
from napari_unetpick.picking.scale import Scale
from napari_unetpick.settings import TargetSettings

SETTINGS = TargetSettings(disc_radius=0.2, ignore_radius=0.4, unknown_weight=0.25)
SCALE = Scale((400, 600), (100, 150), 80.0)  # four file pixels a network pixel; diameter 20 there
UNKNOWN = round(0.25 * FULL)


def square(top, left, bottom, right):
    return np.array([[top, left], [top, right], [bottom, right], [bottom, left]], float)


def distance(row, col):
    rows, cols = np.indices((100, 150))
    return np.hypot(rows - row, cols - col)


def test_a_particle_is_a_disc_in_an_ignored_ring():
    place = np.array([[201.0, 322.0]])  # network 50.25, 80.5
    target, weight = paint_targets(Labels("full", place), SCALE, SETTINGS)
    far = distance(50.25, 80.5)
    np.testing.assert_array_equal(target, np.where(far <= 4, FULL, 0))
    np.testing.assert_array_equal(weight == 0, (far > 4) & (far <= 8))
    assert set(np.unique(weight)) == {0, FULL}
    centre = np.argwhere(target).mean(axis=0)
    np.testing.assert_allclose(SCALE.to_file(centre)[0], place[0], atol=1.5)


@pytest.mark.parametrize("state, unmarked", [("full", FULL), ("partial", UNKNOWN), ("none", 0)])
def test_completeness_says_what_unmarked_pixels_weigh(state, unmarked):
    target, weight = paint_targets(Labels(state, np.array([[200.0, 320.0]])), SCALE, SETTINGS)
    far = distance(50, 80)
    assert (weight[far > 8] == unmarked).all()
    assert (weight[far <= 4] == FULL).all()
    assert (weight[(far > 4) & (far <= 8)] == 0).all()
    assert (target[far > 4] == 0).all()


def test_touching_particles_do_not_erase_each_other():
    places = np.array([[200.0, 320.0], [200.0, 348.0]])  # 7 network pixels: inside the other's ring
    target, weight = paint_targets(Labels("full", places), SCALE, SETTINGS)
    both = (distance(50, 80) <= 4) | (distance(50, 87) <= 4)
    np.testing.assert_array_equal(target > 0, both)
    assert (weight[both] == FULL).all()


@pytest.mark.parametrize("state", ["full", "partial", "none"])
def test_a_negative_is_background_at_full_weight(state):
    labels = Labels(state, np.empty((0, 2)), negatives=np.array([[100.0, 100.0]]))
    target, weight = paint_targets(labels, SCALE, SETTINGS)
    assert (target == 0).all()
    assert (weight[distance(25, 25) <= 10] == FULL).all()


def test_a_particle_beside_a_negative_stays_a_particle():
    labels = Labels("partial", np.array([[200.0, 320.0]]), negatives=np.array([[200.0, 340.0]]))
    target, weight = paint_targets(labels, SCALE, SETTINGS)
    disc = distance(50, 80) <= 4
    assert (target[disc] == FULL).all()
    assert (weight[disc] == FULL).all()


def test_exclusions_weigh_nothing_whatever_lies_there():
    inside, outside = [200.0, 320.0], [80.0, 80.0]
    labels = Labels(
        "full",
        np.array([inside, outside]),
        negatives=np.array([[240.0, 360.0]]),
        exclusions=(square(160, 280, 280, 400),),
    )
    _, weight = paint_targets(labels, SCALE, SETTINGS)
    assert (weight[41:70, 71:100] == 0).all()
    assert weight[20, 20] == FULL
    assert weight[50, 110] == FULL


def test_a_complete_area_is_full_weight_in_a_partial_micrograph():
    labels = Labels("partial", np.array([[200.0, 320.0]]), complete=(square(80, 200, 320, 480),))
    _, weight = paint_targets(labels, SCALE, SETTINGS)
    far = distance(50, 80)
    inner = np.zeros((100, 150), bool)
    inner[21:80, 51:120] = True
    assert (weight[inner & (far > 8)] == FULL).all()
    assert (weight[(far > 4) & (far <= 8)] == 0).all()
    assert weight[10, 10] == UNKNOWN
    assert weight[90, 140] == UNKNOWN


def test_probable_particles_are_ignored_but_marks_count_more():
    labels = Labels("partial", np.array([[200.0, 320.0]]), negatives=np.array([[100.0, 100.0]]))
    ignored = np.array([[300.0, 480.0], [200.0, 324.0], [100.0, 100.0]])
    target, weight = paint_targets(labels, SCALE, SETTINGS, ignored)
    assert (weight[distance(75, 120) <= 8] == 0).all()
    assert (weight[distance(75, 120) > 8.0][-1] == UNKNOWN).all()
    assert (weight[distance(50, 80) <= 4] == FULL).all()
    assert (target[distance(50, 80) <= 4] == FULL).all()
    assert (weight[distance(25, 25) <= 10] == FULL).all()


def test_particles_on_and_past_the_border_are_cut_off():
    places = np.array([[0.0, 0.0], [399.0, 599.0], [-60.0, 300.0], [200.0, 700.0]])
    target, _ = paint_targets(Labels("full", places), SCALE, SETTINGS)
    expected = (distance(0, 0) <= 4) | (distance(99.75, 149.75) <= 4)
    np.testing.assert_array_equal(target > 0, expected)


def test_a_disc_is_every_pixel_whose_centre_lies_in_it():
    rng = np.random.default_rng(1)
    for row, col, radius in zip(
        rng.uniform(-5, 25, 60), rng.uniform(-5, 35, 60), rng.uniform(0.3, 9, 60), strict=True
    ):
        plane = np.zeros((20, 30), np.uint8)
        paint_disc(plane, row, col, radius, 7)
        y, x = np.indices(plane.shape)
        inside = (y - row) ** 2 + (x - col) ** 2 <= radius**2
        np.testing.assert_array_equal(plane == 7, inside)


def test_discs_shrink_where_particles_lie_close():
    settings = TargetSettings(disc_radius=0.2, ignore_radius=0.35)
    row = np.column_stack([np.full(20, 50.0), 8.0 * np.arange(20)])  # 8 px apart
    for diameter in (20.0, 24.0):  # given 20 % too large, the discs stay as they should be
        fitted = fit_discs(settings, [row], diameter)
        assert fitted.disc_radius * diameter == pytest.approx(0.4 * 8)
        assert fitted.ignore_radius - fitted.disc_radius == pytest.approx(0.15)
    wide = fit_discs(settings, [row * 10], 24.0)
    assert wide == settings, "there is room"
    assert fit_discs(settings, [row[:1], row[:0]], 24.0) == settings, "nothing to learn from"
    on_top = fit_discs(settings, [np.zeros((5, 2))], 24.0)
    assert on_top.disc_radius * 24 > 1.9, "a disc keeps some pixels"


def test_few_close_pairs_do_not_shrink_all_discs():
    settings = TargetSettings()
    spread = 40.0 * np.array([[i, j] for i in range(6) for j in range(6)], float)
    pair = np.array([[500.0, 500.0], [502.0, 500.0]])
    assert fit_discs(settings, [spread, pair], 24.0) == settings
