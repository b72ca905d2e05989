"""The runs of a project: described, named, renamed, deleted, and never outside its folder."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from napari_unetpick.errors import EngineError, InputError
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project import candidates as project_models
from napari_unetpick.project import runs as project_runs
from napari_unetpick.project.copying import copy_project
from napari_unetpick.project.project import Project

OUTSIDE = ["../x", "/x", "..", ".", "", "a/b", "a\\b", "C:x", ".hidden", "x.", " x", "nul", "x\n"]


@pytest.fixture
def project(tmp_path):
    with Project.create(tmp_path / "project") as opened:
        yield opened


def make_run(project, name, scores=(), model=True, age=0):
    folder = project.runs_folder / name
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("version = '0'\n")
    rows = [{"stage": "training", "epoch": i + 1, **row} for i, row in enumerate(scores)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    if model:
        (folder / "model.safetensors").write_bytes(b"x")
    for path in (*folder.iterdir(), folder):
        os.utime(path, (1e9 - age, 1e9 - age))
    return folder


def test_runs_are_described_newest_first(project):
    assert project.runs() == []
    scores = [{"loss": 1.0, "validation_f1": f1} for f1 in (0.5, 0.75, 0.7)]
    make_run(project, "old", scores, age=100)
    make_run(project, "new", [{"loss": 1.0}] * 2, model=False)
    (project.runs_folder / "not a run").mkdir()
    (project.runs_folder / "file").write_text("")
    new, old = project.runs()
    assert (new.name, new.finished, new.epochs, new.validation_f1) == ("new", False, 2, None)
    assert (old.name, old.finished, old.epochs, old.validation_f1) == ("old", True, 3, 0.75)
    assert old.path == project.runs_folder / "old"
    assert (new.modified, old.modified) == (1e9, 1e9 - 100)


def test_a_line_that_is_being_written_is_left_out(project):
    folder = make_run(project, "run-1", [{"validation_f1": 0.5}])
    with open(folder / "metrics.jsonl", "a") as handle:
        handle.write('{"stage": "training", "epo')
    assert project.runs()[0].epochs == 1


def test_new_names_are_above_all_in_use(project):
    assert project.new_run_name() == "run-1"
    make_run(project, "run-1")
    make_run(project, "run-7")
    (project.runs_folder / "run-9").mkdir()  # not begun yet, but taken
    make_run(project, "run-x")
    assert project.new_run_name() == "run-10"


def test_a_run_is_renamed_with_its_files(project):
    make_run(project, "run-1")
    make_run(project, "run-2")
    project.rename_run("run-1", "ribosome, 2nd try")
    assert (project.runs_folder / "ribosome, 2nd try" / "model.safetensors").exists()
    with pytest.raises(InputError, match="already"):
        project.rename_run("run-2", "ribosome, 2nd try")
    with pytest.raises(InputError, match="already"):
        project.rename_run("run-2", "run-2")
    with pytest.raises(InputError, match="no run 'run-1'"):
        project.rename_run("run-1", "run-3")
    assert {run.name for run in project.runs()} == {"run-2", "ribosome, 2nd try"}


@pytest.fixture
def picked(project):
    """Candidates of run-1 in a and c, of run-2 in b; only run-1 is there."""
    project.add([Micrograph(Path(f"{key}.mrc"), f"{key}.mrc") for key in "abc"])
    make_run(project, "run-1")
    for key, model in (("a", "run-1"), ("b", "run-2"), ("c", "run-1")):
        project.save_candidates(key, found_by(model))
    project.save()
    return project


def found_by(model):
    return Candidates(np.array([[3.0, 4.0]]), np.array([0.7]), np.array([0.2]), 20.0, model=model)


def finders(project):
    return [project.candidates(key).model for key in "abc"]


def test_candidates_follow_the_name_of_their_run_and_are_not_rewritten(picked):
    folder = picked.folder / "candidates"
    (folder / "d.npz").write_bytes(b"damaged")
    before = {path: (path.read_bytes(), path.stat().st_ino) for path in folder.iterdir()}
    picked.rename_run("run-1", "good")
    assert finders(picked) == ["good", "run-2", "good"]
    np.testing.assert_array_equal(picked.candidates("a").raw, [0.7])
    assert {path: (path.read_bytes(), path.stat().st_ino) for path in before} == before
    left = sorted(path.name for path in folder.iterdir())
    assert left == [*(f"{key}.npz" for key in "abcd"), "models.json"]
    picked.rename_run("good", "best")
    assert finders(picked) == ["best", "run-2", "best"]
    with copy_project(picked, picked.folder.parent / "copy") as copy:
        assert finders(copy) == ["best", "run-2", "best"]


def test_a_later_run_of_the_old_name_has_candidates_of_its_own(picked):
    picked.rename_run("run-1", "best")
    make_run(picked, "run-1")
    picked.save_candidates("c", found_by("run-1"))
    assert finders(picked) == ["best", "run-2", "run-1"]
    picked.rename_run("run-1", "second")
    make_run(picked, "run-1")
    picked.save_candidates("b", found_by("run-1"))
    assert finders(picked) == ["best", "run-1", "second"]
    picked.delete_run("run-1")
    picked.rename_run("best", "run-1")
    picked.save_candidates("b", found_by("best"))  # of a file elsewhere
    assert finders(picked) == ["run-1", "best", "second"]


@pytest.mark.parametrize("left", [0, 1])
def test_on_a_full_disk_neither_the_run_nor_its_candidates_are_renamed(picked, monkeypatch, left):
    written, tries = project_models._format, []

    def fill_the_disk(*table):
        tries.append(table)
        if len(tries) == left + 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return written(*table)

    monkeypatch.setattr(project_models, "_format", fill_the_disk)
    with pytest.raises(EngineError, match="no space"):
        picked.rename_run("run-1", "good")
    assert finders(picked) == ["run-1", "run-2", "run-1"]
    assert [run.name for run in picked.runs()] == ["run-1"]
    assert not list((picked.folder / "candidates").glob(".*"))


@pytest.mark.parametrize("late", [False, True])
def test_a_killed_renaming_is_settled_on_opening(picked, monkeypatch, late):
    rename = project_runs.rename

    def killed(*names):
        if late:
            rename(*names)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(project_runs, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            picked.rename_run("run-1", "good")
    picked.close()
    with Project.open(picked.folder) as again:
        name = "good" if late else "run-1"
        assert [run.name for run in again.runs()] == [name]
        assert finders(again) == [name, "run-2", name]
        if not late:  # what was given up is not taken up later
            make_run(again, "good")
            again.delete_run("run-1")
    if not late:
        with Project.open(picked.folder) as again:
            assert finders(again) == ["run-1", "run-2", "run-1"]


def test_a_refused_renaming_leaves_nothing_to_be_settled(picked):
    make_run(picked, "good")
    with pytest.raises(InputError, match="already"):
        picked.rename_run("run-1", "good")
    picked.delete_run("run-1")
    picked.close()
    with Project.open(picked.folder) as again:
        assert finders(again) == ["run-1", "run-2", "run-1"]


def test_a_damaged_list_of_names_is_as_if_no_run_had_been_renamed(picked):
    picked.rename_run("run-1", "good")
    for text in ("{", "[]", '{"names": 3}', '{"names": {}, "renaming": 3}'):
        (picked.folder / "candidates" / "models.json").write_text(text)
        assert finders(picked) == ["run-1", "run-2", "run-1"]


def test_a_run_is_deleted_and_the_others_stay(project):
    make_run(project, "run-1")
    make_run(project, "run-2")
    project.delete_run("run-1")
    assert [path.name for path in project.runs_folder.iterdir()] == ["run-2"]
    with pytest.raises(InputError, match="no run"):
        project.delete_run("run-1")


def test_a_deletion_that_was_killed_is_finished_on_opening(project, monkeypatch):
    make_run(project, "run-1")

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(project_runs.shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            project.delete_run("run-1")
    assert project.runs() == []
    project.close()
    with Project.open(project.folder):
        assert list(project.runs_folder.iterdir()) == []


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_name_leads_outside(project, name):
    (project.folder / "x").mkdir()
    make_run(project, "run-1")
    before = sorted(project.folder.rglob("*"))
    with pytest.raises(InputError, match="is not a valid name of a run"):
        project.delete_run(name)
    with pytest.raises(InputError, match="is not a valid name of a run"):
        project.rename_run("run-1", name)
    with pytest.raises(InputError, match="is not a valid name of a run"):
        project.rename_run(name, "run-2")
    assert sorted(project.folder.rglob("*")) == before


def test_a_link_is_no_run_to_be_deleted(tmp_path, project):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "config.toml").write_text("")
    project.runs_folder.mkdir()
    (project.runs_folder / "run-1").symlink_to(outside, target_is_directory=True)
    with pytest.raises(InputError, match="no run"):
        project.delete_run("run-1")
    assert (outside / "config.toml").exists()
