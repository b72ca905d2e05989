"""Files that appear in a folder: each is given out once, whole, whatever became of it before."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import tifffile

from napari_unetpick.errors import InputError
from napari_unetpick.io.images import arrivals
from napari_unetpick.io.images.arrivals import Arrivals
from napari_unetpick.io.images.image import read_micrograph

IMAGE = np.random.default_rng(3).normal(size=(60, 40)).astype(np.float32)


def write_mrc(path: Path) -> bytes:
    with mrcfile.new(path, IMAGE, overwrite=True) as file:
        file.voxel_size = 2.0
    return path.read_bytes()


@pytest.fixture
def found(tmp_path: Path) -> Arrivals:
    return Arrivals([str(tmp_path)], poll=0.0)


def now(found: Arrivals) -> Arrivals:
    """Let the next look be due, however long the last one took."""
    found._next = 0.0
    return found


def test_a_file_is_whole_when_two_looks_agree(tmp_path: Path, found: Arrivals):
    content = write_mrc(tmp_path / "a.mrc")
    found.look()
    assert found.take(9) == ([], [])
    now(found).look()
    assert found.take(9) == ([tmp_path / "a.mrc"], [])
    assert found.unchanged(tmp_path / "a.mrc")
    assert found.take(9) == ([], [])
    (tmp_path / "a.mrc").write_bytes(content + b"more")  # while it is picked
    assert not found.unchanged(tmp_path / "a.mrc")
    now(found).look()
    assert found.take(9) == ([], [])
    now(found).look()
    assert found.take(9) == ([tmp_path / "a.mrc"], [])
    found.finish(tmp_path / "a.mrc")
    (tmp_path / "a.mrc").write_bytes(content)  # picked is picked
    for _ in range(3):
        now(found).look()
    assert found.take(9) == ([], [])
    assert found.waiting == 0
    assert not found.settling


@pytest.mark.parametrize("kind", ["mrc", "tif", "tags last", "no room", "big"])
def test_one_that_is_cut_short_is_waited_for(kind: str, tmp_path: Path, found: Arrivals):
    path = tmp_path / ("a.mrc" if kind in ("mrc", "no room") else "a.tif")
    if path.suffix == ".mrc":
        write_mrc(path)
    else:
        tifffile.imwrite(path, IMAGE, bigtiff=kind == "big")
    content = path.read_bytes()
    short = content[: len(content) - 100]
    if kind == "tags last":
        tags = int.from_bytes(content[4:8], "little")
        size = 12 * int.from_bytes(content[tags : tags + 2], "little") + 6
        moved = len(content).to_bytes(4, "little")
        content = content[:4] + moved + content[8:] + content[tags : tags + size]
        short = content[:-size]
    if kind == "no room":
        short = bytes(len(content))
    for wrong in (b"", short):
        path.write_bytes(wrong)
        for _ in range(4):
            now(found).look()
            assert found.take(9) == ([], [])
        assert [name for name, _ in found.incomplete] == [str(path)]
        assert found.waiting == 1
    path.write_bytes(content)
    now(found).look()
    now(found).look()
    assert found.take(9) == ([path], [])
    assert not found.incomplete


def test_what_cannot_be_read_is_reported_once_and_tried_again_when_it_changes(
    tmp_path: Path, found: Arrivals
):
    path = tmp_path / "a.mrc"
    path.write_text("no image\n" * 200)
    found.look()
    now(found).look()
    whole, refused = found.take(9)
    assert (whole, [name for name, _ in refused]) == ([], [str(path)])
    assert "is a text file" in refused[0][1]
    for _ in range(3):
        now(found).look()
        assert found.take(9) == ([], [])
    assert (found.waiting, found.settling) == (0, False)
    write_mrc(path)
    now(found).look()
    now(found).look()
    assert found.take(9) == ([path], [])


def test_names(tmp_path: Path):
    content = write_mrc(tmp_path / "b.mrc")
    for name in ("a.MRC", ".hidden.mrc", "a.mrc.part", "movie.eer", "picked.mrc", "c.mrcs"):
        (tmp_path / name).write_bytes(content)
    tifffile.imwrite(tmp_path / "a.tif", IMAGE)
    (tmp_path / "two\nlines.mrc").write_bytes(content)
    found = Arrivals([f"{tmp_path}/"], ["picked"])
    refused = dict(found.look())
    assert len(refused) == 2
    assert "the name has a line break" in refused[str(tmp_path / "two\nlines.mrc")]
    same = refused.keys() & {str(tmp_path / "a.tif"), str(tmp_path / "a.MRC")}
    assert len(same) == 1
    assert "has the name of" in refused[same.pop()]
    assert now(found).look() == []
    assert [path.stem for path in found.take(1)[0]] == ["a"]
    assert [path.stem for path in found.take(9)[0]] == ["b"]
    assert found.take(9) == ([], [])


def test_a_file_that_is_renamed_or_removed_is_forgotten(tmp_path: Path, found: Arrivals):
    write_mrc(tmp_path / "a_temporary.mrc")
    found.look()
    (tmp_path / "a_temporary.mrc").rename(tmp_path / "a.mrc")
    now(found).look()
    now(found).look()
    assert found.take(9) == ([tmp_path / "a.mrc"], [])
    (tmp_path / "a.mrc").unlink()
    assert not found.unchanged(tmp_path / "a.mrc")
    assert not found.refuse(tmp_path / "a.mrc", "no such file")
    assert found.waiting == 0


def test_a_glob_finds_new_folders(tmp_path: Path):
    found = Arrivals([str(tmp_path / "*" / "*.mrc")])
    found.look()
    (tmp_path / "grid").mkdir()
    write_mrc(tmp_path / "grid" / "a.mrc")
    now(found).look()
    now(found).look()
    assert found.take(9) == ([tmp_path / "grid" / "a.mrc"], [])


def test_a_drive_that_is_gone_for_a_while(tmp_path: Path):
    drive = tmp_path / "drive"
    drive.mkdir()
    write_mrc(drive / "a.mrc")
    found = Arrivals([str(drive)])
    found.look()
    drive.rename(tmp_path / "away")
    now(found).look()
    assert found.trouble.startswith(f"{drive}: ")
    assert found.take(9) == ([], [])
    (tmp_path / "away").rename(drive)
    now(found).look()
    now(found).look()
    assert found.trouble == ""
    assert found.take(9) == ([drive / "a.mrc"], [])
    shutil.rmtree(drive)
    with pytest.raises(InputError, match="no such folder; --watch needs a folder"):
        Arrivals([str(drive)])


def test_thousands_that_are_picked_cost_one_listing(
    tmp_path: Path, found: Arrivals, monkeypatch: pytest.MonkeyPatch
):
    content = write_mrc(tmp_path / "m.mrc")
    for number in range(2000):
        (tmp_path / f"m{number:04d}.mrc").write_bytes(content[:1])
        found.finish(tmp_path / f"m{number:04d}.mrc")
    asked: list[str] = []
    monkeypatch.setattr(arrivals, "_signature", lambda path: asked.append(path) or (0, 0))
    found.look()
    assert asked == [str(tmp_path / "m.mrc")]


@pytest.mark.timeout(20)
def test_pipes_and_folders_are_no_micrographs(tmp_path: Path, found: Arrivals):
    os.mkfifo(tmp_path / "pipe.mrc")
    (tmp_path / "folder.mrc").mkdir()
    write_mrc(tmp_path / "a.mrc")
    for _ in range(3):
        now(found).look()
    assert found.take(9) == ([tmp_path / "a.mrc"], [])
    found.finish(tmp_path / "a.mrc")
    assert found.waiting == 0
    assert not found.settling
    with pytest.raises(InputError, match="is a device or a pipe"):
        read_micrograph(tmp_path / "pipe.mrc")
