"""Picks as CSV: headers, rows and names as users write them."""

from __future__ import annotations

import errno
import time
from pathlib import Path

import numpy as np
import pytest

from napari_unetpick.errors import EngineError, InputError
from napari_unetpick.io.formats.csv_picks import write_csv
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.picks import Picks


def read(tmp_path: Path, text: str):
    (tmp_path / "picks.csv").write_text(text)
    return read_picks(tmp_path / "picks.csv")


@pytest.mark.parametrize(
    "text",
    [
        "micrograph,x,y,score,diameter\na.mrc,1.5,2.5,0.5,80\nb.mrc,3,4,0.25,90\n",
        "\ufeffMicrograph, X ,Y,Score,Diameter\r\na.mrc,1.5,2.5,0.5,80\r\nb.mrc,3,4,0.25,90\r\n",
        "y;x;diameter;score;micrograph\n2.5;1.5;80;0.5;a.mrc\n4;3;90;0.25;b.mrc\n\n",
        "micrograph\tx\ty\tscore\tdiameter\na.mrc\t1.5\t2.5\t0.5\t80\nb.mrc\t3\t4\t0.25\t90\n",
    ],
)
def test_headers_in_any_case_order_and_delimiter(tmp_path: Path, text: str):
    picks = read(tmp_path, text)
    assert list(picks) == ["a.mrc", "b.mrc"]
    assert picks["a.mrc"].coords.tolist() == [[2.5, 1.5]]
    assert picks["b.mrc"].scores.tolist() == [0.25]
    assert picks["b.mrc"].diameters.tolist() == [90]


def test_rows_of_one_micrograph_need_not_stand_together(tmp_path: Path):
    picks = read(tmp_path, "micrograph,x,y\na.mrc,1,2\nb.mrc,3,4\na.mrc,5,6\n")
    assert picks["a.mrc"].coords.tolist() == [[2, 1], [6, 5]]
    assert picks["a.mrc"].scores is None


def test_a_name_without_coordinates_has_no_picks(tmp_path: Path):
    picks = read(tmp_path, "micrograph,x,y\na.mrc,1,2\nb.mrc,,\na.mrc,,\n")
    assert {name: len(each) for name, each in picks.items()} == {"a.mrc": 1, "b.mrc": 0}


def test_header_alone_is_no_picks(tmp_path: Path):
    assert read(tmp_path, "micrograph,x,y\n") == {}


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "empty"),
        ("micrograph,x\na.mrc,1\n", "no column y .it has: micrograph, x"),
        ("1,2,3\n", "no column micrograph and x and y"),
        ("micrograph,x,y\na.mrc,1,2\na.mrc,1,two\n", "y of row 2 is 'two'"),
        ("micrograph,x,y\na.mrc,,2\n", "x of row 1 is ''"),
        ("micrograph,x,y\na.mrc,1,inf\n", "'inf'"),
        ("micrograph,x,y\na.mrc,1,2\na.mrc,1\n", "line 3 has 2 values"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, words: str):
    with pytest.raises(InputError, match=f"picks.csv: .*{words}") as error:
        read(tmp_path, text)
    assert "\n" not in str(error.value)


def test_round_trip_keeps_fractions_scores_and_odd_names(tmp_path: Path):
    rng = np.random.default_rng(3)
    planted = [
        Picks('a/b/odd, "name" 50%.mrc', rng.uniform(0, 4000, (40, 2)), rng.uniform(size=40)),
        Picks("May08_03.05.02.mrc", rng.uniform(0, 4000, (3, 2)), rng.uniform(size=3)),
    ]
    write_csv(tmp_path / "picks.csv", planted)
    back = read_picks(tmp_path / "picks.csv")
    assert list(back) == ['odd, "name" 50%.mrc', "May08_03.05.02.mrc"]
    for one, again in zip(planted, back.values(), strict=True):
        np.testing.assert_allclose(again.coords, one.coords, atol=6e-4)
        np.testing.assert_allclose(again.scores, one.scores, atol=6e-7)


def test_columns_as_asked(tmp_path: Path):
    path = tmp_path / "picks.csv"
    picks = [Picks("a.mrc", np.array([[2.0, 1.0]]), np.array([0.5]), np.array([80.0]))]
    write_csv(path, picks)
    assert (
        path.read_bytes() == b"micrograph,x,y,score,diameter\na.mrc,1.000,2.000,0.500000,80.000\n"
    )
    write_csv(path, picks, scores=False)
    assert path.read_bytes() == b"micrograph,x,y,diameter\na.mrc,1.000,2.000,80.000\n"
    write_csv(path, [], scores=True)
    assert path.read_bytes() == b"micrograph,x,y,score\n"


def test_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "picks.csv"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(EngineError, match="no space left"):
        write_csv(path, [Picks("a.mrc", np.ones((5, 2)))])
    assert path.read_text() == "old"
    assert [f.name for f in tmp_path.iterdir()] == ["picks.csv"]


def test_many_picks_are_fast(tmp_path: Path):
    count = 100_000
    picks = [
        Picks(f"mic{i}.mrc", np.ones((count // 100, 2)), np.ones(count // 100)) for i in range(100)
    ]
    start = time.perf_counter()
    write_csv(tmp_path / "picks.csv", picks)
    assert sum(map(len, read_picks(tmp_path / "picks.csv").values())) == count
    assert time.perf_counter() - start < 5.0


def test_an_ensembles_uncertainty_is_written_and_read(tmp_path):
    coords, spread = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.125, 0.5])
    path = tmp_path / "candidates.csv"
    write_csv(path, [Picks("m.mrc", coords, np.array([0.9, 0.1]), uncertainties=spread)])
    assert path.read_text().splitlines()[:2] == [
        "micrograph,x,y,score,uncertainty",
        "m.mrc,2.000,1.000,0.900000,0.125000",
    ]
    read = read_picks(path)["m.mrc"]
    np.testing.assert_array_equal(read.uncertainties, spread)
    assert read.select(np.array([1])).uncertainties.tolist() == [0.5]


def test_what_another_program_calls_uncertainty_spoils_nothing(tmp_path):
    path = tmp_path / "foreign.csv"
    path.write_text("micrograph,x,y,uncertainty\nm.mrc,2,1,low\n")
    assert read_picks(path)["m.mrc"].uncertainties is None


def test_unknown_scores_and_diameters_stay_empty_and_come_back(tmp_path: Path):
    path = tmp_path / "picks.csv"
    nan, coords = np.nan, np.array([[2.0, 1.0], [4.0, 3.0]])
    write_csv(
        path,
        [
            Picks("nano.mrc", coords, np.array([0.5, nan]), np.array([nan, 80.0])),
            Picks("none.mrc", coords),
            Picks("nan.mrc", coords, np.full(2, nan)),
        ],
    )
    assert path.read_text().splitlines()[1:4] == [
        "nano.mrc,1.000,2.000,0.500000,",
        "nano.mrc,3.000,4.000,,80.000",
        "none.mrc,1.000,2.000,,",
    ]
    back = read_picks(path)
    np.testing.assert_array_equal(back["nano.mrc"].scores, [0.5, nan])
    np.testing.assert_array_equal(back["nano.mrc"].diameters, [nan, 80.0])
    assert back["none.mrc"].scores is None
    assert back["none.mrc"].diameters is None
    assert back["nan.mrc"].scores is None


def test_unknown_may_be_written_nan_but_not_inf_or_a_word(tmp_path: Path):
    text = "micrograph,x,y,score\na.mrc,1,2,nan\na.mrc,1,2,0.5\n"
    np.testing.assert_array_equal(read(tmp_path, text)["a.mrc"].scores, [np.nan, 0.5])
    for word in ("inf", "high"):
        with pytest.raises(InputError, match=f"score of row 2 is '{word}'"):
            read(tmp_path, text.replace("0.5", word))


def test_kind_angle_and_filament_are_written_and_read(tmp_path: Path):
    """An angle may be unknown; a pick of no filament has track -1."""
    picks = Picks(
        "m.mrc",
        np.array([[1.0, 2], [3, 4], [5, 6]]),
        kinds=np.array(["ribosome", "fibre, long", ""]),
        angles=np.array([12.5, np.nan, -90]),
        tracks=np.array([0, 2, -1]),
    )
    write_csv(tmp_path / "picks.csv", [picks])
    again = read_picks(tmp_path / "picks.csv")["m.mrc"]
    assert again.kinds is not None
    assert again.kinds.tolist() == ["ribosome", "fibre, long", ""]
    np.testing.assert_array_equal(again.angles, picks.angles)
    np.testing.assert_array_equal(again.tracks, picks.tracks)
    assert again.scores is None


@pytest.mark.parametrize("name", ["p.csv", "p.txt", "p.box"])
def test_fractions_of_the_image_are_refused(tmp_path: Path, name: str):
    """YOLO's labels (class x y w h), a table of fractions: all picks in the first pixel."""
    head = {"p.csv": "micrograph,x,y\n", "p.txt": "image_name\tx_coord\ty_coord\n", "p.box": ""}
    row = {"p.csv": "a,0.{0},0.5\n", "p.txt": "a\t0.{0}\t0.5\n", "p.box": "0 0.{0} 0.1 0.1 0.1\n"}
    path = tmp_path / name
    path.write_text(head[name] + "".join(row[name].format(i) for i in (1, 2, 3)))
    with pytest.raises(InputError, match=rf"{name}: .*fractions of the image"):
        read_picks(path)
    assert sum(map(len, read_picks(path, scale=4096).values())) == 3  # of a square image
    path.write_text(head[name] + row[name].format(1))  # one pick may lie in the corner
    assert sum(map(len, read_picks(path).values())) == 1


@pytest.mark.parametrize(
    "text",
    [
        "micrograph;x;y;score\nm 1.mrc;12,5;30;0,9\nm 1.mrc;14,25;31,1250;0,8\n",
        "micrograph\tx\ty\tscore\nm 1.mrc\t12,5\t30\t0,9\nm 1.mrc\t14,25\t31,1250\t0,8\n",
        'micrograph,x,y,score\nm 1.mrc,"12,5",30,"0,9"\nm 1.mrc,"14,25","31,1250","0,8"\n',
        "micrograph|x|y|score\nm 1.mrc|12.5|30|0.9\nm 1.mrc|14.25|31.125|0.8\n",
        'micrograph x  y score\n"m 1.mrc"  12.5 30 0.9\n"m 1.mrc" 14.25   31.125 0.8\n',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_other_separators(tmp_path: Path, text: str, encoding: str):
    (tmp_path / "p.csv").write_text(text, encoding=encoding)
    picks = read_picks(tmp_path / "p.csv")["m 1.mrc"]
    assert picks.coords.tolist() == [[30, 12.5], [31.125, 14.25]]
    assert picks.scores.tolist() == [0.9, 0.8]


@pytest.mark.parametrize("number", ["1,234", "1.234,5", "1,234,567.0", "1'234.5"])
def test_thousands_are_refused(tmp_path: Path, number: str):
    (tmp_path / "p.csv").write_text(f"micrograph;x;y\nm;{number};30\n")
    with pytest.raises(InputError, match=f"p.csv: x of row 1 is .*{number}.*not a number"):
        read_picks(tmp_path / "p.csv")


def test_a_comma_in_one_cell_of_three_digits_follows_its_column(tmp_path: Path):
    (tmp_path / "p.csv").write_text("micrograph;x;y\nm;1,234;30\nm;12,5;30\n")
    assert read_picks(tmp_path / "p.csv")["m"].coords[:, 1].tolist() == [1.234, 12.5]


def test_damaged_tables_are_one_line(tmp_path: Path):
    path = tmp_path / "p.csv"
    for content, words in (
        (b"\xff\xfe", "is empty"),
        (b"\xff\xfe\n\0\n\0", "is empty"),
        (b'micrograph,x\n"' + b"x" * 200_000, "line 2 cannot be read"),
        (b'micrograph,"x\nm,1",z\n', r"it has: micrograph, x m,1, z"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=words) as error:
            read_picks(path, "csv")
        assert "\n" not in str(error.value)
