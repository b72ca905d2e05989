"""Round trips through every format, each format's own traps, and telling them apart."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cs_files import CS, cs_table, save
from napari_unetpick.errors import InputError
from napari_unetpick.io.formats.box_size import boxes_overlap, even_box, good_box
from napari_unetpick.io.formats.read import read_picks, sniff
from napari_unetpick.io.formats.write import write_picks
from napari_unetpick.io.names import micrograph_key
from napari_unetpick.io.picks import Picks


def planted() -> dict[str, Picks]:
    rng = np.random.default_rng(5)
    return {
        name: Picks(name, rng.uniform(100, 3000, (n, 2)), rng.uniform(0.01, 0.99, n))
        for name, n in (("Movies/May08_03.05.02.mrc", 30), ("Movies/b.mrc", 1))
    }


@pytest.mark.parametrize(
    "fmt, out, tolerance, keeps_scores",
    [
        ("csv", "picks.csv", 5.1e-4, True),
        ("star", "picks.star", 5.1e-4, True),
        ("cryosparc", "picks.star", 5.1e-4, True),
        ("relion", "folder", 5.1e-4, True),
        ("topaz", "picks.txt", 5.1e-4, True),
        ("cbox", "folder", 5.1e-4, True),
        ("eman", "folder", 5.1e-4, False),
        ("box", "folder", 0.5, False),
    ],
)
def test_round_trip(tmp_path: Path, fmt: str, out: str, tolerance: float, keeps_scores: bool):
    files = write_picks(planted(), tmp_path / out, fmt, box_size=64)
    assert all(file.is_file() for file in files)
    assert all(b"\r" not in file.read_bytes() for file in files)
    back = {micrograph_key(name): p for name, p in read_picks(tmp_path / out).items()}
    for one in planted().values():
        again = back.pop(micrograph_key(one.micrograph))
        np.testing.assert_allclose(again.coords, one.coords, atol=tolerance)
        if keeps_scores:
            np.testing.assert_allclose(again.scores, one.scores, atol=2e-6)
    assert back == {}


@pytest.mark.parametrize("name", ["data_k3/data_mic1.mrc", "_grid1/_mic1.mrc", "loop_.mrc"])
@pytest.mark.parametrize(
    "fmt, out", [("csv", "p.csv"), ("star", "p.star"), ("relion", "o"), ("topaz", "p.txt")]
)
def test_round_trip_of_micrographs_named_like_keywords(
    tmp_path: Path, name: str, fmt: str, out: str
):
    coords = np.array([[20.0, 10.0], [40.0, 30.0]])
    write_picks({name: Picks(name, coords)}, tmp_path / out, fmt)
    (back,) = read_picks(tmp_path / out).values()
    assert micrograph_key(back.micrograph) == micrograph_key(name)
    assert back.coords.tolist() == coords.tolist()


def test_box_as_relion_reads_it(tmp_path: Path):
    """RELION cuts fractions off and halves the box with integer division."""
    coords = np.array([[50.4, 100.6], [0.2, 3.0]])
    (path,) = write_picks({"a": Picks("a.mrc", coords)}, tmp_path / "a.box", "box", box_size=64)
    rows = [list(map(int, line.split())) for line in path.read_text().splitlines()]
    assert rows == [[69, 18, 64, 64], [-29, -32, 64, 64]]
    assert [(y + h // 2, x + w // 2) for x, y, w, h in rows] == [(50, 101), (0, 3)]


def test_box_reading(tmp_path: Path):
    path = tmp_path / "mic.1.box"
    path.write_text("10 20 64 32 0.5\n10.5\t20.5\t64\t64\t0.25\n")
    picks = read_picks(path)["mic.1"]
    assert picks.coords.tolist() == [[36.0, 42.0], [52.5, 42.5]]
    assert picks.scores.tolist() == [0.5, 0.25]
    path.write_text("10 20 64 64 -3\n")  # EMAN1's mark of a manual box
    assert read_picks(path)["mic.1"].scores is None
    for blank in ("", "\n", " \r\n"):
        path.write_text(blank)
        assert len(read_picks(path)["mic.1"]) == 0
    path.write_text("10 20\n")
    with pytest.raises(InputError, match="row 1 has 2 values"):
        read_picks(path)


@pytest.mark.parametrize("box_size", [0, -2, 63])
def test_odd_boxes_are_refused(tmp_path: Path, box_size: int):
    picks = {"a": Picks("a.mrc", np.ones((1, 2)))}
    with pytest.raises(InputError, match=r"--box-size|even"):
        write_picks(picks, tmp_path / "a.box", "box", box_size=box_size)


def test_box_size_from_the_picks_own_diameters(tmp_path: Path):
    coords, diameters = np.full((3, 2), 100.0), np.array([80.0, 81.0, 500.0])
    picks = {"a": Picks("a.mrc", coords, diameters=diameters)}
    (path,) = write_picks(picks, tmp_path / "a.box", "box")
    assert path.read_text().split()[2] == "126"  # 1.5 * 81 = 121.5; 122 and 124 have large factors
    sizes = [(1, 2), (81, 84), (117, 120), (118, 120), (134, 140), (180, 180), (5001, 5040)]
    assert [good_box(size) for size, _ in sizes] == [expected for _, expected in sizes]
    assert [even_box(s) for s in (1, 2, 2.1, 3, 120.0, 120.2)] == [2, 2, 4, 4, 120, 122]
    assert [even_box(1.5 * 112 / 1.4), even_box(120.001)] == [120, 122]
    with pytest.raises(InputError, match="--box-size"):
        write_picks({"a": Picks("a.mrc", coords)}, tmp_path / "b.box", "box")


def test_boxes_that_share_pixels():
    coords = np.array([[10.0, 10.0], [10.0, 29.0], [29.5, 48.5], [100.0, 10.0]])
    assert boxes_overlap(coords, 20).tolist() == [True, True, True, False]
    assert boxes_overlap(coords, 19).tolist() == [False] * 4  # side by side
    assert boxes_overlap(coords[:1], 20).tolist() == [False]


CBOX = """
data_global

_cbox_format_version 1.0

data_cryolo

loop_
_CoordinateX #1
_CoordinateY #2
_CoordinateZ #3
_Width #4
_Height #5
_Depth #6
_EstWidth #7
_EstHeight #8
_Confidence #9
_NumBoxes #10
_Angle #11
10.5 20.5 <NA> 100 100 <NA> 90 110 0.75 1 <NA>

data_cryolo_include

loop_
_slice_index #1
"""


def test_cbox_reading(tmp_path: Path):
    path = tmp_path / "mic1.cbox"
    path.write_text(CBOX)
    picks = read_picks(path)["mic1"]
    assert picks.coords.tolist() == [[70.5, 60.5]]
    assert picks.scores.tolist() == [0.75]
    assert picks.diameters.tolist() == [100.0]
    path.write_text("10 20 64 64 0.5 1 1 1\n")
    with pytest.raises(InputError, match="not a STAR"):
        read_picks(path, "cbox")


def test_topaz_scale_and_logits(tmp_path: Path):
    path = tmp_path / "picks.txt"
    path.write_text("image_name\tx_coord\ty_coord\tscore\nmic.1\t10\t20\t0.0\nmic.1\t11\t21\t-30\n")
    picks = read_picks(path, scale=8.0)["mic.1"]
    assert picks.coords.tolist() == [[160.0, 80.0], [168.0, 88.0]]
    assert picks.scores[0] == 0.5
    assert 0 < picks.scores[1] < 1e-12
    write_picks({"a": Picks("M/mic.1.mrc", np.array([[20.0, 10.0]]))}, path, "topaz")
    assert path.read_text() == "image_name\tx_coord\ty_coord\nmic.1\t10.000\t20.000\n"


def test_topaz_diameters(tmp_path: Path):
    path = tmp_path / "picks.txt"
    path.write_text("image_name\tx_coord\ty_coord\tdiameter\nmic.1\t10\t20\t15\n")
    assert read_picks(path, scale=8.0)["mic.1"].diameters.tolist() == [120.0]


@pytest.mark.parametrize("fmt, out", [("csv", "p.csv"), ("star", "p.star"), ("relion", "o")])
def test_scale_of_every_format(tmp_path: Path, fmt: str, out: str):
    write_picks(planted(), tmp_path / out, fmt)
    back = {micrograph_key(name): p for name, p in read_picks(tmp_path / out, scale=4).items()}
    for one in planted().values():
        again = back[micrograph_key(one.micrograph)]
        np.testing.assert_allclose(again.coords, 4 * one.coords, atol=4 * 5.1e-4)


def test_unknown_scores_and_diameters_in_other_formats(tmp_path: Path):
    coords, nan = np.full((3, 2), 100.0), np.nan
    some = Picks("a.mrc", coords, np.array([0.5, nan, 0.25]), np.array([nan, 80.0, 80.0]))
    write_picks({"a": some}, tmp_path / "a.cbox", "cbox")
    back = read_picks(tmp_path / "a.cbox")["a"]
    assert back.scores.tolist() == [0.5, 1.0, 0.25]
    np.testing.assert_array_equal(back.diameters, [nan, 80.0, 80.0])  # not the box's
    write_picks({"a": some}, tmp_path / "a.txt", "topaz")
    assert read_picks(tmp_path / "a.txt")["a"].scores[1] > 0.99
    (tmp_path / "b.txt").write_text("image_name\tx_coord\ty_coord\tscore\nb\t1\t2\t\nb\t1\t2\t0\n")
    np.testing.assert_array_equal(read_picks(tmp_path / "b.txt")["b"].scores, [nan, 0.5])


@pytest.mark.parametrize("fmt", ["box", "cbox", "eman"])
def test_scale_of_one_file_a_micrograph(tmp_path: Path, fmt: str):
    picks = {"a": Picks("a", np.array([[40.0, 30.0]]), diameters=np.array([20.0]))}
    write_picks(picks, tmp_path, fmt)
    back = read_picks(tmp_path, scale=4.0)["a"]
    assert back.coords.tolist() == [[160.0, 120.0]]
    assert back.diameters is None or back.diameters.tolist() == [80.0]


def test_eman_keeps_what_else_the_file_says(tmp_path: Path):
    info = tmp_path / "info" / "mic1_info.json"
    info.parent.mkdir()
    info.write_text(
        json.dumps({"quality": 5, "boxes": [[10, 20, "manual"], [3.5, 4.5, "auto", 1]]})
    )
    assert read_picks(info)["mic1"].coords.tolist() == [[20, 10], [4.5, 3.5]]
    assert list(read_picks(tmp_path)) == ["mic1"]  # an EMAN2 project folder
    write_picks({"a": Picks("mic1.mrc", np.array([[7.25, 6.0]]))}, tmp_path, "eman")
    assert json.loads(info.read_text()) == {"quality": 5, "boxes": [[6.0, 7.25, "manual"]]}
    for text, words in [("{", "not JSON"), ("{}", "no list 'boxes'"), ('{"boxes": [5]}', "entry")]:
        info.write_text(text)
        with pytest.raises(InputError, match=words):
            read_picks(info)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e4])
def test_places_that_cannot_be_are_refused_in_every_format(tmp_path: Path, value: float):
    table = cs_table(CS)
    table["location/center_x_frac"] = [0.5, value]
    save(tmp_path / "a.cs", table)
    big = f"{value * 5760:g}"
    box = json.dumps({"boxes": [[value * 5760, 5, "manual"]]})  # NaN and Infinity, as JSON has none
    (tmp_path / "a.json").write_text(box)
    (tmp_path / "a.cbox").write_text(CBOX.replace("10.5 20.5", f"{big} 20.5"))
    (tmp_path / "a.csv").write_text(f"micrograph,x,y\na,{big},5\n")
    (tmp_path / "a.box").write_text(f"{big} 5 10 10\n")
    for name in ("a.cs", "a.json", "a.cbox", "a.csv", "a.box"):
        with pytest.raises(InputError, match=rf"{name}: .*(is not possible; correct|not a number)"):
            read_picks(tmp_path / name)


CRYOPPP = "X-Coordinate,Y-Coordinate,Diameter,Class\n10,20,108,1\n30,40,108,1\n"


def test_cryoppp_is_turned_by_the_height(tmp_path: Path):
    path = tmp_path / "mic.frames.csv"
    for text in (CRYOPPP, '"X-Coordinate,Y-Coordinate,Diameter"\n"10,20,108"\n"30,40,108"\n'):
        path.write_text(text)
        picks = read_picks(path, image_shapes={"x/mic.frames.mrc": (100, 200)})["mic.frames"]
        assert picks.coords.tolist() == [[79, 10], [59, 30]]
        assert picks.diameters.tolist() == [108, 108]
    with pytest.raises(InputError, match="height is needed"):
        read_picks(path)
    reduced = read_picks(path, image_shapes={"mic.frames": (400, 800)}, scale=4.0)["mic.frames"]
    assert reduced.coords.tolist() == [[4 * 79, 40], [4 * 59, 120]]
    assert reduced.diameters.tolist() == [432, 432]


def test_cryoppp_finds_the_height_by_a_name_with_a_suffix(tmp_path: Path):
    (tmp_path / "mic1.csv").write_text(CRYOPPP)
    known = {"mic1_DW": (100, 200), "mic2_DW": (50, 50)}
    assert read_picks(tmp_path / "mic1.csv", image_shapes=known)["mic1"].coords[0, 0] == 79
    known["mic1_aligned"] = (60, 200)  # which of the two is meant nobody knows
    with pytest.raises(InputError, match=r"none of the given micrographs .* has its name"):
        read_picks(tmp_path / "mic1.csv", image_shapes=known)


@pytest.mark.parametrize("name", ["mic.mrc", "mic_DW.mrc"])
def test_cryoppp_finds_the_height_in_its_own_folders(tmp_path: Path, name: str):
    import mrcfile

    folder = tmp_path / "10017" / "ground_truth" / "particle_coordinates"
    folder.mkdir(parents=True)
    (folder / "mic.csv").write_text(CRYOPPP)
    (tmp_path / "10017" / "micrographs").mkdir()
    with mrcfile.new(tmp_path / "10017" / "micrographs" / name) as file:
        file.set_data(np.zeros((100, 200), "f4"))
    assert read_picks(folder)["mic"].coords.tolist() == [[79, 10], [59, 30]]


@pytest.mark.parametrize(
    "name, text, fmt",
    [
        ("a.txt", "data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n1 2\n", "star"),
        ("a.star", CBOX, "cbox"),
        ("a.txt", "10 20 64 64\n", "box"),
        ("a.csv", "image_name,x_coord,y_coord\n", "topaz"),
        ("a.txt", "micrograph,x,y\n", "topaz"),
        ("a.csv", "micrograph,x,y\n", "csv"),
        ("a.csv", CRYOPPP, "cryoppp"),
        ("a.csv", "micrograph,x,y\ndata_1.mrc,10,20\n", "csv"),
        ("a.txt", "image_name\tx_coord\ty_coord\ndata_1\t10\t20\n", "topaz"),
        ("a.star", "# version 30001\n\ndata_particles # all\n", "star"),
        ("a.json", '{"boxes": []}', "eman"),
        ("a.box", "", "box"),
    ],
)
def test_content_tells_the_format(tmp_path: Path, name: str, text: str, fmt: str):
    (tmp_path / name).write_text(text)
    assert sniff(tmp_path / name) == fmt


def test_what_is_no_pick_file(tmp_path: Path):
    (tmp_path / "a.mrc").write_bytes(bytes(2000))
    for path, words in [
        (tmp_path / "a.mrc", "not a known picks file"),
        (tmp_path / "none.csv", "no such file"),
        (tmp_path, "has no picks files"),
    ]:
        with pytest.raises(InputError, match=words):
            read_picks(path)
    with pytest.raises(InputError, match="format 'xyz' cannot be read"):
        read_picks(tmp_path / "a.mrc", "xyz")
    with pytest.raises(InputError, match="format 'xyz' cannot be written"):
        write_picks({}, tmp_path / "out", "xyz")


def test_what_the_system_refuses_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.csv").write_text("micrograph,x,y\n")
    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(InputError, match=r"a\.csv: cannot be read \(Permission denied\)"):
        read_picks(tmp_path / "a.csv")


@pytest.mark.parametrize("form", ["csv", "star", "cbox", "box"])
def test_a_last_line_without_an_end_is_reported(tmp_path: Path, form: str):
    coords, sizes = np.array([[100.0, 110.0], [120.0, 130.0]]), np.full(2, 40.0)
    picks = {"a.mrc": Picks("a.mrc", coords, diameters=sizes)}
    write_picks(picks, tmp_path / f"a.{form}", form, box_size=64)
    assert read_picks(tmp_path / f"a.{form}").messages == []
    whole = (tmp_path / f"a.{form}").read_text()
    (tmp_path / f"a.{form}").write_text(whole.rstrip()[:-1])
    said = read_picks(tmp_path / f"a.{form}").messages
    assert said == [f"a.{form}: ends inside a line; is the file cut short?"]


def test_folder_of_pick_files(tmp_path: Path):
    (tmp_path / "a.star").write_text("data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n1 2\n")
    (tmp_path / "b.box").write_text("0 0 10 10\n")
    (tmp_path / "labels.csv").write_text("micrograph,state\na,full\n")
    (tmp_path / "negatives.csv").write_text("micrograph,x,y\na,7,7\n")
    (tmp_path / "a.extra.csv").write_text("id,source\n1,manual\n")
    (tmp_path / "split.csv").write_text("micrograph,role\na,test\n")
    (tmp_path / "job.star").write_text("data_job\n_rlnJobTypeLabel relion.external\n")
    picks = read_picks(tmp_path)
    assert {name: p.coords.tolist() for name, p in picks.items()} == {
        "a": [[2.0, 1.0]],
        "b": [[5.0, 5.0]],
    }
    assert picks.messages == [f"{n}: has no picks, skipped" for n in ("job.star", "split.csv")]
    (tmp_path / "picks.csv").write_text("micrograph,x,y\na.mrc,1,2\n")
    with pytest.raises(InputError, match=r"both a\.star and picks\.csv have picks of a"):
        read_picks(tmp_path)


def test_a_simulated_sets_truth_and_junk_are_passed_over_only_beside_its_picks(tmp_path: Path):
    (tmp_path / "truth.csv").write_text("micrograph,x,y\na,1,2\n")
    (tmp_path / "junk.csv").write_text("micrograph,x,y,kind\nb,1,2,ethane\n")
    (tmp_path / "negatives_stain_1.box").write_text("0 0 10 10\n")
    assert set(read_picks(tmp_path)) == {"a", "b", "negatives_stain_1"}
    (tmp_path / "picks.csv").write_text("micrograph,x,y\na,1,2\n")
    picks = read_picks(tmp_path)
    assert set(picks) == {"a", "negatives_stain_1"}
    assert picks.messages == [
        f"{name}: skipped, since the folder has a picks.csv" for name in ("junk.csv", "truth.csv")
    ]
    (tmp_path / "c.csv").write_text("micrograph,x,y\nc,1,2\n")
    (tmp_path / "picks.csv").unlink()
    assert set(read_picks(tmp_path)) == {"a", "b", "c", "negatives_stain_1"}


def test_the_pick_commands_folder_is_read_once(tmp_path: Path):
    """candidates.csv, picks.csv, picks.star and RELION's list all stand in one folder."""
    write_picks(planted(), tmp_path, "relion")
    for fmt, name in (("csv", "picks.csv"), ("csv", "candidates.csv"), ("star", "picks.star")):
        write_picks(planted(), tmp_path / name, fmt)
    (tmp_path / "micrographs.csv").write_text("micrograph,picks\nb.mrc,1\n")
    assert {name: len(p) for name, p in read_picks(tmp_path).items()} == {
        "Movies/May08_03.05.02.mrc": 30,
        "Movies/b.mrc": 1,
    }


def test_folder_and_file_mixed_up(tmp_path: Path):
    (tmp_path / "file").write_text("")
    for fmt in ("relion", "box", "cbox", "eman"):
        with pytest.raises(InputError, match="is a file where a folder is needed"):
            write_picks(planted(), tmp_path / "file", fmt, box_size=64)
    for fmt in ("csv", "star", "topaz", "cryosparc"):
        with pytest.raises(InputError, match="is a folder where a file should go"):
            write_picks(planted(), tmp_path, fmt)
    with pytest.raises(InputError, match="one file per micrograph, and there are 2"):
        write_picks(planted(), tmp_path / "all.box", "box", box_size=64)


def test_real_picks_round_trip(real_data: Path, tmp_path: Path):
    picks = read_picks(real_data / "apoferritin" / "picks.csv")
    assert "May08_03.05.02" in {micrograph_key(name) for name in picks}
    write_picks(picks, tmp_path / "boxes", "box")
    for name, each in read_picks(tmp_path / "boxes").items():
        original = next(p for n, p in picks.items() if micrograph_key(n) == name)
        assert np.abs(each.coords - original.coords).max() <= 0.5
