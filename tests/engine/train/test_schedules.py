"""Learning rates: the restarts come when the formula says."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpick.engine.train.schedules import WARM_UP, learning_rate
from napari_unetpick.settings import TrainSettings

TOP, LOW = 1e-3, 1e-6


def rates(schedule, places, epochs, **settings):
    chosen = TrainSettings(schedule=schedule, learning_rate=TOP, smallest_rate=LOW, **settings)
    return np.array([learning_rate(chosen, place, epochs) for place in places])


def test_constant_is_constant():
    assert (rates("constant", np.linspace(0, 50, 101), 50) == TOP).all()


def test_warm_restarts_come_at_epochs_10_30_and_70():
    settings = {"restart_epochs": 10, "restart_factor": 2}
    restarts = [0, 10, 30, 70, 150]
    np.testing.assert_allclose(rates("warm-restarts", restarts, 200, **settings), TOP)
    before = [place - 1e-6 for place in restarts[1:]]
    np.testing.assert_allclose(rates("warm-restarts", before, 200, **settings), LOW, rtol=1e-3)
    halfway = [5, 20, 50, 110]
    np.testing.assert_allclose(
        rates("warm-restarts", halfway, 200, **settings), LOW + (TOP - LOW) / 2
    )
    fine = np.arange(0, 150, 0.25)
    jumps = np.flatnonzero(np.diff(rates("warm-restarts", fine, 200, **settings)) > 0)
    np.testing.assert_allclose(fine[jumps + 1], [10, 30, 70])


def test_restarts_do_not_depend_on_the_length_of_the_training():
    places = np.arange(0, 40, 0.5)
    short, long = (
        rates("warm-restarts", places, n, restart_epochs=5, restart_factor=3) for n in (40, 400)
    )
    np.testing.assert_array_equal(short, long)
    assert short[np.flatnonzero(places == 20)] == TOP  # 5 + 15


def test_cosine_warms_up_and_ends_at_the_smallest_rate():
    places = np.linspace(0, 20, 401)
    found = rates("cosine", places, 20)
    top = int(found.argmax())
    assert places[top] == pytest.approx(WARM_UP * 20, abs=0.06)
    assert found[top] == pytest.approx(TOP, rel=1e-3)
    assert 0 < found[0] < TOP / 2
    assert (np.diff(found[: top + 1]) > 0).all()
    assert (np.diff(found[top:]) < 0).all()
    assert found[-1] == pytest.approx(LOW)


def test_one_cycle_rises_for_three_tenths_and_falls_to_the_smallest_rate():
    places = np.linspace(0, 20, 401)
    found = rates("one-cycle", places, 20)
    assert found[0] == pytest.approx(TOP / 25)
    assert places[found.argmax()] == pytest.approx(6)
    assert found.max() == pytest.approx(TOP)
    assert found[60] == pytest.approx((TOP + TOP / 25) / 2), "half way up after 3 of 6 epochs"
    assert found[-1] == pytest.approx(LOW)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "warm-restarts", "one-cycle"])
def test_no_rate_leaves_its_range(schedule):
    found = rates(schedule, np.linspace(0, 37, 500), 37)
    assert (found > 0).all()
    assert (found <= TOP * (1 + 1e-9)).all()
    assert found.min() >= LOW * (1 - 1e-9)
