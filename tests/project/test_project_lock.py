"""The lock: one writer at a time, whoever it is, and none that is kept out by the dead."""

from __future__ import annotations

import errno
import gc
import json
import os
import platform
import subprocess
import sys

import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project import lock as project_lock
from napari_unetpick.project.copying import copy_project
from napari_unetpick.project.lock import holder_of, is_alive
from napari_unetpick.project.project import Annotations, Project

HOLD = (
    "import sys; from napari_unetpick.project.project import Project\n"
    "p = Project.open(sys.argv[1]); print(p.read_only, flush=True); sys.stdin.read()"
)


@pytest.fixture
def folder(tmp_path):
    images = [Micrograph(tmp_path / "a.mrc", "a.mrc")]
    Project.create(tmp_path / "project", images).close()
    return tmp_path / "project"


@pytest.fixture
def other(folder):
    """Another process that has the project open."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline().strip() == "False"
        yield process
        process.kill()


def write_lock(folder, **fields):
    entry = {"pid": os.getpid(), "host": platform.node(), "time": "2024-05-01T10:00:00+00:00"}
    (folder / "project.lock").write_text(json.dumps({**entry, **fields}))


def dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_closing_removes_the_lock(folder):
    with Project.open(folder) as project:
        entry = json.loads((folder / "project.lock").read_text())
        assert (entry["pid"], entry["host"]) == (os.getpid(), platform.node())
        assert not project.read_only
    assert not (folder / "project.lock").exists()
    assert project.read_only
    project.close()  # a second time is nothing


def test_a_second_viewer_of_the_same_process_reads_only(folder):
    first, second = Project.open(folder), Project.open(folder)
    assert not first.read_only
    assert second.read_only
    assert second.holder.startswith(f"process {os.getpid()} on {platform.node()} since ")
    second.close()
    assert (folder / "project.lock").exists()  # not its own
    first.close()
    with Project.open(folder) as third:
        assert not third.read_only


def test_nothing_is_written_read_only(folder):
    one = Candidates(np.zeros((1, 2)), np.ones(1), np.ones(1), 9.0, model="m")
    with Project.open(folder), Project.open(folder) as second:
        before = sorted(path.name for path in folder.rglob("*"))
        second.change("a", state="full")
        for write in (
            second.save,
            lambda: second.save_annotations("a", Annotations()),
            lambda: second.save_candidates("a", one),
            lambda: second.delete_run("run-1"),
            lambda: second.rename_run("run-1", "b"),
        ):
            with pytest.raises(InputError, match=r"process \d+ on .* has it open"):
                write()
        assert sorted(path.name for path in folder.rglob("*")) == before
        with copy_project(second, folder.parent / "copy") as copy:
            assert copy.entries["a"].state == "full"


def test_a_second_process_reads_only_until_the_first_ends(folder, other):
    with Project.open(folder) as project:
        assert project.read_only
        assert project.holder.startswith(f"process {other.pid} on ")
    other.stdin.close()  # it ends without close(), but in order
    other.wait()
    assert not (folder / "project.lock").exists()


def test_the_lock_of_a_killed_process_is_taken_over(folder, other):
    other.kill()
    other.wait()
    assert (folder / "project.lock").exists()
    with Project.open(folder) as project:
        assert not project.read_only
        assert json.loads((folder / "project.lock").read_text())["pid"] == os.getpid()
    assert sorted(path.name for path in folder.iterdir()) == ["project.toml"]


def test_locks_of_the_dead_are_taken_over(folder):
    write_lock(folder, pid=dead_pid())
    with Project.open(folder) as project:
        assert not project.read_only
    write_lock(folder, token="of a former process with this number")
    with Project.open(folder) as project:
        assert not project.read_only


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when a process started")
def test_a_process_that_got_the_number_of_a_dead_one_is_no_holder(folder, other):
    entry = json.loads((folder / "project.lock").read_text())
    (folder / "project.lock").write_text(json.dumps({**entry, "started": "1"}))
    with Project.open(folder) as project:
        assert not project.read_only


def test_another_computers_lock_holds(folder):
    write_lock(folder, pid=dead_pid(), host="elsewhere")
    with Project.open(folder) as project:
        assert project.read_only
        assert "on elsewhere since 2024-05-0" in project.holder


def test_an_empty_lock_holds_for_a_moment_only(folder):
    path = folder / "project.lock"
    path.write_text("")
    with Project.open(folder) as project:
        assert project.holder == "another process"
    old = path.stat().st_mtime - 120
    os.utime(path, (old, old))
    with Project.open(folder) as project:
        assert not project.read_only


def test_a_lock_that_another_took_over_meanwhile_stays(folder):
    with Project.open(folder):
        write_lock(folder, host="elsewhere")
    assert json.loads((folder / "project.lock").read_text())["host"] == "elsewhere"


def test_taking_over_spares_a_lock_that_just_came(folder):
    path = folder / "project.lock"
    write_lock(folder, host="elsewhere")
    fresh = path.read_text()
    project_lock._remove_stale(path, "the stale text that was read before")
    assert path.read_text() == fresh
    assert sorted(each.name for each in folder.iterdir()) == ["project.lock", "project.toml"]


def test_an_unwritable_folder_opens_read_only(folder, monkeypatch):
    real = os.open

    def refuse(path, flags, *rest, **more):
        if flags & os.O_CREAT:
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    with Project.open(folder) as project:
        assert project.read_only
        assert project.holder is None
        assert list(project.entries) == ["a"]
        project.change("a", state="full")
        with pytest.raises(InputError, match="read-only"):
            project.save()
    with pytest.raises(InputError, match="cannot be written to"):
        Project.create(folder.parent / "new")


def test_a_stale_lock_in_an_unwritable_folder_opens_read_only(folder, monkeypatch):
    write_lock(folder, pid=dead_pid())

    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "rename", refuse)
    with Project.open(folder) as project:
        assert (project.read_only, project.holder) == (True, None)


def test_a_reader_takes_no_lock(folder):
    with Project.open(folder, lock=False) as reader:
        assert reader.read_only
        assert not (folder / "project.lock").exists()
        with Project.open(folder) as writer:
            assert not writer.read_only


def test_a_forgotten_project_gives_its_lock_back(folder):
    Project.open(folder)
    gc.collect()
    assert not (folder / "project.lock").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_leaves_its_parents_lock(folder):
    code = (
        "import os, sys; from napari_unetpick.project.project import Project\n"
        "p = Project.open(sys.argv[1])\n"
        "if os.fork() == 0:\n    p.close(); sys.exit(0)\n"
        "os.wait(); print(os.path.exists(sys.argv[1] + '/project.lock'))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, timeout=60
    )
    assert run.stdout.strip() == "True"


def test_processes_are_told_from_the_dead():
    assert is_alive(os.getpid())
    assert not is_alive(dead_pid())
    assert not is_alive(0)
    assert not is_alive(-1)
    assert not is_alive(2**70)


def test_the_holder_is_described_as_far_as_it_is_known():
    today = project_lock.datetime.now(project_lock.UTC).isoformat()
    text = holder_of(json.dumps({"pid": 123, "host": "h", "time": today}))
    assert text.startswith("process 123 on h since ")
    assert len(text.rsplit(" ", 1)[1]) == len("14:05")
    assert holder_of(json.dumps({"pid": 123, "host": "h", "time": 5})) == "process 123 on h"
    assert holder_of("[]") == holder_of("{") == "another process"
