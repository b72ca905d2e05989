"""Labels: written, read again, and refused in one line where they make no sense."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.io.formats.csv_picks import read_csv
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.labels import (
    Labels,
    labels_hash,
    read_areas,
    read_labels,
    read_states,
    states_beside,
    write_labels,
)

SQUARE = np.array([[10.5, 20.0], [10.5, 90.0], [70.0, 90.0], [70.0, 20.0]])
TRIANGLE = np.array([[0.0, 0.0], [0.0, 30.0], [30.0, 0.0]])


def make_labels():
    return {
        "May08_03.05.02.mrc": Labels(
            "partial",
            np.array([[12.25, 30.125], [400.5, 7.0]]),
            negatives=np.array([[55.0, 66.0]]),
            exclusions=(SQUARE, TRIANGLE),
            complete=(SQUARE + 100,),
        ),
        "grid, square 2.mrc": Labels("full", np.array([[1.0, 2.0]])),
        "empty.mrc": Labels("full"),
        "unseen.mrc": Labels("none"),
    }


def test_what_is_written_is_read_again(tmp_path):
    labels = make_labels()
    write_labels(tmp_path, labels)
    assert read_states(tmp_path / "labels.csv") == {k: v.state for k, v in labels.items()}
    for file, kind in (("picks.csv", "positives"), ("negatives.csv", "negatives")):
        found = read_csv(tmp_path / file)
        expected = {k: getattr(v, kind) for k, v in labels.items() if len(getattr(v, kind))}
        assert found.keys() == expected.keys()
        for name, coords in expected.items():
            np.testing.assert_allclose(found[name].coords, coords, atol=1e-3)
    areas = read_areas(tmp_path / "areas.json")
    assert list(areas) == ["May08_03.05.02.mrc"]
    for kind, expected in (("exclusions", (SQUARE, TRIANGLE)), ("complete", (SQUARE + 100,))):
        found = areas["May08_03.05.02.mrc"][kind]
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other)


def test_the_same_labels_are_the_same_files(tmp_path):
    write_labels(tmp_path / "a", make_labels())
    write_labels(tmp_path / "b", make_labels())
    files = sorted(p.name for p in (tmp_path / "a").iterdir())
    assert files == ["areas.json", "labels.csv", "negatives.csv", "picks.csv"]
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_states_may_carry_spaces_a_bom_and_other_columns(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_bytes("\ufeffnote,micrograph,state\r\nx, a.mrc , full \r\ny,b.mrc,none\r\n".encode())
    assert read_states(path) == {"a.mrc": "full", "b.mrc": "none"}


@pytest.mark.parametrize(
    "text, says",
    [
        ("micrograph,status\na.mrc,full\n", "no column state"),
        ("name,state\na.mrc,full\n", "no column micrograph"),
        ("", "is empty"),
        ("micrograph,state\na.mrc,complete\n", "state 'complete' of a.mrc; give one of full"),
        ("micrograph,state\na.mrc,\n", "state '' of a.mrc"),
        ("state,micrograph\nfull\n", "line 2 has 1 value;"),
        (
            "micrograph,state\na.mrc,full\na.mrc,none\n",
            "state of a is 'full' in one row and 'none'",
        ),
        ("micrograph,state\nM/a.mrc,full\na,partial\n", "state of a is 'full' in one row"),
    ],
)
def test_states_that_make_no_sense_are_one_line(tmp_path, text, says):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        read_states(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_one_line(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    with pytest.raises(InputError, match=r"labels\.csv: is a binary file"):
        read_states(path)


def test_names_in_an_old_code_page_are_read(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_bytes("micrograph,state\ngrün.mrc,full\n".encode("latin-1"))
    assert read_states(path) == {"grün.mrc": "full"}


@pytest.mark.parametrize(
    "content",
    [
        "not json",
        "[]",
        '{"a.mrc": []}',
        '{"a.mrc": {"exclusions": null}}',
        '{"a.mrc": {"exclusions": 3}}',
        '{"a.mrc": {"exclusions": [[[1, 2], [3]]]}}',
        '{"a.mrc": {"complete": [{"x": 1}]}}',
        '{"a.mrc": {"exclusions": [[["a", 2], [3, 4], [5, 6]]]}}',
        json.dumps({"a.mrc": {"exclusions": [[]]}}),  # no corner at all
        json.dumps({"a.mrc": {"exclusions": [[[1, 2], [3, 4]]]}}),  # a line is no area
        '{"a.mrc": {"exclusions": [[[1, 2], [3, NaN], [5, 6]]]}}',
    ],
)
def test_areas_that_make_no_sense_are_one_line(tmp_path, content):
    path = tmp_path / "areas.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"areas\.json: not an areas file") as caught:
        read_areas(path)
    assert "\n" not in str(caught.value)


def test_a_kind_of_area_may_be_absent(tmp_path):
    path = tmp_path / "areas.json"
    path.write_text(json.dumps({"a.mrc": {"exclusions": [TRIANGLE.tolist()]}, "b.mrc": {}}))
    areas = read_areas(path)
    assert areas["a.mrc"]["complete"] == ()
    np.testing.assert_array_equal(areas["a.mrc"]["exclusions"][0], TRIANGLE)
    assert areas["b.mrc"] == {"exclusions": (), "complete": ()}


def test_labels_come_back_as_they_were_written(tmp_path):
    labels = make_labels()
    write_labels(tmp_path, labels)
    read = read_labels(tmp_path)
    assert list(read) == list(labels)
    assert labels_hash(read) == labels_hash(labels)
    assert read["empty.mrc"].state == "full"
    write_labels(tmp_path, {"empty.mrc": Labels("full")})
    assert labels_hash(read_labels(tmp_path)) == labels_hash({"empty.mrc": Labels("full")})


def test_labels_of_a_micrograph_without_a_state_are_refused(tmp_path):
    write_labels(tmp_path, make_labels())
    states = tmp_path / "labels.csv"
    states.write_text(states.read_text().replace("unseen.mrc,none\n", ""))
    assert "unseen.mrc" not in read_labels(tmp_path)
    states.write_text(states.read_text().replace("May08_03.05.02.mrc,partial\n", ""))
    with pytest.raises(InputError, match=r"has no row for May08_03\.05\.02\.mrc"):
        read_labels(tmp_path)


@pytest.mark.parametrize(
    "text", ["micrograph,x,y\na.mrc,3,4\n", "image_name\tx_coord\ty_coord\na\t3\t4\n"]
)
def test_picks_that_are_called_labels_are_picks(tmp_path, text):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    for given in (path, tmp_path):
        (picks,) = read_picks(given).values()
        assert picks.coords.tolist() == [[4.0, 3.0]]
        assert states_beside(given, ["a.mrc"]) == {}
    (tmp_path / "picks.csv").write_text("micrograph,x,y\na.mrc,1,2\n")
    assert states_beside(tmp_path / "picks.csv", ["a.mrc"]) == {}
    path.write_text("micrograph,status\na.mrc,full\n")  # a damaged table is not passed over
    with pytest.raises(InputError, match=r"labels\.csv.*state"):
        states_beside(tmp_path / "picks.csv", ["a.mrc"])
