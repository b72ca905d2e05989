"""Classes of RELION and cryoSPARC: accepted particles recentred, rejected ones as extracted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cs_files import locations, write_cs
from napari_unetpick.classes.outside import as_classes, read_outside
from napari_unetpick.errors import InputError
from napari_unetpick.io.picks import ReadOptions

OPTICS = (
    "data_optics\n\nloop_\n_rlnOpticsGroup #1\n_rlnImagePixelSize #2\n"
    "_rlnMicrographPixelSize #3\n1 3.0 1.5\n\n"
)
PARTICLES = [  # image, x, y, origin x and y (A), class
    ("1@a.mrcs", 100, 200, 6.0, -3.0, 1),
    ("2@a.mrcs", 300, 210, -1.5, 0.0, 2),
    ("3@a.mrcs", 500, 220, 9.0, 9.0, 3),
    ("4@a.mrcs", 700, 230, 3.0, 0.0, 1),
]


def write_particles(path: Path, rows: list, old: bool = False) -> Path:
    """Write a particles STAR of RELION 3.1, or of 3.0 (origins in pixels of the particles)."""
    unit = ("rlnOriginX", "rlnOriginY") if old else ("rlnOriginXAngst", "rlnOriginYAngst")
    labels = ["rlnImageName", "rlnMicrographName", "rlnCoordinateX", "rlnCoordinateY", *unit]
    labels += ["rlnClassNumber"]
    labels += ["rlnMagnification", "rlnDetectorPixelSize"] if old else ["rlnOpticsGroup"]
    tail = "10000 3.0" if old else "1"
    head = "" if old else OPTICS
    head += f"data_{'' if old else 'particles'}\n\nloop_\n"
    head += "".join(f"_{label} #{i}\n" for i, label in enumerate(labels, 1))
    scale = 3.0 if old else 1.0
    lines = [
        f"{image} MotionCorr/job002/m.mrc {x} {y} {dx / scale} {dy / scale} {number} {tail}"
        for image, x, y, dx, dy, number in rows
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(head + "\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("old", [False, True])
def test_relion_select_against_class2d(tmp_path: Path, old: bool):
    accepted = write_particles(tmp_path / "Select/particles.star", PARTICLES[::3], old)
    every = write_particles(tmp_path / "Class2D/run_it025_data.star", PARTICLES, old)
    options = ReadOptions(pixel_size=1.5) if old else ReadOptions()
    found = read_outside(accepted, every, options)
    kept, rejected = (next(iter(each.values())) for each in (found.kept, found.rejected))
    assert kept.coords.tolist() == [[200 + 2, 100 - 4], [230, 700 - 2]]
    assert rejected.coords.tolist() == [[210, 300], [220, 500]], "not recentred"
    assert kept.micrograph == "MotionCorr/job002/m.mrc"


def test_job_folders_are_enough(tmp_path: Path):
    write_particles(tmp_path / "Select/particles.star", PARTICLES[:1])
    write_particles(tmp_path / "Class2D/run_it001_data.star", PARTICLES[:2])
    write_particles(tmp_path / "Class2D/run_it025_data.star", PARTICLES)
    found = read_outside(tmp_path / "Select", tmp_path / "Class2D", ReadOptions())
    assert len(found.rejected["MotionCorr/job002/m.mrc"]) == 3, "of the last iteration"
    with pytest.raises(InputError, match="give the file itself"):
        read_outside(tmp_path, tmp_path / "Class2D", ReadOptions())


def test_files_that_do_not_belong_together(tmp_path: Path):
    accepted = write_particles(tmp_path / "a.star", PARTICLES[:1])
    other = write_particles(tmp_path / "b.star", PARTICLES[2:])
    with pytest.raises(InputError, match=r"none of the particles of .*a\.star"):
        read_outside(accepted, other, ReadOptions())
    with pytest.raises(InputError, match="no negatives"):
        read_outside(accepted, accepted, ReadOptions())
    coordinates = tmp_path / "picks.star"
    coordinates.write_text(
        "data_\nloop_\n_rlnMicrographName\n_rlnCoordinateX\n_rlnCoordinateY\nm 1 2\n"
    )
    with pytest.raises(InputError, match="no column _rlnImageName"):
        read_outside(coordinates, other, ReadOptions())
    with pytest.raises(InputError, match="two programs"):
        read_outside(accepted, write_cs(tmp_path / "x.cs", locations()), ReadOptions())
    part = write_particles(tmp_path / "c.star", PARTICLES[1:])
    found = read_outside(write_particles(tmp_path / "d.star", PARTICLES[:2]), part, ReadOptions())
    assert any("1 of 2 accepted particles are not in c.star" in m for m in found.kept.messages)


def write_select(folder: Path) -> tuple[Path, Path]:
    """Write the output of Select 2D: particles 1000 and 2000 selected, 3000 excluded."""
    place = locations(3)
    shifts = {
        "uid": place["uid"],
        "alignments2D/shift": np.array([[4, 0], [0, -2], [8, 8]], "f4"),
        "alignments2D/psize_A": np.full(3, 3.0, "f4"),
        "alignments2D/class": np.array([3, 3, 7], "u4"),
    }
    for name, rows in (("selected", slice(0, 2)), ("excluded", slice(2, 3))):
        write_cs(folder / f"particles_{name}.cs", {k: v[rows] for k, v in shifts.items()})
        write_cs(
            folder / f"J9_passthrough_particles_{name}.cs",
            {k: np.asarray(v)[rows] for k, v in place.items()},
        )
    return folder / "particles_selected.cs", folder / "particles_excluded.cs"


def test_cryosparc_selected_and_excluded(tmp_path: Path):
    selected, excluded = write_select(tmp_path)
    found = read_outside(selected, excluded, ReadOptions())
    kept, rejected = (next(iter(each.values())) for each in (found.kept, found.rejected))
    at = np.array([[4092 / 8, 5760 / 16], [4092 / 4, 5760 / 8], [3 * 4092 / 8, 3 * 5760 / 16]])
    np.testing.assert_allclose(kept.coords, at[:2] - [[0, 8], [-4, 0]], atol=1e-3)
    np.testing.assert_allclose(rejected.coords, at[2:], atol=1e-3)
    assert read_outside(tmp_path, tmp_path, ReadOptions()).kept.keys() == found.kept.keys()


def test_cryosparc_excluded_are_those_that_are_not_selected(tmp_path: Path):
    """Where all particles of the 2D classification are given instead of the excluded ones."""
    selected, _ = write_select(tmp_path / "J9")
    place = {**locations(3), "alignments2D/shift": np.ones((3, 2), "f4")}
    every = write_cs(tmp_path / "J8" / "J8_020_particles.cs", place)
    found = read_outside(selected, every, ReadOptions())
    assert sum(map(len, found.rejected.values())) == 1


def test_two_classes_stand_for_accepted_and_rejected(tmp_path: Path):
    accepted = write_particles(tmp_path / "a.star", PARTICLES[:3])
    every = write_particles(tmp_path / "b.star", PARTICLES)
    found = read_outside(accepted, every, ReadOptions())
    classes = as_classes(found.kept, found.rejected, {"m": 80.0})
    assert classes.sizes.tolist() == [3, 1]
    assert classes.rejected == {2}
    kept, rejected = classes.split()
    assert kept[0].coords.tolist() == found.kept["MotionCorr/job002/m.mrc"].coords.tolist()
    assert rejected[0].coords.tolist() == [[230, 700]]
