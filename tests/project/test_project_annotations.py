"""Picks, negatives and areas of a micrograph: written, read again, and nothing lost on the way."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.project import annotations as project_marks
from napari_unetpick.project.annotations import Marks, count_picks, read_marks, write_marks
from napari_unetpick.project.pick_table import PickTable

KEY = "May08_03.05, x"
SQUARE = np.array([[10.5, 20.0], [10.5, 90.0], [70.0, 90.0], [70.0, 20.0]])
TRIANGLE = np.array([[0.0, 0.0], [0.0, 30.0], [30.123456, 0.0]])


def make_picks():
    return PickTable(
        np.array([[10.125, 20.25], [4000.5, 7.0], [0.0, -0.4], [10.125, 20.25]]),
        np.array([1.0, 0.123456, -3.5, 0.5]),
        np.array([4, 2, 900, 5]),
        ("manual", "model", 'a "b", c', "topaz"),
        tuple(f"2024-05-0{i}T10:00:00+00:00" for i in range(1, 5)),
    )


def make_marks():
    return Marks(make_picks(), np.array([[55.5, 66.0]]), (SQUARE, TRIANGLE), (SQUARE + 100,))


def assert_same_picks(found, expected):
    np.testing.assert_allclose(found.coords, expected.coords, atol=5e-4)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-6)
    np.testing.assert_array_equal(found.ids, expected.ids)
    assert found.ids.dtype == np.int64
    assert found.sources == expected.sources
    assert found.created == expected.created


def read(folder):
    told = []
    marks = read_marks(folder, KEY, told)
    assert told == []
    return marks


def test_what_is_written_is_read_again(tmp_path):
    planted = make_marks()
    write_marks(tmp_path, KEY, planted)
    found = read(tmp_path)
    assert_same_picks(found.picks, planted.picks)
    np.testing.assert_array_equal(found.negatives, planted.negatives)
    for kind in ("exclusions", "complete"):
        assert len(getattr(found, kind)) == len(getattr(planted, kind))
        for one, other in zip(getattr(found, kind), getattr(planted, kind), strict=True):
            np.testing.assert_array_equal(one, other)
    assert count_picks(tmp_path / f"{KEY}.star") == 4


def test_the_star_file_is_what_relion_reads(tmp_path):
    write_marks(tmp_path, KEY, make_marks())
    (found,) = read_picks(tmp_path / f"{KEY}.star").values()
    np.testing.assert_allclose(found.coords, make_picks().coords)
    np.testing.assert_allclose(found.scores, make_picks().scores)
    text = (tmp_path / f"{KEY}.star").read_text(encoding="utf-8")
    assert text.count("data_") == 1  # RELION reads only the first block
    assert "_rlnAutopickFigureOfMerit #5" in text


def test_no_files_and_no_marks_are_empty(tmp_path):
    assert len(read(tmp_path).picks) == 0
    write_marks(tmp_path, KEY, make_marks())
    write_marks(tmp_path, KEY, Marks())
    found = read(tmp_path)
    assert len(found.picks) == len(found.negatives) == len(found.exclusions) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{KEY}.extra.csv", f"{KEY}.star"]
    assert count_picks(tmp_path / f"{KEY}.star") == 0
    assert count_picks(tmp_path / "none.star") == 0


def killed_after_the_star(folder, marks, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(project_marks, "write_text", killed)
        with pytest.raises(KeyboardInterrupt):
            write_marks(folder, KEY, marks)


def test_a_kill_between_the_files_loses_no_pick(tmp_path, monkeypatch):
    old = make_marks()
    write_marks(tmp_path, KEY, old)
    # one deleted, the rest in another order, two new
    kept = old.picks.select(np.array([3, 1, 0]))
    new = PickTable.from_coords(np.array([[1.0, 2.0], [3.0, 4.0]]), first_id=901)
    picks = PickTable(
        np.concatenate([kept.coords, new.coords]),
        np.concatenate([kept.scores, new.scores]),
        np.concatenate([kept.ids, new.ids]),
        kept.sources + new.sources,
        kept.created + new.created,
    )
    killed_after_the_star(tmp_path, Marks(picks), monkeypatch)
    found = read(tmp_path).picks
    np.testing.assert_allclose(found.coords, picks.coords)
    np.testing.assert_allclose(found.scores, picks.scores)
    assert sorted(found.ids[[0, 2]]) == [4, 5]  # two picks of one place
    assert found.ids[1] == 2
    assert found.sources[1] == "model"
    assert found.created[1] == old.picks.created[1]
    assert found.ids[3:].tolist() == [901, 902]
    assert found.sources[3:] == ("file", "file")
    write_marks(tmp_path, KEY, Marks(found))
    assert_same_picks(read(tmp_path).picks, found)


def test_a_pick_moved_by_another_program_is_new_and_the_others_keep_their_extras(tmp_path):
    write_marks(tmp_path, KEY, make_marks())
    star = tmp_path / f"{KEY}.star"
    star.write_text(star.read_text().replace("4000.500", "4001.500"))  # the same length
    found = read(tmp_path).picks
    assert found.sources == ("manual", "file", 'a "b", c', "topaz")
    assert found.ids.tolist() == [4, 901, 900, 5]
    assert found.coords[1].tolist() == [4001.5, 7.0]


def test_relions_own_manual_picks_are_read(tmp_path):
    (tmp_path / f"{KEY}.star").write_text(
        "# version 30001\n\ndata_\n\nloop_\n_rlnCoordinateX #1\n_rlnCoordinateY #2\n"
        "_rlnClassNumber #3\n_rlnAnglePsi #4\n_rlnAutopickFigureOfMerit #5\n"
        "  20.250000  10.125000  -999  -999.00000  -999.00000\n"
        "  7.000000  4000.500000  -999  -999.00000  -999.00000\n\n"
    )
    found = read(tmp_path).picks
    np.testing.assert_array_equal(found.coords, [[10.125, 20.25], [4000.5, 7.0]])
    assert found.scores.tolist() == [1, 1]
    assert found.ids.tolist() == [0, 1]
    assert found.sources == ("file", "file")
    assert count_picks(tmp_path / f"{KEY}.star") == 2


@pytest.mark.parametrize("damage", ["", "nonsense", "id,x,y,source,created\n1,2,3,manual\n"])
def test_damaged_extras_cost_no_pick_and_are_told(tmp_path, damage):
    write_marks(tmp_path, KEY, make_marks())
    (tmp_path / f"{KEY}.extra.csv").write_text(damage)
    told = []
    found = read_marks(tmp_path, KEY, told).picks
    np.testing.assert_allclose(found.coords, make_picks().coords)
    assert found.ids.tolist() == [0, 1, 2, 3]
    assert len(told) == 1
    assert f"{KEY}.extra.csv" in told[0]
    assert "all there" in told[0]


def test_two_extras_of_one_id_are_damage(tmp_path):
    write_marks(tmp_path, KEY, make_marks())
    path = tmp_path / f"{KEY}.extra.csv"
    path.write_text(path.read_text().replace("900,", "4,"))
    told = []
    assert len(read_marks(tmp_path, KEY, told).picks) == 4
    assert "one id" in told[0]


def test_a_damaged_pick_file_is_one_line(tmp_path):
    write_marks(tmp_path, KEY, make_marks())
    star = tmp_path / f"{KEY}.star"
    star.write_text(star.read_text()[:-30])
    with pytest.raises(InputError, match="star: line"):
        read(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"exclusions": [[[1, 2], [3, 4]]]}',
        '{"complete": [[[1, 2], [3, 4], [5, NaN]]]}',
        '{"negatives": [[1, 2, 3]]}',
        '{"negatives": [["a", 2]]}',
        '{"exclusions": 5}',
    ],
)
def test_damaged_areas_are_one_line(tmp_path, text):
    (tmp_path / f"{KEY}.areas.json").write_text(text)
    with pytest.raises(InputError, match="areas are damaged"):
        read(tmp_path)


def test_what_could_not_be_read_again_is_not_taken():
    with pytest.raises(InputError, match="corners"):
        Marks(exclusions=(SQUARE[:2],))
    with pytest.raises(InputError, match="not a number"):
        Marks(negatives=np.array([[np.nan, 1.0]]))
    with pytest.raises(InputError, match="not a number"):
        PickTable.from_coords(np.array([[np.nan, 1.0]]))
    with pytest.raises(InputError, match="one length"):
        PickTable(np.zeros((2, 2)))
    with pytest.raises(InputError, match="one id"):
        PickTable(np.zeros((2, 2)), np.ones(2), np.zeros(2, np.int64), ("",) * 2, ("",) * 2)


def test_new_picks_have_what_they_need():
    picks = PickTable.from_coords(np.array([[1, 2], [3, 4]]), first_id=7)
    assert picks.ids.tolist() == [7, 8]
    assert picks.next_id == 9
    assert picks.scores.tolist() == [1, 1]
    assert picks.sources == ("manual", "manual")
    assert picks.created[0].endswith("+00:00")
    chosen = picks.select(np.array([False, True]))
    assert chosen.ids.tolist() == [8]
    assert chosen.coords.tolist() == [[3, 4]]
    assert len(picks.select(np.array([False, False]))) == 0
    assert len(PickTable.empty()) == PickTable.empty().next_id == 0
    assert len(PickTable.from_coords(np.empty((0, 2)))) == 0
