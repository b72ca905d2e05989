"""`unetpick convert`, from the command line to the files."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from napari_unetpick.cli.convert import convert
from napari_unetpick.errors import InputError
from napari_unetpick.io.formats.read import read_picks

app = typer.Typer()
app.command()(convert)


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Two micrographs of 100 x 200 at 1.5 A/px, with a STAR, and picks named otherwise."""
    for name in ("mic.1", "mic.2"):
        path = tmp_path / "M" / f"{name}.mrc"
        path.parent.mkdir(exist_ok=True)
        with mrcfile.new(path) as file:
            file.set_data(np.zeros((100, 200), "f4"))
            file.voxel_size = 1.5
    names = "".join(f"M/{n}.mrc\n" for n in ("mic.1", "mic.2"))
    (tmp_path / "mics.star").write_text(f"data_micrographs\nloop_\n_rlnMicrographName\n{names}")
    (tmp_path / "picks.csv").write_text(
        "micrograph,x,y,score\nmic.1.tif,150.25,50.5,0.9\nmic.2,20,30,0.8\nmic.3,1,1,0.5\n"
        "mic.2,500,30,0.8\n"
    )
    return tmp_path


def test_csv_to_relion_with_the_stars_own_names(project: Path):
    out = project / "out"
    said = run(project / "picks.csv", out, "--to", "relion", "--micrographs", project / "mics.star")
    assert "2 picks of 2 micrographs written" in said
    assert "1 pick of 1 micrograph not given" in said
    assert "1 of 3 picks lie outside" in said
    assert "names exactly as in its own STAR" not in said
    picks = read_picks(out)
    assert list(picks) == ["M/mic.1.mrc", "M/mic.2.mrc"]
    assert picks["M/mic.1.mrc"].coords.tolist() == [[50.5, 150.25]]
    again = run(project / "picks.csv", out, "--to", "relion")  # overwritten, and warned about
    assert "3 names may differ (such as mic.1.tif): give --micrographs CtfFind" in again
    assert "mic.3" in read_picks(out)


def test_names_for_relion_start_from_the_project(project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(project)
    common = ("picks.csv", "External/job010", "--to", "relion", "--micrographs")
    said = run(*common, project / "M")
    assert "2 names may differ" in said  # nothing tells where the project is
    assert f"such as {project / 'M' / 'mic.1.mrc'}" in said
    assert "names exactly as in its own STAR" not in run(*common, "M")
    assert "names exactly as in its own STAR" in run(*common, "M/../M/*.mrc")
    (project / "default_pipeline.star").write_text("data_\n")
    for given in (project / "M", "M", "M/../M/*.mrc"):
        assert "names exactly as in its own STAR" not in run(*common, given)
        assert list(read_picks("External/job010")) == ["M/mic.1.mrc", "M/mic.2.mrc"]
    assert "3 names may differ" in run(*common[:-1])  # bare


def test_box_from_the_diameter(project: Path):
    common = (project / "picks.csv", project / "out", "--to", "box", "--diameter", 40)
    with pytest.raises(InputError, match="give --pixel-size"):
        run(*common)
    run(*common, "--micrographs", project / "M")  # 1.5 * 40 A / 1.5 A/px = 40 px, header's size
    assert (project / "out" / "mic.2.box").read_text() == "0\t10\t40\t40\n"
    run(*common, "--pixel-size", 1.0)
    assert (project / "out" / "mic.1.box").read_text() == "120\t20\t60\t60\n"


def test_a_box_each_where_pixel_sizes_differ(project: Path):
    with mrcfile.mmap(project / "M" / "mic.2.mrc", mode="r+") as file:
        file.voxel_size = 0.75
    common = (project / "picks.csv", project / "out", "--micrographs", project / "M")
    said = run(*common, "--to", "box", "--diameter", 40)
    assert "pixel sizes differ: boxes of 40 to 80 px" in said
    assert "2 boxes of 40 to 80 px: 1 crossing the edge of the micrograph\n" in said
    assert (project / "out" / "mic.1.box").read_text() == "130\t30\t40\t40\n"
    assert (project / "out" / "mic.2.box").read_text() == "-20\t-10\t80\t80\n"
    run(*common, "--to", "cbox", "--diameter", 40)
    sizes = [read_picks(project / "out" / f"mic.{i}.cbox")[f"mic.{i}"].diameters for i in (1, 2)]
    np.testing.assert_allclose(np.concatenate(sizes), [40 / 1.5, 40 / 0.75], atol=0.01)


def test_boxes_that_cross_edges_or_overlap_are_counted(project: Path):
    rows = [(100, 50), (119, 50), (140, 50), (5, 50)]
    text = "".join(f"mic.1,{x},{y}\n" for x, y in rows)
    (project / "p.csv").write_text(f"micrograph,x,y\n{text}")
    common = (project / "p.csv", project / "out", "--to", "box", "--box-size")
    said = run(*common, 20, "--micrographs", project / "M")
    assert "4 boxes of 20 px: 1 crossing the edge of the micrograph, 2 overlapping a neigh" in said
    assert "crossing" not in run(*common, 20)  # nobody knows where the edge is
    assert "boxes of" not in run(*common, 8, "--micrographs", project / "M")


def test_flip_needs_the_height_and_turns_the_rows(project: Path):
    common = (project / "picks.csv", project / "out.csv", "--to", "csv", "--flip-y")
    with pytest.raises(InputError, match="--micrographs"):
        run(*common)
    run(*common, "--micrographs", project / "M")
    assert read_picks(project / "out.csv")["mic.1.mrc"].coords.tolist() == [[48.5, 150.25]]


def test_flip_says_which_picks_it_cannot_turn(project: Path):
    (project / "M" / "mic.2.mrc").write_bytes(b"<xml/>")
    common = (project / "picks.csv", project / "out.csv", "--to", "csv", "--flip-y")
    said = run(*common, "--micrographs", project / "M")
    assert "2 micrographs without a known image size (such as mic.2) skipped" in said
    assert [*read_picks(project / "out.csv")] == ["mic.1.mrc"]


def test_cryoppp_truth_of_micrographs_with_a_suffix(project: Path):
    truth = project / "particle_coordinates"
    truth.mkdir()
    for name in ("mic.1", "mic.2"):
        (project / "M" / f"{name}.mrc").rename(project / "M" / f"{name}_DW.mrc")
        (truth / f"{name}.csv").write_text("X-Coordinate,Y-Coordinate\n10,20\n")
    run(truth, project / "out.csv", "--to", "csv", "--micrographs", project / "M")
    picks = read_picks(project / "out.csv")
    assert picks["mic.2_DW.mrc"].coords.tolist() == [[79, 10]]


def test_zero_picks_are_said(project: Path):
    (project / "empty.csv").write_text("micrograph,x,y\n")
    said = run(project / "empty.csv", project / "out.star", "--to", "star")
    assert "0 picks (PICKS has none)" in said
    assert read_picks(project / "out.star") == {}


@pytest.mark.parametrize(
    "options, words",
    [
        (("--to", "xyz"), "'xyz' cannot be written"),
        (("--to", "csv", "--from", "xyz"), "'xyz' cannot be read"),
        (("--to", "csv", "--pixel-size", "0"), "pixel size of 0"),
        (("--to", "box", "--diameter", "-5", "--pixel-size", "1"), "diameter of -5"),
        (("--to", "box", "--box-size", "63"), "box size of 63"),
        (("--to", "csv", "--scale", "0"), "scale of 0"),
        (("--to", "csv", "--scale", "nan"), "scale of nan"),
        (("--to", "csv", "--scale", "inf"), "scale of inf"),
        (("--to", "csv", "--scale", "1e9"), "at x .* is not possible"),
        (("--to", "box", "--diameter", "nan", "--pixel-size", "1"), "diameter of nan"),
        (("--to", "box", "--diameter", "1e300", "--pixel-size", "1"), r"diameter of 1e\+300"),
        (("--to", "csv", "--pixel-size", "nan"), "pixel size of nan"),
        (("--to", "box", "--box-size", "0"), "a box of 0 px"),
        (("--to", "box", "--box-size", "1000000000"), "a box of 1"),
        (("--to", "cbox", "--box-size", "-10"), "a box of -10 px"),
        (("--to", "box"), "--box-size"),
    ],
)
def test_settings_that_cannot_be(project: Path, options: tuple, words: str):
    with pytest.raises(InputError, match=words):
        run(project / "picks.csv", project / "out", *options)
    assert not (project / "out").exists()


def test_a_bad_micrograph_does_not_stop_the_others(project: Path):
    (project / "M" / "mic.2.mrc").write_bytes(b"")
    said = run(
        project / "picks.csv", project / "o.csv", "--to", "csv", "--micrographs", project / "M"
    )
    assert "empty (0 bytes)" in said
    assert "3 picks of 2 micrographs written" in said


def test_one_name_in_two_folders_is_not_merged(tmp_path: Path):
    (tmp_path / "dup.star").write_text(
        "data_\nloop_\n_rlnMicrographName\n_rlnCoordinateX\n_rlnCoordinateY\n"
        "M/grid1/mic1.mrc 10 20\nM/grid2/mic1.mrc 300 400\n"
    )
    for to in ("csv", "topaz"):
        with pytest.raises(InputError, match="the same name in different folders"):
            run(tmp_path / "dup.star", tmp_path / "out", "--to", to)
    assert not (tmp_path / "out").exists()
    assert "of 2 micrographs" in run(tmp_path / "dup.star", tmp_path / "out.star", "--to", "star")


def test_the_size_in_a_cbox_is_the_particles_not_the_boxs(project: Path):
    common = (project / "picks.csv", project / "out", "--to", "cbox")
    run(*common, "--diameter", 60, "--pixel-size", 1.5)
    back = read_picks(project / "out" / "mic.1.cbox")["mic.1"]
    assert (back.diameters.tolist(), back.coords.tolist()) == ([40.0], [[50.5, 150.25]])
    assert " 60 60 <NA> 40.00 40.00 " in (project / "out" / "mic.1.cbox").read_text()
    run(*common, "--box-size", 64)
    back = read_picks(project / "out" / "mic.1.cbox")["mic.1"]
    assert (back.diameters, back.scores.tolist()) == (None, [0.9])
    assert " 64 64 <NA> <NA> <NA> 0.9" in (project / "out" / "mic.1.cbox").read_text()
    (project / "own.csv").write_text("micrograph,x,y,diameter\nmic.1,50,50,30\n")
    run(project / "own.csv", *common[1:], "--diameter", 60, "--pixel-size", 1.5)
    assert read_picks(project / "out" / "mic.1.cbox")["mic.1"].diameters.tolist() == [30.0]


def test_figures_of_merit_go_to_topaz_as_they_are(tmp_path: Path):
    table, out = tmp_path / "fom.csv", tmp_path / "out.txt"
    table.write_text("micrograph,x,y,score\na,1,2,4.5\na,3,4,0.5\nb,5,6,-5.5\n")
    said = run(table, out, "--to", "topaz")
    assert "scores outside 0 to 1 are written unchanged, not as logits" in said
    scores = [line.split("\t")[-1] for line in out.read_text().splitlines()[1:]]
    assert scores == ["4.500000", "0.500000", "-5.500000"]
    table.write_text("micrograph,x,y,score\na,1,2,1\na,3,4,0.5\n")
    assert "outside" not in run(table, out, "--to", "topaz")
    assert out.read_text().endswith("\t0.000000\n")
