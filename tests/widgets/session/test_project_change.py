"""One project after another in a viewer: what could not be saved goes along or is asked about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from train_helpers import request_of, write_run

from napari_unetpick.errors import InputError
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project.project import Project
from napari_unetpick.widgets.micrographs.open_form import OpenForm, unsaved_work
from napari_unetpick.widgets.session.root import get_session
from napari_unetpick.widgets.session.session import Session

KEY, OTHER = "a.b_1", "a.b_2"
PLACES = np.array([[30.0, 40.0], [60.0, 90.0]])
FOUND = Candidates(PLACES, np.array([0.9, 0.8]), np.zeros(2), 20.0, model="run-1")


@pytest.fixture
def reader(project_session: Session, tmp_path: Path, qtbot: Any) -> Any:
    """The session of a second viewer, which has the project open read-only."""
    from napari.components import ViewerModel

    session = get_session(ViewerModel())
    session.project.open(tmp_path / "project")
    assert session.project.read_only
    qtbot.waitUntil(lambda: session.layers.shown_key == KEY, timeout=5000)
    yield session
    session.close()


def read(folder: Path) -> Project:
    """Open a project as another process would see it on the disk."""
    return Project.open(folder, lock=False)


def test_what_a_reader_marked_and_picked_is_in_the_project_it_saves(reader, tmp_path):
    reader.layers.get("picks").add(PLACES)
    reader.project.set_diameter(90)
    reader.candidates.put(OTHER, FOUND)
    assert unsaved_work(reader)
    reader.project.save_as(tmp_path / "mine")
    assert not unsaved_work(reader)
    assert len(reader.annotations.of(KEY).picks) == 2
    saved = read(tmp_path / "mine")
    np.testing.assert_allclose(saved.annotations(KEY).picks.coords, PLACES, atol=2e-3)
    np.testing.assert_allclose(saved.candidates(OTHER).coords, PLACES)
    assert saved.diameter == 90
    assert (saved.entries[KEY].picks, saved.entries[KEY].state) == (2, "partial")


def test_leaving_what_cannot_be_saved_is_asked_about(reader, monkeypatch):
    form = OpenForm(reader, lambda *_: None)
    assert form.may_leave(), "nothing was changed"
    reader.annotations.add(KEY, PLACES, None, "manual")
    asked: list[str] = []
    monkeypatch.setattr(form, "ask_unsaved", lambda: asked.append("asked") or "cancel")
    assert not form.may_leave()
    assert asked


def test_the_next_project_saves_after_one_that_could_not(reader, planted, tmp_path, qtbot):
    reader.annotations.add(OTHER, PLACES, None, "manual")  # discarded
    (tmp_path / "other").mkdir()
    (tmp_path / "mics" / f"{KEY}.mrc").rename(tmp_path / "other" / "z.mrc")
    reader.project.new(tmp_path / "fresh", tmp_path / "other")
    reader.annotations.add("z", PLACES, None, "manual")
    assert reader.save()
    assert len(read(tmp_path / "fresh").annotations("z").picks) == 2


def test_opening_the_project_that_is_open_changes_nothing(project_session, tmp_path):
    project_session.annotations.add(KEY, PLACES, None, "manual")
    with pytest.raises(InputError, match="is already open"):
        project_session.project.open(tmp_path / "project")
    assert not project_session.project.read_only
    assert len(project_session.annotations.of(KEY).picks) == 2
    assert project_session.save()


def choose(session: Session) -> Path:
    """Choose an older model, a threshold, a distance and the second micrograph."""
    write_run(session.project.runs_folder, "run-1", age=100)
    write_run(session.project.runs_folder, "run-2")
    session.selection.use_model(session.project.runs_folder / "run-1")
    session.selection.set_threshold(0.8)
    session.selection.set_min_distance(1.2)
    session.browser.go(OTHER)
    return session.selection.model.path


def chosen(session: Session) -> tuple[Any, ...]:
    model = session.selection.model
    return model.name, model.threshold, model.min_distance, session.browser.current


def test_a_saved_copy_goes_on_with_the_same_model_threshold_and_micrograph(
    project_session, tmp_path
):
    choose(project_session)
    project_session.project.save_as(tmp_path / "copy")
    assert chosen(project_session) == ("run-1", 0.8, 1.2, OTHER)
    assert project_session.selection.model.path.is_relative_to(tmp_path / "copy")


def test_a_project_is_opened_as_it_was_left(project_session, tmp_path):
    from napari.components import ViewerModel

    old = choose(project_session)
    project_session.close()
    session = get_session(ViewerModel())
    session.project.open(tmp_path / "project")
    assert chosen(session) == ("run-1", 0.8, 1.2, OTHER)
    session.close()
    old.unlink()  # without that model, the newest one picks, at its own threshold
    session = get_session(ViewerModel())
    session.project.open(tmp_path / "project")
    assert chosen(session) == ("run-2", None, None, OTHER)
    session.close()


def test_a_damaged_view_file_is_as_if_nothing_had_been_chosen(project_session, tmp_path):
    choose(project_session)
    project_session.close()
    for text in ("", "[1]", '{"threshold": "x", "model": 3, "current": null}'):
        (tmp_path / "project" / "view.json").write_text(text)
        with Project.open(tmp_path / "project") as project:
            assert project.view.threshold is None
            assert project.view.current == ""


@pytest.mark.parametrize("do", ["train", "pick"])
def test_a_project_is_not_moved_from_under_its_job(project_session, tmp_path, do):
    job = project_session.jobs.start(request_of(project_session, do))
    with pytest.raises(InputError, match="a job is running in this project"):
        project_session.project.save_as(tmp_path / "copy")
    assert job.state == "running"
    assert not (tmp_path / "copy").exists()
    job.stop()
    project_session.project.save_as(tmp_path / "copy")
    assert project_session.project.folder == tmp_path / "copy"


def test_a_project_with_marks_is_shown_in_one_layer_of_each_kind(project_session, tmp_path, qtbot):
    from napari.components import ViewerModel

    project_session.annotations.add(KEY, PLACES, None, "manual")
    project_session.annotations.reject(KEY, np.array([[5.0, 6.0]]))
    project_session.candidates.put(KEY, FOUND)
    project_session.close()
    session = get_session(ViewerModel())
    session.project.open(tmp_path / "project")
    qtbot.waitUntil(lambda: session.layers.shown_key == KEY, timeout=5000)
    names = [layer.name for layer in session.viewer.layers]
    assert names == [KEY, "Candidates", "Not particles", "Picks"]
    session.close()
