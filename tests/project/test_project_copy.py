"""Scratch projects and copies: what is copied is found again, what is not wanted leaves nothing."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import numpy as np
import pytest

from napari_unetpick.errors import EngineError, InputError
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project import copying
from napari_unetpick.project.annotations import new_picks
from napari_unetpick.project.copying import copy_project
from napari_unetpick.project.project import Annotations, Project

TRIANGLE = np.array([[10.5, 20.0], [10.5, 90.0], [70.0, 90.0]])


def make_image(folder, name):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"")
    return Micrograph(folder / name, str(folder / name))


@pytest.fixture
def project(tmp_path):
    images = [make_image(tmp_path / "Movies", name) for name in ("a.mrc", "e.tif")]
    with Project.create(tmp_path / "project", images, 180) as opened:
        yield opened


def test_a_temporary_project_goes_with_its_closing(tmp_path, monkeypatch):
    monkeypatch.setenv("UNETPICK_SCRATCH", str(tmp_path))
    project = Project.create_temporary()
    assert project.temporary
    assert project.folder.parent == tmp_path
    project.add([make_image(tmp_path / "Movies", "a.mrc")])
    project.save_annotations("a", Annotations())
    project.save()
    with copy_project(project, tmp_path / "kept") as copy:
        project.close()
        assert not project.folder.exists()
        assert not copy.temporary
        assert list(copy.entries) == ["a"]
    assert (tmp_path / "kept" / "project.toml").exists()


def test_a_temporary_project_that_nobody_closed_goes_with_the_process(tmp_path):
    code = "from napari_unetpick.project.project import Project as P; p = P.create_temporary()"
    environment = {**os.environ, "UNETPICK_SCRATCH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60)
    assert list(tmp_path.iterdir()) == []


def test_a_copy_holds_everything(tmp_path, project):
    picks = new_picks(np.array([[1.5, 2.5]]), "model", np.array([0.5]))
    project.save_annotations("e", Annotations(picks, exclusions=(TRIANGLE,)))
    project.save_candidates(
        "e", Candidates(np.zeros((3, 2)), np.ones(3), np.ones(3), 9.0, model="run-1")
    )
    (project.runs_folder / "run-1").mkdir(parents=True)
    (project.runs_folder / "run-1" / "config.toml").write_text("x = 1\n")
    (project.runs_folder / "run-1" / ".half.tmp").write_text("half")
    project.change("e", state="partial")  # not saved, but copied
    with copy_project(project, tmp_path / "deep" / "er" / "copy") as copy:
        assert not copy.read_only
        assert (copy.folder / "project.lock").exists()
        assert copy.entries == project.entries
        assert copy.entries["e"].micrograph.path == tmp_path / "Movies" / "e.tif"
        assert not (copy.runs_folder / "run-1" / ".half.tmp").exists()
        assert [run.name for run in copy.runs()] == ["run-1"]
    with Project.open(copy.folder) as found:
        assert found.entries == project.entries
        assert found.annotations("e").picks.sources.tolist() == ["model"]
        np.testing.assert_array_equal(found.annotations("e").exclusions, [TRIANGLE])
        assert len(found.candidates("e")) == 3
        assert found.missing == []
    project.save()  # still open to be written


def test_a_copy_goes_neither_into_itself_nor_over_a_project(tmp_path, project):
    with pytest.raises(InputError, match="inside the project itself"):
        copy_project(project, project.folder / "copy")
    Project.create(tmp_path / "other").close()
    with pytest.raises(InputError, match="is already a project"):
        copy_project(project, tmp_path / "other")


def test_a_copy_that_fails_leaves_nothing(tmp_path, project, monkeypatch):
    project.save_annotations("e", Annotations())

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(copying.shutil, "copytree", full)
    with pytest.raises(EngineError, match="no space"):
        copy_project(project, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    (tmp_path / "empty").mkdir()
    with pytest.raises(EngineError, match="no space"):
        copy_project(project, tmp_path / "empty")
    assert list((tmp_path / "empty").iterdir()) == []
