"""Picks find their micrographs; the rest is counted and told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.io.assign import assign_picks
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import Picks, PickSet


def micrographs(*names: str) -> list[Micrograph]:
    return [Micrograph(Path(name), name) for name in names]


def at(name: str, *points: tuple[float, float]) -> Picks:
    coords = np.array(points, dtype=float).reshape(-1, 2)
    return Picks(name, coords, np.arange(len(coords)) / 10.0)


def test_matched_by_name_and_the_rest_counted():
    picks = PickSet([at("a", (1, 2)), at("x/c.tif", (3, 4), (5, 6)), at("b", ())], ["hello"])
    assigned = assign_picks(picks, micrographs("M/a.mrc", "M/b.mrc"))
    assert {key: (p.micrograph, len(p)) for key, p in assigned.items()} == {
        "a": ("M/a.mrc", 1),
        "b": ("M/b.mrc", 0),
    }
    assert assigned.messages[0] == "hello"
    assert assigned.messages[1].startswith("2 picks of 1 micrograph not given")


def test_none_matching_shows_a_name_of_each_side():
    with pytest.raises(InputError, match=r"such as y\.mrc.*such as M/a\.mrc"):
        assign_picks({"y.mrc": at("y.mrc", (1, 2))}, micrographs("M/a.mrc"))


def test_no_picks_at_all_is_no_error():
    assert assign_picks({}, micrographs("a.mrc")) == {}


def test_outside_the_image():
    shapes = {"a": (10, 20)}
    points = [(0, 0), (9.4, 19.4), (-0.5, 0), (-0.6, 0), (9.5, 0), (0, 19.5), (15, 5)]
    assigned = assign_picks({"a": at("a", *points)}, micrographs("M/a.mrc"), shapes)
    assert assigned["a"].coords.tolist() == [[0, 0], [9.4, 19.4], [-0.5, 0]]
    assert assigned["a"].scores.tolist() == [0.0, 0.1, 0.2]
    assert assigned.messages == ["4 of 7 picks lie outside their micrographs: skipped"]
    with pytest.raises(InputError, match=r"every pick \(1\) lies outside.*swapped"):
        assign_picks({"a": at("a", (15, 5))}, micrographs("a.mrc"), {"x/a.mrc": (10, 20)})


def test_two_files_names_of_one_micrograph_are_put_together():
    picks = {"a.mrc": at("a.mrc", (1, 2)), "x/a.tif": at("x/a.tif", (3, 4))}
    assigned = assign_picks(picks, micrographs("M/a.mrc"))
    assert assigned["a"].coords.tolist() == [[1, 2], [3, 4]]
    assert assigned["a"].scores.tolist() == [0.0, 0.0]


def test_picks_of_another_folder_do_not_go_onto_the_micrograph():
    picks = {name: at(name, (1, 2)) for name in ("g1/a.mrc", "g2/a.mrc")}
    picks["g2/a.mrc"].coords[:] = 300
    assigned = assign_picks(picks, micrographs("M/g1/a.mrc"))
    assert assigned["a"].coords.tolist() == [[1, 2]]
    with pytest.raises(InputError, match=r"g1/a\.mrc and g2/a\.mrc have the same name"):
        assign_picks(picks, micrographs("a.mrc"))
