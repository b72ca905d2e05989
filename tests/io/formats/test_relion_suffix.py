"""RELION 3's job folders: `coords_suffix_*.star` names the ending of the pick files, no more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.io.formats.eman import write_box
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.formats.relion_picks import write_star
from napari_unetpick.io.picks import Picks

NAMES = ["MotionCorr/job002/Movies/mic.1.mrc", "MotionCorr/job002/Movies/grid2/mic.2.mrc"]
CTF = "CtfFind/job003/micrographs_ctf.star"


def one(name: str, place: float) -> Picks:
    return Picks(name, np.array([[place, 2 * place]]))


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """AutoPick/job006 of RELION 3.1, with picks of two of three micrographs."""
    (tmp_path / CTF).parent.mkdir(parents=True)
    rows = "\n".join([*NAMES, "MotionCorr/job002/Movies/mic.3.mrc"])
    (tmp_path / CTF).write_text(f"data_micrographs\n\nloop_\n_rlnMicrographName\n{rows}\n")
    folder = tmp_path / "AutoPick" / "job006"
    write_star(folder / "Movies" / "mic.1_autopick.star", one("", 10))
    write_star(folder / "Movies" / "grid2" / "mic.2_autopick.star", one("", 20))
    (folder / "coords_suffix_autopick.star").write_text(f"{CTF}\n")
    (folder / "job.star").write_text("data_job\n\n_rlnJobType 4\n")
    return folder


def test_the_suffix_list_gives_relions_own_names(job: Path):
    for source in (job / "coords_suffix_autopick.star", job):
        picks = read_picks(source)
        assert list(picks) == NAMES
        assert picks[NAMES[1]].coords.tolist() == [[20, 40]]
    assert read_picks(job / "coords_suffix_autopick.star").messages == []


def test_a_copied_job_folder_is_read_without_the_micrographs_star(job: Path):
    (job.parent.parent / CTF).unlink()
    picks = read_picks(job)
    assert list(picks) == ["Movies/grid2/mic.2", "Movies/mic.1"]
    assert picks["Movies/mic.1"].coords.tolist() == [[10, 20]]


def test_of_two_endings_the_listed_one_is_read(job: Path):
    write_star(job / "Movies" / "mic.1_manualpick.star", one("", 30))
    assert read_picks(job)[NAMES[0]].coords.tolist() == [[10, 20]]
    (job / "coords_suffix_autopick.star").rename(job / "coords_suffix_topazpicks.star")
    with pytest.raises(InputError, match=r"no pick files \*_topazpicks\.star in its folder"):
        read_picks(job)


def test_box_files_of_a_list(job: Path):
    write_box(job / "Movies" / "mic.1_crYOLO.box", one("", 50), 20)
    (job / "coords_suffix_crYOLO.box").write_text(CTF)
    picks = read_picks(job / "coords_suffix_crYOLO.box")
    assert {name: each.coords.tolist() for name, each in picks.items()} == {NAMES[0]: [[50, 100]]}


def test_picks_of_a_micrograph_called_so_are_picks(tmp_path: Path):
    path = tmp_path / "coords_suffix_1.star"
    write_star(path, one("", 5))
    assert read_picks(path)["coords_suffix_1"].coords.tolist() == [[5, 10]]
