"""Picks, negatives and areas of a micrograph: written, read again, and nothing lost on the way."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.io import atomic
from napari_unetpick.io.formats.annotation_file import count_rows
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.picks import Picks
from napari_unetpick.project.annotations import (
    Annotations,
    add_picks,
    describe_accepted,
    new_picks,
    read_annotations,
    write_annotations,
)

KEY = "May08_03.05, x"
SQUARE = np.array([[10.5, 20.0], [10.5, 90.0], [70.0, 90.0], [70.0, 20.0]])
TRIANGLE = np.array([[0.0, 0.0], [0.0, 30.0], [30.123456, 0.0]])
COLUMNS = {
    "scores": np.array([1.0, 0.123456, -3.5, 0.5]),
    "sources": np.array(["manual", "model", 'a "b"]\n[, c é', "topaz"]),
}
MORE = {
    "diameters": np.array([20.5, np.nan, 3.0, 4.0]),
    "uncertainties": np.array([0.25, 0.5, np.nan, 0.125]),
    "kinds": np.array(["70S", "", "30S", ""]),
    "angles": np.array([-90.0, 33.25, np.nan, 0.0]),
    "tracks": np.array([0, 0, -1, 7]),
}


def make_picks(**columns):
    coords = np.array([[10.125, 20.25], [4000.5, 7.0], [0.0, -0.4], [10.125, 20.25]])
    return Picks(KEY, coords, **COLUMNS, **columns)


def make_annotations(**columns):
    areas = np.array([[55.5, 66.0]]), (SQUARE, TRIANGLE), (SQUARE + 100,)
    return Annotations(make_picks(**columns), *areas)


def assert_same(found, expected):
    np.testing.assert_array_equal(found.picks.coords, expected.picks.coords)
    assert found.picks.columns().keys() == expected.picks.columns().keys()
    for name, column in expected.picks.columns().items():
        np.testing.assert_array_equal(found.picks.columns()[name], column)
        assert found.picks.columns()[name].dtype.kind == column.dtype.kind
    np.testing.assert_array_equal(found.negatives, expected.negatives)
    for kind in ("exclusions", "complete"):
        assert len(getattr(found, kind)) == len(getattr(expected, kind))
        for one, other in zip(getattr(found, kind), getattr(expected, kind), strict=True):
            np.testing.assert_array_equal(one, other)


def read(folder):
    messages = []
    annotations = read_annotations(folder, KEY, messages)
    assert messages == []
    return annotations


@pytest.mark.parametrize("columns", [{}, MORE], ids=["plain", "all columns"])
def test_what_is_written_is_read_again(tmp_path, columns):
    planted = make_annotations(**columns)
    write_annotations(tmp_path, KEY, planted)
    assert_same(read(tmp_path), planted)
    assert [path.name for path in tmp_path.iterdir()] == [f"{KEY}.json"]
    assert count_rows(tmp_path / f"{KEY}.json") == 4


def test_others_can_read_the_file(tmp_path):
    write_annotations(tmp_path, KEY, make_annotations())
    text = (tmp_path / f"{KEY}.json").read_text(encoding="utf-8")
    table = json.loads(text)
    assert table["columns"] == ["x", "y", "score", "source"]
    assert table["picks"][1] == [7.0, 4000.5, 0.123456, "model"]
    assert table["negatives"] == [[66.0, 55.5]]
    assert table["exclusions"][0][1] == [90.0, 10.5]
    assert '\n[7.0,4000.5,0.123456,"model"],\n' in text


@pytest.mark.parametrize("fmt", [None, "project"])
def test_every_command_that_reads_picks_reads_them(tmp_path, fmt):
    write_annotations(tmp_path, KEY, make_annotations())
    write_annotations(tmp_path, "empty", Annotations())
    found = read_picks(tmp_path, fmt)
    assert sorted(found) == sorted([KEY, "empty"])
    assert found.messages == []
    np.testing.assert_array_equal(found[KEY].coords, make_picks().coords)
    np.testing.assert_array_equal(found[KEY].scores, make_picks().scores)
    assert found[KEY].sources.tolist() == make_picks().sources.tolist()
    assert list(read_picks(tmp_path / f"{KEY}.json")) == [KEY]


def test_no_file_and_no_annotations_are_empty(tmp_path):
    assert_same(read(tmp_path), Annotations())
    write_annotations(tmp_path, KEY, make_annotations())
    write_annotations(tmp_path, KEY, Annotations())
    assert_same(read(tmp_path), Annotations())
    assert count_rows(tmp_path / f"{KEY}.json") == 0


def test_a_kill_while_writing_leaves_what_was_there(tmp_path, monkeypatch):
    planted = make_annotations()
    write_annotations(tmp_path, KEY, planted)

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(atomic.os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_annotations(tmp_path, KEY, Annotations())
    assert_same(read(tmp_path), planted)


@pytest.mark.parametrize(
    "before,after",
    [
        ("]}\n", "\n"),
        ('"schema": 1', '"schema": "x"'),
        ('"picks": [', '"picks": {'),
        ('"x", "y"', '"x", "z"'),
        ('"x", "y", ', ""),
        ("[7.0,4000.5,", '["a",4000.5,'),
        ("[7.0,4000.5,", "[7.0,NaN,"),
        ('0.123456,"model"', 'null,"model"'),
        ('"model"', "5"),
        ("[[66.0,55.5]]", "[[66.0,55.5,1]]"),
        ("[[66.0,55.5]]", "[[66.0,NaN]]"),
        ('"complete":[[', '"complete":[[[1,2],[3,4]],['),
        ('"complete":', '"finished":'),
    ],
)
def test_damage_is_one_line_and_the_file_is_left_alone(tmp_path, before, after):
    write_annotations(tmp_path, KEY, make_annotations())
    path = tmp_path / f"{KEY}.json"
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1
    path.write_text(text.replace(before, after), encoding="utf-8")
    with pytest.raises(InputError, match=r"\.json: .*repair the file or restore") as caught:
        read(tmp_path)
    assert "\n" not in str(caught.value)
    assert path.read_text(encoding="utf-8") == text.replace(before, after)


def test_a_newer_file_is_not_misread(tmp_path):
    write_annotations(tmp_path, KEY, make_annotations())
    path = tmp_path / f"{KEY}.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"schema": 1', '"schema": 2'))
    with pytest.raises(InputError, match="newer version"):
        read(tmp_path)


def test_what_could_not_be_read_again_is_refused():
    with pytest.raises(InputError, match="corners"):
        Annotations(exclusions=(SQUARE[:2],))
    with pytest.raises(InputError, match="not a number"):
        Annotations(negatives=np.array([[np.nan, 1.0]]))
    with pytest.raises(InputError, match="not a number"):
        Annotations(new_picks(np.array([[np.nan, 1.0]])))
    with pytest.raises(InputError, match="not a number"):
        Annotations(new_picks(np.array([[2.0, 1.0]]), "model", np.array([np.nan])))
    with pytest.raises(InputError, match="one length"):
        Annotations(new_picks(np.zeros((2, 2)), "model", np.zeros(1)))
    with pytest.raises(InputError, match="scores and sources"):
        Annotations(Picks("", np.zeros((2, 2))))


def test_new_picks_have_what_they_need():
    picks = new_picks(np.array([[1, 2], [3, 4]]))
    assert picks.scores.tolist() == [1, 1]
    assert picks.sources.tolist() == ["manual", "manual"]
    assert picks.coords.dtype == np.float64
    assert len(new_picks()) == len(new_picks(np.empty((0, 2)))) == 0


def test_added_picks_keep_the_columns_of_the_others():
    more = new_picks(np.array([[1.0, 2.0]]), "model", np.array([0.25]))
    found = add_picks(make_picks(**MORE), more)
    assert found.coords.tolist() == [*make_picks().coords.tolist(), [1.0, 2.0]]
    assert found.scores.tolist() == [*COLUMNS["scores"].tolist(), 0.25]
    assert found.sources.tolist() == [*COLUMNS["sources"].tolist(), "model"]
    assert found.kinds.tolist() == ["70S", "", "30S", "", ""]
    assert found.tracks.tolist() == [0, 0, -1, 7, -1]
    np.testing.assert_array_equal(found.angles, [-90.0, 33.25, np.nan, 0.0, np.nan])
    assert found.tracks.dtype == np.int64


def test_accepted_picks_are_counted():
    manual = new_picks(np.ones((3, 2)))
    assert describe_accepted([manual]) == ""
    both = add_picks(manual, new_picks(np.zeros((2, 2)), "model", np.ones(2)))
    assert describe_accepted([manual, both]).startswith("2 of 8 true particles were accepted")
