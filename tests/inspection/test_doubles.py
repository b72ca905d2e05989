"""Twins are merged where they are many, and kept where two particles may lie there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_unetpick.inspection.doubles import merge_doubles
from napari_unetpick.inspection.inspect_picks import inspect_picks
from napari_unetpick.io.picks import Picks

D = 40.0


@pytest.fixture
def places() -> np.ndarray:
    """100 places, 60 px apart."""
    grid = np.stack(np.meshgrid(np.arange(10), np.arange(10)), -1).reshape(-1, 2)
    return 60.0 * grid + 30


def doubled(places: np.ndarray, count: int, shift: float = 0.05 * D) -> Picks:
    coords = np.concatenate([places, places[:count] + [0, shift]])
    return Picks("m", coords, np.linspace(0.1, 0.9, len(coords)))


def test_a_file_merged_with_itself_is_one(places):
    picks, (found,) = merge_doubles({"m": doubled(places, 100)}, {"m": D})
    assert len(picks["m"]) == 100
    assert "100 of 200 picks" in str(found)
    np.testing.assert_allclose(picks["m"].coords, places + [0, 0.05 * D])  # the better ones
    assert picks["m"].scores.min() > 0.5


def test_three_of_a_kind_are_one(places):
    coords = np.concatenate([places, places + 1, places + 2])
    picks, _ = merge_doubles({"m": Picks("m", coords)}, {"m": D})
    np.testing.assert_allclose(picks["m"].coords, places)


@pytest.mark.parametrize("count,left", [(2, 102), (3, 100)])
def test_few_twins_are_kept(places, count: int, left: int):
    """3 of 100 with a twin are 6 of 103 picks, above a twentieth; 2 are 4 of 102."""
    picks, findings = merge_doubles({"m": doubled(places, count)}, {"m": D})
    assert len(picks["m"]) == left
    assert len(findings) == (left == 100)


def test_neighbours_beyond_a_tenth_are_kept(places):
    picks, findings = merge_doubles({"m": doubled(places, 100, 0.12 * D)}, {"m": D})
    assert (len(picks["m"]), findings) == (200, [])


def test_doubles_on_other_micrographs_count_for_the_set(places):
    given = {"a": doubled(places, 0), "b": doubled(places, 4)}
    assert merge_doubles(given, {"a": D, "b": D})[1] == []
    given = {"a": doubled(places, 0), "b": doubled(places, 6)}
    picks, (_,) = merge_doubles(given, {"a": D, "b": D})
    assert [len(each) for each in picks.values()] == [100, 100]


def test_segments_and_kinds_lie_as_near_as_they_like(places):
    picks = doubled(places, 100)
    segments = replace(picks, tracks=np.zeros(len(picks), np.int64))
    assert merge_doubles({"m": segments}, {"m": D})[1] == []
    kinds = replace(picks, kinds=np.repeat(["a", "b"], 100))
    assert merge_doubles({"m": kinds}, {"m": D})[1] == []


def test_without_a_diameter_equal_places_are_one(places):
    picks, (_,) = merge_doubles({"m": doubled(places, 100, 0.5)}, {})
    assert len(picks["m"]) == 100
    assert merge_doubles({"m": doubled(places, 100, 2.0)}, {})[1] == []


def test_at_a_wrong_scale_neighbours_are_not_taken_for_doubles(any_set):
    small = {k: replace(p, coords=p.coords / 8) for k, p in any_set.picks.items()}
    picks, (found,) = inspect_picks(small, any_set.known)
    assert found.scale == 8
    assert sum(map(len, picks.values())) == sum(map(len, small.values()))


def test_doubles_in_a_right_set_are_merged_and_nothing_else_is_said(any_set):
    rng = np.random.default_rng(0)
    twice = {
        k: replace(
            p, coords=np.concatenate([p.coords, p.coords + rng.normal(0, 0.5, p.coords.shape)])
        )
        for k, p in any_set.picks.items()
    }
    picks, (found,) = inspect_picks(twice, any_set.known)
    assert found.kind == "doubles"
    assert {k: len(p) for k, p in picks.items()} == {k: len(p) for k, p in any_set.picks.items()}
