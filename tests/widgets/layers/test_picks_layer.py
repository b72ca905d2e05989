"""A Points layer as picks and back: every column stays with its pick, new ones are manual."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from napari.layers import Points

from napari_unetpick.io.picks import Picks
from napari_unetpick.project.annotations import new_picks, remove_at
from napari_unetpick.widgets.layers.points_table import picks_in_layer, show_picks

PLACES = np.array([[10.0, 20.0], [30.0, 40.0], [50.0, 60.0]])


@pytest.fixture
def picks() -> Picks:
    plain = new_picks(PLACES, "model", np.array([0.25, 0.5, 0.75]))
    sources = np.array(["model", "a longer name", "file"])
    more = {"kinds": np.array(["70S", "", "30S"]), "tracks": np.array([4, -1, 4])}
    return replace(plain, sources=sources, angles=np.array([1.5, np.nan, -90.0]), **more)


@pytest.fixture
def layer(picks: Picks) -> Points:
    made = Points(ndim=2)
    show_picks(made, picks, 12.0)
    return made


def assert_same(found: Picks, expected: Picks) -> None:
    np.testing.assert_array_equal(found.coords, expected.coords)
    assert found.columns().keys() == expected.columns().keys()
    for name, column in expected.columns().items():
        np.testing.assert_array_equal(found.columns()[name], column)
        assert found.columns()[name].dtype.kind == column.dtype.kind


def test_what_is_shown_is_read_again(layer: Points, picks: Picks) -> None:
    assert_same(picks_in_layer(layer, picks), picks)


def test_a_deleted_pick_takes_its_columns_along(layer: Points, picks: Picks) -> None:
    layer.selected_data = {1}
    layer.remove_selected()
    assert_same(picks_in_layer(layer, picks), picks.select(np.array([True, False, True])))


def test_a_moved_pick_keeps_its_columns(layer: Points, picks: Picks) -> None:
    moved = picks.coords + [[0, 0], [2.5, 1], [0, 0]]
    layer.data = moved
    assert_same(picks_in_layer(layer, picks), replace(picks, coords=moved))


@pytest.mark.parametrize("pasted", [False, True])
def test_clicked_and_pasted_picks_are_manual(layer: Points, picks: Picks, pasted: bool) -> None:
    if pasted:
        layer.selected_data = {0, 2}
        layer._copy_data()
        layer._paste_data()
    else:
        layer.selected_data = {2}
        layer.add([[7.0, 8.0]])
    found = picks_in_layer(layer, picks)
    assert_same(found.select(np.arange(3)), picks)
    new = found.select(np.arange(3, 5 if pasted else 4))
    assert set(new.sources) == {"manual"}
    assert set(new.scores) == {1.0}
    assert set(new.kinds) == {""}
    assert set(new.tracks) == {-1}
    assert np.isnan(new.angles).all()
    assert_same(picks_in_layer(layer, found), found)


def test_removing_by_place_takes_all_that_are_there(picks: Picks) -> None:
    assert_same(remove_at(picks, [(30.0, 40.0), (1.0, 1.0)]), picks.select(np.array([0, 2])))
    assert len(remove_at(new_picks(), [(1.0, 1.0)])) == 0
