"""Scores at one defocus: a planted slope is learned, and undone."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpick.io.logits import logit, sigmoid
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.picking.focus import at_usual_defocus, learn_slope, usual_defocus


def pairs(slope: float, count: int = 12):
    """Return particles of `count` molecules near focus and far from it."""
    rng = np.random.default_rng(5)
    for _ in range(count):
        ratio, mean = rng.uniform(1.3, 2.2), rng.normal(0.0, 2.0)
        near, far = (rng.normal(mean + shift, 1.0, 300) for shift in (0.0, slope * np.log(ratio)))
        yield sigmoid(near), sigmoid(far), ratio


def candidates(raw):
    raw = np.asarray(raw, float)
    return Candidates(np.zeros((len(raw), 2)), raw, np.zeros(len(raw)), 30.0)


def test_the_planted_slope_is_learned():
    assert learn_slope(pairs(0.9)) == pytest.approx(0.9, abs=0.15)


def test_a_slope_that_may_be_chance_is_none():
    assert learn_slope(pairs(0.0)) == 0.0
    assert learn_slope([]) == 0.0


def test_particles_near_focus_and_far_from_it_score_alike_afterwards():
    usual = usual_defocus([8000.0, 18000.0, None])
    assert usual == pytest.approx(12000.0)
    near, far = (logit(np.array([0.5])) + 0.9 * np.log(d / usual) for d in (8000.0, 18000.0))
    assert near < far
    for own, defocus in ((near, 8000.0), (far, 18000.0)):
        found = at_usual_defocus(candidates(sigmoid(own)), 0.9, defocus, usual)
        np.testing.assert_allclose(found.raw, 0.5)


@pytest.mark.parametrize(
    "slope, defocus, usual", [(0.0, 8e3, 1e4), (0.9, None, 1e4), (0.9, 8e3, None), (0.9, 0.0, 1e4)]
)
def test_what_is_not_known_changes_nothing(slope, defocus, usual):
    found = candidates([0.2, 0.7])
    assert at_usual_defocus(found, slope, defocus, usual) is found


def test_a_defocus_far_from_all_others_changes_scores_no_further():
    found = candidates([0.5])
    extreme, far = (at_usual_defocus(found, 1.0, d, 1e4).raw for d in (1e2, 1e4 / np.e))
    np.testing.assert_allclose(extreme, far)


def test_a_list_without_defocus_has_no_usual_one():
    assert usual_defocus([None, None]) is None
    assert usual_defocus([]) is None
