"""The hand-over to RELION and cryoSPARC, to the letter, and reading it back."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_unetpick.errors import EngineError, InputError
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.formats.relion_list import project_names, tell_paths, write_autopick
from napari_unetpick.io.formats.relion_picks import write_combined_star
from napari_unetpick.io.picks import Picks

NAMES = ("MotionCorr/job002/Movies/mic.1.mrc", "MotionCorr/job002/Movies/mic.2.mrc")


def picked(*names: str) -> list[Picks]:
    return [
        Picks(name, np.array([[i + 10.25, i + 20.5]]), np.array([0.5]))
        for i, name in enumerate(names)
    ]


def test_list_is_exact_and_starts_from_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("default_pipeline.star").touch()
    files = write_autopick("External/job010", picked(*NAMES))
    assert [f.as_posix() for f in files] == [
        "External/job010/mic.1_autopick.star",
        "External/job010/mic.2_autopick.star",
        "External/job010/autopick.star",
    ]
    assert files[-1].read_bytes() == (
        b"# version 30001\n\n"
        b"data_coordinate_files\n\nloop_\n_rlnMicrographName #1\n_rlnMicrographCoordinates #2\n"
        b"MotionCorr/job002/Movies/mic.1.mrc External/job010/mic.1_autopick.star\n"
        b"MotionCorr/job002/Movies/mic.2.mrc External/job010/mic.2_autopick.star\n"
    )
    back = read_picks("External/job010")
    assert list(back) == list(NAMES)
    assert back[NAMES[1]].coords.tolist() == [[11.25, 21.5]]
    assert back[NAMES[1]].scores.tolist() == [0.5]


def test_project_folder_is_found_from_elsewhere(tmp_path: Path):
    (tmp_path / "default_pipeline.star").write_text("data_\n")
    files = write_autopick(tmp_path / "External" / "job010", picked(*NAMES))
    assert "Movies/mic.1.mrc External/job010/mic.1_autopick.star\n" in files[-1].read_text()
    assert list(read_picks(files[-1])) == list(NAMES)  # paths start above the list


@pytest.mark.parametrize("started_in", [".", "out", "elsewhere"])
def test_outside_of_a_project_paths_are_absolute_wherever_the_process_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started_in: str
):
    for folder in ("out", "elsewhere"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / started_in)
    out = Path(os.path.relpath(tmp_path / "out"))
    files = write_autopick(out, picked(*NAMES))
    listed = Path(files[-1].read_text().splitlines()[-2].split()[1])
    assert listed.is_absolute()
    assert listed.samefile(tmp_path / "out" / "mic.1_autopick.star")
    assert tell_paths(out) == (
        f"paths in autopick.star are absolute: {tmp_path}/out lies in no RELION project"
    )
    (tmp_path / "default_pipeline.star").touch()
    files = write_autopick(out, picked(*NAMES))
    assert f"{NAMES[0]} out/mic.1_autopick.star\n" in files[-1].read_text()
    assert tell_paths(out) == f"paths in autopick.star start in the RELION project {tmp_path}"


def test_names_never_lead_out_of_the_folder(tmp_path: Path):
    out = tmp_path / "project" / "out"
    write_autopick(out, picked("../../evil.mrc", "/etc/passwd.mrc"))
    assert sorted(f.name for f in tmp_path.rglob("*") if f.is_file()) == [
        "autopick.star",
        "evil_autopick.star",
        "passwd_autopick.star",
    ]
    assert all(f.parent == out for f in tmp_path.rglob("*.star"))
    with pytest.raises(InputError, match="is not a valid file name"):
        write_autopick(out, picked("a/.."))


def test_two_of_one_name_are_refused_before_anything_is_written(tmp_path: Path):
    with pytest.raises(InputError, match=r"a/mic\.mrc and b/mic\.tif would both be written"):
        write_autopick(tmp_path / "out", picked("a/mic.mrc", "b/mic.tif"))
    assert not (tmp_path / "out").exists()


def test_file_where_a_folder_is_needed(tmp_path: Path):
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="is a file where a folder is needed"):
        write_autopick(tmp_path / "out", picked(*NAMES))


def test_full_disk_leaves_no_half_written_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(EngineError, match="no space left"):
        write_autopick(tmp_path / "out", picked(*NAMES))
    assert list((tmp_path / "out").iterdir()) == []


def test_micrograph_without_picks_has_an_empty_loop(tmp_path: Path):
    write_autopick(tmp_path, [Picks("a.mrc", scores=np.empty(0))])
    assert len(read_picks(tmp_path)["a.mrc"]) == 0


def test_missing_listed_files(tmp_path: Path):
    files = write_autopick(tmp_path, picked(*NAMES))
    files[0].unlink()
    picks = read_picks(files[-1])
    assert list(picks) == [NAMES[1]]
    assert "1 of the 2 picks files listed in autopick.star are missing" in picks.messages[0]
    files[1].unlink()
    with pytest.raises(InputError, match="none of the 2 picks files"):
        read_picks(files[-1])


@pytest.mark.parametrize("folder", [".", "Movies"])  # RELION keeps the micrographs' folders
def test_a_copied_or_renamed_folder_is_read_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
):
    monkeypatch.chdir(tmp_path)
    Path("default_pipeline.star").touch()
    files = write_autopick("picked", picked(*NAMES))
    for file in files[:-1]:
        file.parent.joinpath(folder).mkdir(exist_ok=True)
        file.rename(file.parent / folder / file.name)
    if folder != ".":
        files[-1].write_text(files[-1].read_text().replace(" picked/", f" picked/{folder}/"))
    assert read_picks("picked").messages == []
    shutil.copytree("picked", "backup")
    later = Path("picked", folder, files[0].name)
    later.write_text(later.read_text().replace("10.250", "77.000"))
    copied = read_picks("backup")
    assert copied[NAMES[0]].coords.tolist() == [[10.25, 20.5]]
    assert copied.messages == [
        f"autopick.star names files in {Path('picked', folder)}; those of its own folder are read"
    ]
    assert read_picks("picked")[NAMES[0]].coords.tolist() == [[77.0, 20.5]]
    Path("backup", folder, files[0].name).unlink()  # and never in its place one of the other folder
    assert list(read_picks("backup")) == [NAMES[1]]
    Path("picked").rename("gone")
    assert read_picks("gone")[NAMES[0]].coords.tolist() == [[77.0, 20.5]]


def test_a_listed_file_without_rows_or_sense_does_not_stop_the_others(tmp_path: Path):
    files = write_autopick(tmp_path, picked(*NAMES, "empty.mrc", "blank.mrc"))
    files[2].write_text("data_\nloop_\n_rlnMicrographName\n_rlnCoordinateX\n_rlnCoordinateY\n\n")
    files[3].write_text("")
    picks = read_picks(files[-1])
    assert {name: len(each) for name, each in picks.items()} == {
        NAMES[0]: 1,
        NAMES[1]: 1,
        "empty.mrc": 0,
    }
    (message,) = picks.messages
    assert message.startswith("1 of the 4 picks files listed in autopick.star cannot be read")
    assert "blank_autopick.star: is empty" in message
    for file in files[:3]:
        file.write_text("")
    with pytest.raises(InputError, match="is empty"):
        read_picks(files[-1])


def test_list_of_imported_boxes(tmp_path: Path):
    (tmp_path / "mic1.box").write_text("10 20 64 64\n")
    path = tmp_path / "coords.star"
    path.write_text(
        "data_coordinate_files\nloop_\n_rlnMicrographName\n_rlnMicrographCoordinates\n"
        "M/mic1.mrc mic1.box\n"
    )
    assert read_picks(path)["M/mic1.mrc"].coords.tolist() == [[52.0, 42.0]]


def test_combined_star_is_exact(tmp_path: Path):
    path = tmp_path / "picks.star"
    write_combined_star(path, picked(*NAMES))
    assert path.read_bytes() == (
        b"data_\n\nloop_\n_rlnMicrographName #1\n_rlnCoordinateX #2\n_rlnCoordinateY #3\n"
        b"_rlnAutopickFigureOfMerit #4\n"
        b"MotionCorr/job002/Movies/mic.1.mrc 20.500 10.250 0.500000\n"
        b"MotionCorr/job002/Movies/mic.2.mrc 21.500 11.250 0.500000\n"
    )
    assert read_picks(path)[NAMES[0]].coords.tolist() == [[10.25, 20.5]]


def test_names_from_the_project_only_where_that_is_certain(tmp_path: Path):
    project, out = tmp_path / "project", tmp_path / "project" / "External" / "job010"
    inside, outside = project / "M" / "job002" / "a.mrc", tmp_path / "elsewhere" / "b.mrc"
    for file in (inside, outside, project / "c.mrc"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (project / "default_pipeline.star").touch()
    (project / "link").symlink_to(outside.parent)
    given: dict[str, Path | None] = {
        str(inside): inside,
        "job002/a.mrc": inside,
        "M/job002/../job002/a.mrc": None,
        "link/b.mrc": None,
        str(outside): outside,
        "c.mrc": project / "c.mrc",
        "M/job002/gone.mrc": None,
        "link/../M/job002/a.mrc": project / "link" / ".." / "M" / "job002" / "a.mrc",
    }
    names, messages = project_names(given, out, "do this")
    right = "M/job002/a.mrc"
    assert list(names.values())[:4] == [right, right, right, "link/b.mrc"]
    assert list(names.values())[4:] == list(given)[4:]
    assert len(messages) == 1
    assert f"4 names may differ (such as {outside}): do this" in messages[0]
    assert project_names({"link/b.mrc": None}, out, "do this")[1] == []
