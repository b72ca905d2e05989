"""One program at a time in an output folder; one that was killed keeps nobody out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.project.occupied import LOCK, occupied

HOLD = """
import sys, time
from pathlib import Path
from napari_unetpick.project.occupied import occupied
with occupied(Path(sys.argv[1])):
    print("here", flush=True)
    time.sleep(60)
"""
pytestmark = pytest.mark.skipif(os.name == "nt", reason="no locks of the system")


def test_the_second_is_told_who_is_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with occupied(out), pytest.raises(InputError) as refused, occupied(out):
        pass
    assert re.fullmatch(
        rf"{out}: process {os.getpid()} on .+ since \d{{4}}-.+ writes there; wait for its end, or "
        "choose another folder",
        str(refused.value),
    )
    with occupied(out):
        pass


def test_a_killed_program_keeps_nobody_out(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    assert other.stdout is not None
    assert other.stdout.readline() == b"here\n"
    with pytest.raises(InputError, match=f"process {other.pid} on"), occupied(tmp_path):
        pass
    other.kill()
    other.wait()
    assert (tmp_path / LOCK).exists()
    with occupied(tmp_path):
        pass
    assert os.listdir(tmp_path) == []


def test_those_who_share_keep_out_who_does_not(tmp_path: Path) -> None:
    with occupied(tmp_path, shared=True):
        with occupied(tmp_path, shared=True):
            pass
        with pytest.raises(InputError, match="writes there"), occupied(tmp_path):
            pass
    with occupied(tmp_path):
        pass
    assert os.listdir(tmp_path) == []


def test_a_folder_in_which_nothing_was_written_goes_again(tmp_path: Path) -> None:
    with occupied(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
    assert os.listdir(tmp_path) == []
    with occupied(tmp_path / "a"):
        (tmp_path / "a" / "file").touch()
    assert os.listdir(tmp_path / "a") == ["file"]


def test_where_nothing_can_be_written_nobody_is_kept_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with occupied(tmp_path / "file"):
        pass
    assert (tmp_path / "file").is_file()
