"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import io
import os
import stat

import pytest

from napari_unetpick.errors import EngineError, InputError
from napari_unetpick.io import atomic
from napari_unetpick.io.atomic import atomic_path, write_text


def leftovers(folder):
    return sorted(p.name for p in folder.iterdir())


def write_half(path, error):
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        raise error


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "new" / "folders" / "file.csv"
    write_text(path, "one\ntwo\n")
    write_text(path, "ümläut\n")
    assert path.read_bytes() == "ümläut\n".encode()
    assert leftovers(path.parent) == ["file.csv"]


def test_line_ends_stay_as_relion_needs_them(tmp_path):
    write_text(tmp_path / "a.star", "data_\n\nloop_\n")
    assert b"\r" not in (tmp_path / "a.star").read_bytes()


@pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt(), MemoryError()])
def test_a_failure_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "file.csv"
    write_text(path, "old")
    with pytest.raises(type(error)):
        write_half(path, error)
    assert path.read_text() == "old"
    assert leftovers(tmp_path) == ["file.csv"]


def test_until_the_end_readers_see_the_old_file(tmp_path):
    path = tmp_path / "file.csv"
    write_text(path, "old")
    with atomic_path(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_clear_line(tmp_path, number):
    path = tmp_path / "picks.csv"
    write_text(path, "old")
    with pytest.raises(EngineError, match=r"picks\.csv: no space left") as caught:
        write_half(path, OSError(number, os.strerror(number)))
    assert "\n" not in str(caught.value)
    assert path.read_text() == "old"
    assert leftovers(tmp_path) == ["picks.csv"]


def test_a_disk_that_fills_up_in_the_middle_of_write_text(tmp_path, monkeypatch):
    path = tmp_path / "picks.csv"
    write_text(path, "old")

    class FullFile:
        def __init__(self, *args, **kwargs):
            self.file = io.open(*args, **kwargs)  # noqa: SIM115, UP020

        def __enter__(self):
            return self

        def __exit__(self, *reason):
            self.file.close()

        def write(self, text):
            self.file.write(text[: len(text) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic, "open", FullFile, raising=False)
    with pytest.raises(EngineError, match="no space left"):
        write_text(path, "x" * 10_000)
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert leftovers(tmp_path) == ["picks.csv"]


@pytest.mark.parametrize("stage", ["mkstemp", "replace"])
def test_a_disk_that_is_full_before_or_after_writing(tmp_path, monkeypatch, stage):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    owner = atomic.tempfile if stage == "mkstemp" else atomic.os
    monkeypatch.setattr(owner, stage, full)
    with pytest.raises(EngineError, match="no space left"):
        write_text(tmp_path / "picks.csv", "new")
    assert leftovers(tmp_path) == []


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "out").write_text("mine")
    for path in (tmp_path / "out" / "a.csv", tmp_path / "out" / "deep" / "a.csv"):
        with pytest.raises(InputError, match="is a file where a folder is needed"):
            write_text(path, "x")
    assert (tmp_path / "out").read_text() == "mine"


def test_a_folder_where_the_file_should_be(tmp_path):
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(InputError, match=r"a\.csv: cannot be written"):
        write_text(tmp_path / "a.csv", "x")
    assert leftovers(tmp_path) == ["a.csv"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InputError, match="cannot be written"):
            write_text(tmp_path / "a.csv", "x")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(os.name == "nt", reason="no POSIX permissions")
def test_others_may_read_the_file_as_the_umask_allows(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "a.csv", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) == 0o640


def test_long_and_odd_names_can_be_written(tmp_path):
    for name in ("x" * 240 + ".csv", "ä" * 100 + ".csv", ".hidden", "with space, comma.csv"):
        write_text(tmp_path / name, "x")
        assert (tmp_path / name).read_text() == "x"
