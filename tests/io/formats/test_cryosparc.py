"""cryoSPARC .cs: fractions, shifts in pixels of their own, passthrough files, other sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cs_files import CS, alignments, cs_table, locations, save, write_cs
from napari_unetpick.errors import InputError
from napari_unetpick.io.formats.read import read_picks


def test_cryosparc_fractions_of_a_wide_image(tmp_path: Path):
    picks = read_picks(save(tmp_path / "picked.cs", cs_table(CS)))
    assert list(picks) == ["J1/000000633063778279389_a.mrc", "J1/b.mrc"]
    assert picks["J1/b.mrc"].coords.tolist() == [[0.75 * 4092, 0.5 * 5760]]
    assert picks["J1/b.mrc"].scores.tolist() == [0.0]


def test_cryosparc_objects_are_never_unpickled(tmp_path: Path):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "exploded",))

    table = np.zeros(1, [("location/micrograph_path", "O")])
    table["location/micrograph_path"] = Bomb()
    with pytest.raises(InputError, match="Python objects"):
        read_picks(save(tmp_path / "bad.cs", table))
    assert not (tmp_path / "exploded").exists()


def test_cryosparc_files_that_cannot_be_used(tmp_path: Path):
    path = save(tmp_path / "x.cs", cs_table(CS)[["uid", "location/micrograph_path"]])
    with pytest.raises(InputError, match="no field location/micrograph_shape"):
        read_picks(path)
    save(path, cs_table(CS))
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match="cut short"):
        read_picks(path)
    save(path, cs_table(CS))
    path.write_bytes(path.read_bytes().replace(b"'<u8'", b"',u8'"))  # no type at all
    with pytest.raises(InputError, match=r"damaged \("):
        read_picks(path)
    table = {**locations(), "alignments2D/shift": np.zeros(2, "f4"), "alignments2D/psize_A": [1, 1]}
    with pytest.raises(InputError, match="alignments2D/shift is not two numbers"):
        read_picks(write_cs(path, table))
    path.write_bytes(b"uid,x\n")
    with pytest.raises(InputError, match=r"is not a \.cs file"):
        read_picks(path)


AT = [[4092 / 8, 5760 / 16], [4092 / 4, 5760 / 8]]
"""Where `locations` lie, (row, column)."""


@pytest.mark.parametrize("which", ["alignments2D", "alignments3D"])
def test_shifts_are_in_pixels_of_their_own(tmp_path: Path, which: str):
    """Pixels of 3 A on a micrograph of 1.5 A/px: twice as many, and subtracted."""
    shifts = alignments(which, [[4, -2], [0, 0]])
    picks = read_picks(write_cs(tmp_path / "a.cs", {**locations(), **shifts}))
    assert picks["J1/a.mrc"].coords.tolist() == [[AT[0][0] + 4, AT[0][1] - 8], AT[1]]
    assert picks.messages == [f"1 of 2 coordinates corrected by their shifts ({which})"]


def test_shifts_of_3d_go_before_those_of_2d(tmp_path: Path):
    """As in cryoSPARC, whose extraction recentres by alignments3D if there are any."""
    both = alignments("alignments2D", [[9, 9]] * 2) | alignments("alignments3D", [[1, 0]] * 2)
    picks = read_picks(write_cs(tmp_path / "a.cs", {**locations(), **both}))
    assert picks["J1/a.mrc"].coords[0].tolist() == [AT[0][0], AT[0][1] - 2]


def test_no_shifts_no_words(tmp_path: Path):
    for more in ({}, alignments("alignments2D", [[0, 0]] * 2)):
        path = write_cs(tmp_path / "a.cs", {**locations(), **more})
        picks = read_picks(path, image_shapes={"a.mrc": (4092, 5760)}, pixel_size=1.5)
        assert (picks["J1/a.mrc"].coords.tolist(), picks.messages) == (AT, [])


def test_shifts_without_a_pixel_size_are_refused(tmp_path: Path):
    table = {**locations(), **alignments("alignments2D", [[4, -2], [0, 0]])}
    del table["location/micrograph_psize_A"]
    path = write_cs(tmp_path / "a.cs", table)
    with pytest.raises(InputError, match=r"a\.cs: its alignments2D/shift needs .*micrograph_psize"):
        read_picks(path)
    for known in ({"pixel_size": 1.5}, {"pixel_sizes": {"a": 1.5}}):
        assert read_picks(path, **known)["J1/a.mrc"].coords[0, 1] == AT[0][1] - 8
    del table["alignments2D/psize_A"]
    with pytest.raises(InputError, match="alignments2D/psize_A is missing or 0"):
        read_picks(write_cs(path, table), pixel_size=1.5)


JOB_FILES = [
    ("particles_selected.cs", "J12_passthrough_particles_selected.cs"),
    ("cryosparc_P1_J12_020_particles.cs", "cryosparc_P1_J12_passthrough_particles.cs"),
    ("J12_020_particles.cs", "J12_passthrough_particles.cs"),
]


@pytest.mark.parametrize("main, passthrough", JOB_FILES)
def test_both_halves_of_a_job_are_joined_by_uid(tmp_path: Path, main: str, passthrough: str):
    """The locations stand in the passthrough file, in another order and among others."""
    place = locations(3)
    aligned = {"uid": np.array([2000, 1000], "u8"), **alignments("alignments2D", [[0, 0], [4, -2]])}
    write_cs(tmp_path / passthrough, {name: np.asarray(v)[::-1] for name, v in place.items()})
    write_cs(tmp_path / main, aligned)
    write_cs(tmp_path / "J12_passthrough_other.cs", locations(1))  # lacks a uid
    write_cs(tmp_path / "templates_selected.cs", {"uid": np.arange(5, dtype="u8")})
    picks = read_picks(tmp_path / main)
    assert picks["J1/a.mrc"].coords.tolist() == [AT[1], [AT[0][0] + 4, AT[0][1] - 8]]
    assert picks.messages[0] == f"{main} joined with {passthrough} by uid"


def test_the_passthrough_file_is_joined_with_the_last_iteration(tmp_path: Path):
    passthrough = write_cs(tmp_path / "J12_passthrough_particles.cs", locations())
    for iteration, shift in (("000", 0), ("020", 4), ("003", 2)):
        aligned = alignments("alignments3D", [[shift, 0]] * 2)
        write_cs(tmp_path / f"J12_{iteration}_particles.cs", {"uid": locations()["uid"], **aligned})
    assert read_picks(passthrough)["J1/a.mrc"].coords[:, 1].tolist() == [AT[0][1] - 8, AT[1][1] - 8]
    folder = read_picks(tmp_path)  # of a job's folder, the file with locations is read, joined
    assert folder["J1/a.mrc"].coords[:, 1].tolist() == [AT[0][1] - 8, AT[1][1] - 8]


def test_a_lone_half_says_what_is_missing(tmp_path: Path):
    write_cs(tmp_path / "J12_passthrough_particles.cs", locations(1))  # of other particles
    path = write_cs(tmp_path / "J13_particles.cs", {"uid": np.arange(2, dtype="u8")})
    with pytest.raises(InputError, match=r"no field location/.*passthrough file .* beside it"):
        read_picks(path)


@pytest.mark.parametrize("factor", [2, 0.5])
def test_fractions_of_a_binned_micrograph_fit_the_one_given(tmp_path: Path, factor: float):
    path = write_cs(tmp_path / "a.cs", locations())
    given = (round(4092 * factor), round(5760 * factor))
    picks = read_picks(path, image_shapes={"000000633063778279389_a_patch_aligned.mrc": given})
    assert picks["J1/a.mrc"].coords.tolist() == (factor * np.array(AT)).tolist()
    assert picks.messages == [
        "a.cs: picked on images of 4092 x 5760 px; scaled to those given, of "
        f"{given[0]} x {given[1]} px"
    ]


def test_micrographs_of_another_shape_are_refused(tmp_path: Path):
    path = write_cs(tmp_path / "a.cs", locations())
    with pytest.raises(InputError, match=r"a\.cs: J1/a\.mrc was 4092 x 5760 px in cryoSPARC"):
        read_picks(path, image_shapes={"a.mrc": (5760, 4092)})
    scaled = read_picks(path, image_shapes={"a.mrc": (8184, 11520)}, scale=2.0)  # said, not twice
    assert (scaled["J1/a.mrc"].coords.tolist(), scaled.messages) == (
        (2 * np.array(AT)).tolist(),
        [],
    )


def test_particles_without_a_micrograph_are_refused(tmp_path: Path):
    table = {**locations(), "location/micrograph_shape": np.zeros((2, 2), "u4")}
    with pytest.raises(InputError, match="particles without a micrograph"):
        read_picks(write_cs(tmp_path / "a.cs", table))


def test_the_packed_format_needs_its_own_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a.cs"
    path.write_bytes(b"\x94CSDAT\x01\x00")
    monkeypatch.setattr("napari_unetpick.io.images.cs_table.find_spec", lambda name: None)
    with pytest.raises(InputError, match="CSDAT format; install cryosparc-tools"):
        read_picks(path)


def test_the_packed_format(tmp_path: Path):
    dataset = pytest.importorskip("cryosparc.dataset", reason="cryosparc-tools is not installed")
    shifts = alignments("alignments3D", [[4, -2], [0, 0]])
    columns = {**locations(), **shifts}
    columns["location/micrograph_path"] = np.array(["J1/a.mrc"] * 2, "O")
    dataset.Dataset(columns).save(tmp_path / "a.cs", format=2)
    assert (tmp_path / "a.cs").read_bytes()[1:6] == b"CSDAT"
    picks = read_picks(tmp_path / "a.cs")
    assert picks["J1/a.mrc"].coords.tolist() == [[AT[0][0] + 4, AT[0][1] - 8], AT[1]]
    (tmp_path / "a.cs").write_bytes((tmp_path / "a.cs").read_bytes()[:-20])
    with pytest.raises(InputError, match="is damaged, or of another version"):
        read_picks(tmp_path / "a.cs")
