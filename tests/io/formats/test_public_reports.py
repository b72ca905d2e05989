"""Files as in public reports of wrong coordinates (docs/development/public-reports.md)."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from cs_files import alignments, locations, write_cs
from napari_unetpick.errors import InputError
from napari_unetpick.io.assign import assign_picks
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.formats.write import write_picks
from napari_unetpick.io.images.image import read_micrograph
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import Picks

PLACES = [(100.25, 40.5), (200.0, 60.75), (3000.5, 4000.0)]
"""(x, y)"""
COORDS = [[y, x] for x, y in PLACES]


def star(path: Path, labels: str, rows: list[str], head: str = "data_\n\nloop_\n") -> Path:
    lines = [f"_{label} #{number}" for number, label in enumerate(labels.split(), 1)]
    path.write_text(head + "\n".join([*lines, *rows]) + "\n")
    return path


def test_particles_without_coordinates_are_no_picks(tmp_path: Path):
    """RELION's word for an unknown number, -999, as the place of particles of a stack."""
    labels = "rlnCoordinateX rlnCoordinateY rlnAnglePsi rlnMicrographName rlnOpticsGroup"
    unknown = ["-999 -999 -999 None 1"] * 3
    with pytest.raises(InputError, match=r"a\.star: its particles have no coordinates"):
        read_picks(star(tmp_path / "a.star", labels, unknown))
    known = [f"{x} {y} 10 m.mrc 1" for x, y in PLACES]
    picks = read_picks(star(tmp_path / "b.star", labels, unknown + known))
    assert {n: p.coords.tolist() for n, p in picks.items()} == {"m.mrc": COORDS}
    assert picks["m.mrc"].angles.tolist() == [10, 10, 10]
    assert picks.messages == ["3 of 6 rows have no coordinates: skipped"]


def test_shifts_of_rows_without_coordinates_go_with_them(tmp_path: Path):
    labels = "rlnCoordinateX rlnCoordinateY rlnOriginXAngst rlnOriginYAngst rlnMicrographName"
    rows = ["-999 -999 0 0 None", "100 40 6 -3 m.mrc"]
    picks = read_picks(star(tmp_path / "a.star", labels, rows), pixel_size=1.5)
    assert picks["m.mrc"].coords.tolist() == [[42, 96]]


@pytest.mark.parametrize("unknown", ["-999", "-9999", "-9999.000000"])
def test_unknown_scores_and_angles_of_relion_and_cryolo(tmp_path: Path, unknown: str):
    labels = "rlnCoordinateX rlnCoordinateY rlnClassNumber rlnAnglePsi rlnAutopickFigureOfMerit"
    rows = [f"{x} {y} {unknown} {unknown} {unknown}" for x, y in PLACES]
    picks = read_picks(star(tmp_path / "m.star", labels, rows))["m"]
    assert (picks.coords.tolist(), picks.scores, picks.angles) == (COORDS, None, None)


CISTEM = "cisTEMPositionInStack cisTEMPixelSize cisTEMOriginalImageFilename"
CISTEM += " cisTEMOriginalXPosition cisTEMOriginalYPosition cisTEMXShift"


def cistem(tmp_path: Path, shift: float = 0, size: float = 3.0) -> Path:
    rows = [
        f"{i} {size} '/d/m 1.mrc' {1.5 * x} {1.5 * y} {shift}" for i, (x, y) in enumerate(PLACES)
    ]
    return star(tmp_path / "a.star", CISTEM, rows, "# Written by cisTEM\ndata_\n\nloop_\n")


def test_positions_of_cistem_are_in_angstrom(tmp_path: Path):
    """Of a micrograph of 1.5 A/px; its particles may have been resampled, here to 3 A/px."""
    for known in ({"pixel_size": 1.5}, {"pixel_sizes": {"m 1": 1.5}}):
        picks = read_picks(cistem(tmp_path), **known)
        assert list(picks) == ["/d/m 1.mrc"]
        assert picks["/d/m 1.mrc"].coords.tolist() == COORDS
        assert picks.messages == []
    picks = read_picks(cistem(tmp_path, size=1.5))
    assert picks["/d/m 1.mrc"].coords.tolist() == COORDS
    assert "positions converted with _cisTEMPixelSize (1.5 A/px)" in picks.messages[0]
    (told,) = read_picks(cistem(tmp_path, shift=2), pixel_size=1.5).messages
    assert told == "3 particles not recentred: cisTEM's shifts are not applied"
    with pytest.raises(InputError, match="in A, but it has no pixel size; give --pixel-size"):
        read_picks(cistem(tmp_path, size=0))
    scaled = read_picks(cistem(tmp_path), pixel_size=1.5, scale=2)  # picked on binned images
    assert scaled["/d/m 1.mrc"].coords.tolist() == COORDS


def test_points_that_napari_saved(tmp_path: Path):
    """Rows and columns in pixels of the layer, whatever its scale; named after the micrograph."""
    rows = "".join(f"{i}.0,{y},{x},0.5\n" for i, (x, y) in enumerate(PLACES))
    (tmp_path / "mic.1.csv").write_text("index,axis-0,axis-1,score\n" + rows)
    picks = read_picks(tmp_path)["mic.1"]
    assert picks.coords.tolist() == COORDS
    assert picks.scores.tolist() == [0.5] * 3
    (tmp_path / "mic.1.csv").write_text("index,axis-0,axis-1,axis-2\n0.0,1.0,2.0,3.0\n")
    with pytest.raises(InputError, match="of a stack or volume"):
        read_picks(tmp_path)


@pytest.mark.parametrize(
    "name, head",
    [("a.csv", "micrograph,x,y,z"), ("a.txt", "image_name\tx_coord\ty_coord\tz_coord")],
)
def test_tables_of_volumes_are_refused(tmp_path: Path, name: str, head: str):
    """A z of 0 throughout is none."""
    row = "m,10,20,{}".replace(",", "\t" if "\t" in head else ",")
    (tmp_path / name).write_text(f"{head}\n{row.format('0.0')}\n")
    assert read_picks(tmp_path / name)["m"].coords.tolist() == [[20, 10]]
    (tmp_path / name).write_text(f"{head}\n{row.format('0')}\n{row.format('35')}\n")
    with pytest.raises(InputError, match="of a tomogram"):
        read_picks(tmp_path / name)


def test_micrographs_of_the_job_that_extracted(tmp_path: Path):
    """RELION 3.1 shows an Extract job's coordinates by `coords_suffix_extract.star`."""
    names = [f"MotionCorr/job002/Movies/m{i}.mrc" for i in (1, 2)]
    job = tmp_path / "Extract" / "job005"
    (job / "Movies").mkdir(parents=True)
    optics = "data_optics\n\nloop_\n_rlnOpticsGroup #1\n_rlnImagePixelSize #2\n1 3.0\n\n"
    labels = "rlnCoordinateX rlnCoordinateY rlnImageName rlnMicrographName rlnOpticsGroup"
    for name in names:
        rows = [f"{x} {y} 1@Extract/job005/Movies/m.mrcs {name} 1" for x, y in PLACES]
        head = f"{optics}data_particles\n\nloop_\n"
        star(job / "Movies" / f"{Path(name).stem}_extract.star", labels, rows, head)
    (tmp_path / "Select").mkdir()
    star(tmp_path / "Select" / "micrographs.star", "rlnMicrographName", names)
    (job / "coords_suffix_extract.star").write_text("Select/micrographs.star\n")
    for source in (job, job / "coords_suffix_extract.star"):
        picks = read_picks(source)
        assert {n: p.coords.tolist() for n, p in picks.items()} == dict.fromkeys(names, COORDS)


def test_an_empty_list_of_picks_is_named(tmp_path: Path):
    (tmp_path / "coords_suffix_topazpicks.star").write_text("")
    with pytest.raises(InputError, match=r"coords_suffix_topazpicks\.star: is empty"):
        read_picks(tmp_path)


def test_a_file_of_indented_blocks(tmp_path: Path):
    rows = [f"  {x} {y} m.mrc" for x, y in PLACES]
    head = " data_\n \n loop_ \n "
    path = star(tmp_path / "a.star", "rlnCoordinateX rlnCoordinateY rlnMicrographName", rows, head)
    assert read_picks(path)["m.mrc"].coords.tolist() == COORDS


def test_names_that_two_motion_corrections_made_long(tmp_path: Path):
    name = (
        "S23/motioncorrected/000000633063778279389_Hole_1_aligned_DW_patch_aligned_doseweighted.mrc"
    )
    write_picks({name: Picks(name, np.array(COORDS))}, tmp_path / "a.star", "star")
    own = [
        Micrograph(Path(f"Micrographs/Hole_{i}.mrc"), f"Micrographs/Hole_{i}.mrc") for i in (1, 2)
    ]
    found = assign_picks(read_picks(tmp_path / "a.star"), own)
    assert {key: each.coords.tolist() for key, each in found.items()} == {"Hole_1": COORDS}


def test_boxes_with_negative_corners_and_fractions(tmp_path: Path):
    rows = [f"{x - 250}\t{y - 250}\t500.0\t500.0\n" for x, y in PLACES]
    (tmp_path / "m.box").write_text("".join(rows))
    assert read_picks(tmp_path / "m.box")["m"].coords.tolist() == COORDS


@pytest.mark.parametrize("stamp", [b"\x44\x20\x20\x20", b"\x44\x11\0\0", b"\x44\0\0\0"])
def test_machine_stamps_of_imod_and_others(tmp_path: Path, stamp: bytes):
    data = np.arange(12, dtype=np.float32).reshape(3, 4)
    mrcfile.write(tmp_path / "a.mrc", data)
    raw = (tmp_path / "a.mrc").read_bytes()
    (tmp_path / "a.mrc").write_bytes(raw[:212] + stamp + raw[216:])
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.mrc").data, data)


def test_one_damaged_header_is_told_and_hides_no_other(tmp_path: Path):
    """A mode of 154285104 is none."""
    mrcfile.write(tmp_path / "good.mrc", np.ones((3, 4), np.float32))
    shutil.copy(tmp_path / "good.mrc", tmp_path / "bad.mrc")
    raw = (tmp_path / "bad.mrc").read_bytes()
    (tmp_path / "bad.mrc").write_bytes(raw[:12] + struct.pack("<i", 154285104) + raw[16:])
    with pytest.raises(InputError, match=r"bad\.mrc: is not an MRC file \(invalid header\)"):
        read_micrograph(tmp_path / "bad.mrc")


GROUP = """created: 2026-01-01 10:00:00
group:
  name: particles
  type: particle
results:
  alignments3D:
    metafile: '>J12_010_particles.cs'
    num_items: 2
  location:
    metafile: '>J12_passthrough_particles.cs'
    num_items: 2
    type: particle.location
version: v4.5
"""


def test_a_result_group_leads_to_its_locations(tmp_path: Path):
    """And so to the alignments in the job's other file."""
    (tmp_path / "J12_particles.csg").write_text(GROUP)
    with pytest.raises(InputError, match=r"csg: names J12_passthrough_particles\.cs, which"):
        read_picks(tmp_path / "J12_particles.csg")
    write_cs(tmp_path / "J12_passthrough_particles.cs", locations())
    shifts = {"uid": locations()["uid"], **alignments("alignments3D", [[4, 0], [0, 0]])}
    write_cs(tmp_path / "J12_010_particles.cs", shifts)
    picks = read_picks(tmp_path / "J12_particles.csg")["J1/a.mrc"]
    assert picks.coords.tolist() == [[4092 / 8, 5760 / 16 - 8], [4092 / 4, 5760 / 8]]
    (tmp_path / "J4_exposures.csg").write_text(GROUP.replace("location", "micrograph_blob"))
    with pytest.raises(InputError, match=r"no file of particle locations \(it has: alignments3D"):
        read_picks(tmp_path / "J4_exposures.csg")


JOB_STAR = """data_job

_rlnJobTypeLabel relion.manualpick

data_joboptions_values

loop_
_rlnJobOptionVariable #1
_rlnJobOptionValue #2
angpix "-1"
do_startend {}
"""


@pytest.mark.parametrize(
    "name, text",
    [("job.star", JOB_STAR), ("run.job", "Pick start-end coordinates helices? == {}\n")],
)
def test_ends_of_helices_are_no_particles(tmp_path: Path, name: str, text: str):
    """Nothing in RELION's manual picks tells them apart but the options of their job."""
    job = tmp_path / "ManualPick" / "job003"
    write_picks({"m.mrc": Picks("Movies/m.mrc", np.array(COORDS))}, job / "Movies", "relion")
    single = job / "Movies" / "m_autopick.star"
    (job / name).write_text(text.format("No"))
    assert read_picks(single)["m"].coords.tolist() == COORDS
    (job / name).write_text(text.format("Yes"))
    for path in (single, job / "Movies", job / "Movies" / "autopick.star"):
        with pytest.raises(InputError, match="start and end points of helices"):
            read_picks(path)
