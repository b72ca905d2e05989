"""Coordinates in STAR: dialects, shifts, and what is written, to the letter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.formats.relion_picks import write_star
from napari_unetpick.io.formats.write import write_picks
from napari_unetpick.io.picks import Picks, PickSet

OPTICS = """data_optics

loop_
_rlnOpticsGroup #1
_rlnImagePixelSize #2
_rlnMicrographOriginalPixelSize #3
1 3.0 1.5
2 3.0 0.75

"""


def read(tmp_path: Path, text: str, name: str = "x.star", **options: float) -> PickSet:
    path = tmp_path / name
    path.write_text(text)
    return read_picks(path, **options)


def test_per_micrograph_file_takes_its_name_from_the_file(tmp_path: Path):
    text = "data_\n\nloop_\n_rlnCoordinateX #1\n_rlnCoordinateY #2\n 1204.0 2871.0\n"
    picks = read(tmp_path, text, "May08_03.05.02_autopick.star")
    assert list(picks) == ["May08_03.05.02"]
    assert picks["May08_03.05.02"].coords.tolist() == [[2871.0, 1204.0]]
    assert picks["May08_03.05.02"].scores is None


@pytest.mark.parametrize("block", ["", "particles", "images"])
def test_combined_file_with_tabs_quotes_and_uid_names(tmp_path: Path, block: str):
    text = (
        f"data_{block}\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnMicrographName\n"
        "_rlnAutopickFigureOfMerit\n"
        "1\t2\t'a mic.mrc'\t0.5\n3\t4\t000000633063778279389_b.mrc\t0.25\n5\t6\t'a mic.mrc'\t0.75\n"
    )
    picks = read(tmp_path, text)
    assert list(picks) == ["a mic.mrc", "000000633063778279389_b.mrc"]
    assert picks["a mic.mrc"].coords.tolist() == [[2, 1], [6, 5]]
    assert picks["a mic.mrc"].scores.tolist() == [0.5, 0.75]


def test_empty_loop_is_a_micrograph_without_picks(tmp_path: Path):
    text = "data_\n\nloop_\n_rlnCoordinateX #1\n_rlnCoordinateY #2\n\n"
    picks = read(tmp_path, text, "mic1_manualpick.star")
    assert list(picks) == ["mic1"]
    assert picks["mic1"].coords.shape == (0, 2)


def test_unset_figure_of_merit_is_no_score(tmp_path: Path):
    text = "data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnAutopickFigureOfMerit\n1 2 -999.0\n"
    assert read(tmp_path, text)["x"].scores is None


@pytest.mark.parametrize("unset", ["-999.0", "nan", "inf"])
def test_a_single_unset_figure_of_merit_is_unknown(tmp_path: Path, unset: str):
    text = "data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnAutopickFigureOfMerit\n"
    picks = read(tmp_path, f"{text}1 2 {unset}\n3 4 0.5\n")["x"]
    np.testing.assert_array_equal(picks.scores, [np.nan, 0.5])
    for fmt, name in (("star", "again.star"), ("csv", "again.csv"), ("relion", "again")):
        write_picks({"x": picks}, tmp_path / name, fmt)
        (back,) = read_picks(tmp_path / name).values()
        np.testing.assert_array_equal(back.scores, [np.nan, 0.5])
    assert " -999.000000" in (tmp_path / "again.star").read_text()


def particles(origins: str, rows: str, optics: str = OPTICS) -> str:
    return (
        f"{optics}data_particles\n\nloop_\n_rlnImageName #1\n_rlnMicrographName #2\n"
        f"_rlnCoordinateX #3\n_rlnCoordinateY #4\n_rlnOpticsGroup #5\n{origins}{rows}"
    )


ANGST = "_rlnOriginXAngst #6\n_rlnOriginYAngst #7\n"


def test_recentring_in_angstrom_by_optics_group(tmp_path: Path):
    rows = "1@s.mrcs a.mrc 100 200 1 6.0 -3.0\n2@s.mrcs b.mrc 100 200 2 6.0 -3.0\n"
    picks = read(tmp_path, particles(ANGST, rows))
    assert picks["a.mrc"].coords.tolist() == [[202.0, 96.0]]  # 6 A / 1.5 = 4 px; -3 A / 1.5 = -2
    assert picks["b.mrc"].coords.tolist() == [[204.0, 92.0]]
    assert any("2 of 2 coordinates corrected" in m for m in picks.messages)
    assert any("OriginalPixelSize" in m for m in picks.messages)


def test_the_users_pixel_size_goes_first(tmp_path: Path):
    rows = "1@s.mrcs a.mrc 100 200 1 6.0 -3.0\n"
    picks = read(tmp_path, particles(ANGST, rows), pixel_size=3.0)
    assert picks["a.mrc"].coords.tolist() == [[201.0, 98.0]]


def test_recentring_of_downsampled_picks(tmp_path: Path):
    """The user's pixel size is the micrograph's, the file's own that of what it was made on."""
    rows = "1@s.mrcs a.mrc 100 200 1 6.0 -3.0\n"
    picks = read(tmp_path, particles(ANGST, rows), pixel_size=0.75, scale=2.0)
    assert picks["a.mrc"].coords.tolist() == [[404.0, 192.0]]  # 2 * 96 = 200 - 6 A / 0.75
    assert read(tmp_path, particles(ANGST, rows), scale=2.0)["a.mrc"].coords.tolist() == [
        [404.0, 192.0]
    ]


def test_recentring_without_pixel_size_asks_for_it(tmp_path: Path):
    rows = "1@s.mrcs a.mrc 100 200 1 6.0 -3.0\n"
    with pytest.raises(InputError, match="--pixel-size"):
        read(tmp_path, particles(ANGST, rows, optics=""))
    rows = "1@s.mrcs a.mrc 100 200 1 0 0\n"
    assert read(tmp_path, particles(ANGST, rows, optics=""))["a.mrc"].coords.tolist() == [
        [200, 100]
    ]


def test_recentring_before_3_1_is_in_particle_pixels(tmp_path: Path):
    labels = "_rlnOriginX\n_rlnOriginY\n_rlnDetectorPixelSize\n_rlnMagnification\n"
    text = particles(labels, "1@s.mrcs a.mrc 100 200 1 2.0 -1.0 6.0 20000\n", optics="")
    assert read(tmp_path, text, pixel_size=1.5)["a.mrc"].coords.tolist() == [[202.0, 96.0]]
    own = read(tmp_path, text, pixel_sizes={"a": 1.5})
    assert own["a.mrc"].coords.tolist() == [[202.0, 96.0]]
    with pytest.raises(InputError, match=r"shifts are in pixels of the particles.*--pixel-size"):
        read(tmp_path, text)
    no_size = particles(
        "_rlnOriginX\n_rlnOriginY\n", "1@s.mrcs a.mrc 100 200 1 2.0 -1.0\n", optics=""
    )
    unknown = read(tmp_path, no_size)
    assert unknown["a.mrc"].coords.tolist() == [[201.0, 98.0]]
    assert any("wrong if they were binned" in m for m in unknown.messages)


def test_shifts_in_pixels_beside_an_optics_block(tmp_path: Path):
    """As other programs write: the particle's pixel size is that of its optics group."""
    optics = (
        "data_optics\n\nloop_\n_rlnOpticsGroup\n_rlnMicrographPixelSize\n_rlnImagePixelSize\n"
        "1 1.5 3.0\n\n"
    )
    text = particles("_rlnOriginX\n_rlnOriginY\n", "1@s.mrcs a.mrc 100 200 1 2 -1\n", optics)
    assert read(tmp_path, text)["a.mrc"].coords.tolist() == [[202.0, 96.0]]


def test_the_micrographs_own_pixel_size_goes_before_the_movies(tmp_path: Path):
    """Super-resolution movies of 0.75 A/px, binned to 1.5 and to 3: each its own."""
    optics = OPTICS.replace("1.5", "0.75")
    rows = "1@s.mrcs a.mrc 100 200 1 6 -3\n2@s.mrcs b.mrc 100 200 1 6 -3\n"
    text = particles(ANGST, rows, optics)
    picks = read(tmp_path, text, pixel_sizes={"M/a_DW.mrc": 1.5, "b": 3.0})
    assert picks["a.mrc"].coords.tolist() == [[202.0, 96.0]]
    assert picks["b.mrc"].coords.tolist() == [[201.0, 98.0]]
    assert not any("OriginalPixelSize" in m for m in picks.messages)
    half = read(tmp_path, text, pixel_sizes={"b": 3.0})
    assert half["b.mrc"].coords.tolist() == [[201.0, 98.0]]
    assert any("OriginalPixelSize" in m for m in half.messages)
    scaled = read(tmp_path, text, pixel_sizes={"a": 0.75, "b": 1.5}, scale=2.0)
    assert scaled["a.mrc"].coords.tolist() == [[404.0, 192.0]]


def test_the_files_own_micrograph_pixel_size_is_that_of_its_coordinates(tmp_path: Path):
    optics = "data_optics\n\nloop_\n_rlnOpticsGroup\n_rlnMicrographPixelSize\n1 1.5\n\n"
    text = particles(ANGST, "1@s.mrcs a.mrc 100 200 1 6 -3\n", optics)
    for known in ({}, {"pixel_sizes": {"a": 1.0}}):
        picks = read(tmp_path, text, **known)
        assert picks["a.mrc"].coords.tolist() == [[202.0, 96.0]]
        assert len(picks.messages) == 1  # that shifts were subtracted


@pytest.mark.parametrize(
    "text, words",
    [
        ("data_\nloop_\n_rlnMicrographName\na.mrc\n", "has no picks.*_rlnMicrographName"),
        ("data_\nloop_\n_rlnCoordinateX\n5\n", "no _rlnCoordinateX and _rlnCoordinateY"),
        ("data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n5 nan\n", "not a number"),
        ("data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n5 abc\n", "'abc'"),
        (
            "data_\nloop_\n_rlnImageName\n_rlnCoordinateX\n_rlnCoordinateY\n1@a.mrcs 5 6\n",
            "have no micrograph name",
        ),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, text: str, words: str):
    with pytest.raises(InputError, match=words):
        read(tmp_path, text)


def test_written_as_relion_reads_it(tmp_path: Path):
    path = tmp_path / "mic1_autopick.star"
    coords = np.array([[2871.25, 1204.5]])
    write_star(path, Picks("a/mic1.mrc", coords, np.array([0.9913])))
    assert path.read_bytes() == (
        b"# version 30001\n\ndata_\n\nloop_\n_rlnCoordinateX #1\n_rlnCoordinateY #2\n"
        b"_rlnClassNumber #3\n_rlnAnglePsi #4\n_rlnAutopickFigureOfMerit #5\n"
        b"    1204.500     2871.250            0     0.000000     0.991300\n"
    )
    back = read_picks(path)["mic1"]
    assert back.coords.tolist() == coords.tolist()
    assert back.scores.tolist() == [0.9913]


def test_picks_without_scores_get_no_figure_of_merit(tmp_path: Path):
    write_star(tmp_path / "mic1.star", Picks("mic1", np.array([[1.0, 2.0]])))
    assert "FigureOfMerit" not in (tmp_path / "mic1.star").read_text()
    assert read_picks(tmp_path / "mic1.star")["mic1"].scores is None


def test_angle_and_filament_are_written_and_read(tmp_path: Path):
    """RELION's psi and helical tube of a segment."""
    path = tmp_path / "m_autopick.star"
    angles, tracks = np.array([30.0, np.nan]), np.array([4, -1])
    write_star(path, Picks("m", np.array([[1.0, 2], [3, 4]]), angles=angles, tracks=tracks))
    (again,) = read_picks(path).values()
    np.testing.assert_array_equal(again.angles, angles)
    np.testing.assert_array_equal(again.tracks, tracks)


def test_a_psi_of_zero_everywhere_is_no_angle(tmp_path: Path):
    path = tmp_path / "m_autopick.star"
    write_star(path, Picks("m", np.array([[1.0, 2], [3, 4]])))
    (again,) = read_picks(path).values()
    assert again.angles is None
    assert again.tracks is None


@pytest.mark.parametrize(
    "labels, row",
    [
        ("rlnMicrographName rlnCoordinateX rlnCoordinateY rlnCoordinateZ", "t.mrc 1 2 3"),
        ("rlnTomoName rlnCoordinateX rlnCoordinateY rlnCoordinateZ", "TS_01 1 2 0"),
        ("rlnTomoName rlnCenteredCoordinateXAngst rlnCenteredCoordinateYAngst", "TS_01 1 2"),
    ],
)
def test_particles_of_tomograms_are_refused(tmp_path: Path, labels: str, row: str):
    head = "".join(f"_{label}\n" for label in labels.split())
    (tmp_path / "p.star").write_text(f"data_particles\n\nloop_\n{head}{row}\n")
    with pytest.raises(InputError, match="has particles of tomograms, not of micrographs"):
        read_picks(tmp_path / "p.star")


def test_a_third_coordinate_of_0_is_a_micrograph(tmp_path: Path):
    labels = "".join(f"_rlnCoordinate{axis}\n" for axis in "XYZ")
    (tmp_path / "p.star").write_text(f"data_\n\nloop_\n{labels}1 2 0\n")
    assert read_picks(tmp_path / "p.star")["p"].coords.tolist() == [[2, 1]]
