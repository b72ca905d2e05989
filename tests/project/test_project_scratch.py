"""Work outside a project: where it lies, what is offered of it, its size, and its deletion."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import platformdirs
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.project.annotations import Annotations, new_picks
from napari_unetpick.project.project import Project
from napari_unetpick.project.scratch import (
    PREFIX,
    find_left_work,
    is_scratch,
    purge,
    scratch_place,
    scratch_size,
)

KILLED = (
    "import os, sys, signal; from pathlib import Path\n"
    "from napari_unetpick.io.images.micrograph import Micrograph\n"
    "from napari_unetpick.project.project import Project\n"
    "p = Project.create_temporary(); p.add([Micrograph(Path(sys.argv[1]), 'a.mrc')])\n"
    "p.change('a', state='partial'); p.save(); print(p.folder, flush=True)\n"
    "os.kill(os.getpid(), signal.SIGKILL)"
)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where scratch projects are made; the temporary folder is another."""
    monkeypatch.setenv("UNETPICK_SCRATCH", str(tmp_path / "own" / "scratch"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    return tmp_path / "own" / "scratch"


def leave_work(folder, count=5):
    """Make the scratch project of a viewer that has ended, with some picks."""
    project = Project.create(folder, [Micrograph(folder.parent / "a.mrc", "a.mrc")])
    project.save_annotations("a", Annotations(new_picks(np.ones((count, 2)))))
    project.save()
    project.close()


def test_the_variable_names_the_place(place):
    with Project.create_temporary() as project:
        assert project.folder.parent == place
        assert is_scratch(project.folder)
    assert list(place.iterdir()) == []


def test_without_it_they_lie_in_the_users_data(tmp_path, monkeypatch):
    monkeypatch.delenv("UNETPICK_SCRATCH")
    monkeypatch.setattr(platformdirs, "user_data_path", lambda *_: tmp_path / "data")
    assert scratch_place() == tmp_path / "data"
    with Project.create_temporary() as project:
        assert project.folder.parent == tmp_path / "data"


def test_where_no_data_can_be_kept_the_temporary_folder_serves(place, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("UNETPICK_SCRATCH", str(tmp_path / "file"))
    with pytest.raises(InputError, match="file"):  # it was asked for
        Project.create_temporary()
    monkeypatch.delenv("UNETPICK_SCRATCH")
    monkeypatch.setattr(platformdirs, "user_data_path", lambda *_: tmp_path / "file")
    with Project.create_temporary() as project:
        assert project.folder.parent == tmp_path / "temporary"
        assert project.temporary


def test_work_in_the_place_of_earlier_versions_is_offered(place, tmp_path):
    leave_work(tmp_path / "temporary" / f"{PREFIX}abc", 3)
    leave_work(place / f"{PREFIX}def", 5)
    found = {left.folder.name: (left.labelled, left.picks) for left in find_left_work()}
    assert found == {f"{PREFIX}abc": (1, 3), f"{PREFIX}def": (1, 5)}


def test_the_size_is_that_of_all_files(place, tmp_path):
    assert scratch_size() == 0
    leave_work(tmp_path / "temporary" / f"{PREFIX}abc")
    leave_work(place / f"{PREFIX}def")
    before = scratch_size()
    (place / f"{PREFIX}def" / "runs" / "run-1").mkdir(parents=True)
    (place / f"{PREFIX}def" / "runs" / "run-1" / "model").write_bytes(b"x" * 1234)
    assert scratch_size() == before + 1234
    (place / "other").mkdir()
    (place / "other" / "file").write_bytes(b"x" * 99)
    assert scratch_size() == before + 1234


def test_purging_deletes_what_no_viewer_has_open(place, tmp_path):
    leave_work(tmp_path / "temporary" / f"{PREFIX}abc")
    leave_work(place / f"{PREFIX}def")
    (place / "other").mkdir()
    (place / f"{PREFIX}new").mkdir()  # another viewer is just making it
    with Project.create_temporary() as opened:
        assert purge() == 2
        left = {path.name for path in place.iterdir()}
        assert left == {"other", f"{PREFIX}new", opened.folder.name}
        opened.save()
    assert list((tmp_path / "temporary").iterdir()) == []
    assert find_left_work() == []
    assert purge() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no such kill there")
def test_work_of_a_killed_viewer_is_offered_and_can_be_purged(place, tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "a.mrc")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    (left,) = find_left_work()
    assert str(left.folder) == run.stdout.strip()
    assert left.folder.parent == place
    assert purge() == 1
    shutil.rmtree(place)
