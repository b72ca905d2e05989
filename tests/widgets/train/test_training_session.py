"""Trainings of a session: what is asked for, previews, and what the end leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from train_helpers import request_of, write_run

from napari_unetpick.errors import InputError
from napari_unetpick.events import FoundCandidates, Metrics, Progress
from napari_unetpick.io.labels import labels_hash
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.settings import Settings, from_dict, to_dict
from napari_unetpick.widgets.pick.job import picking_of
from napari_unetpick.widgets.train.dock import TrainDock
from napari_unetpick.widgets.train.job import (
    CORRECTED_MS,
    PREVIEW_EVERY_MS,
    SETTLED_MS,
    training_of,
)
from napari_unetpick.widgets.train.self_train_dock import SelfTrainDock


def label(session: Any, count: int = 8) -> None:
    for key, places in session.truth.items():
        session.annotations.add(key, places[:count], None, "manual")


def found(session: Any, key: str = "a.b_1", **more: Any) -> FoundCandidates:
    places = session.truth[key]
    raw = np.linspace(0.2, 0.02, len(places))
    return FoundCandidates(key, Candidates(places, raw, np.zeros(len(raw)), 20.0), **more)


@pytest.fixture
def running(project_session: Any, fake_engine: Any) -> Any:
    """The job of a training that was just started."""
    label(project_session)
    training_of(project_session).start({}, "scratch")
    return fake_engine.submitted[-1]


def test_start_asks_for_labels_without_tests(project_session: Any, fake_engine: Any) -> None:
    session = project_session
    label(session)
    session.project.change("a.b_1", split="test")
    session.project.change("a.b_2", state="full", split="validation")
    training_of(session).start({"train": {"epochs": 3}}, "scratch", "cpu")
    job = fake_engine.submitted[-1]
    assert job.do == "train"
    assert job.args == {
        "project": str(session.project.folder),
        "run": str(session.project.runs_folder / "run-1"),
        "settings": to_dict(from_dict({"train": {"epochs": 3}})),
        "start": "scratch",
        "validation": ["a.b_2"],
        "keys": ["a.b_2", "a.b_3"],
        "device": "cpu",
        "resume": False,
        "pixel_size": None,
    }
    with pytest.raises(InputError, match="of this kind is running"):
        training_of(session).start({}, "scratch")


def test_nothing_to_train_on_is_said(project_session: Any, fake_engine: Any) -> None:
    with pytest.raises(InputError, match="Pick some particles"):
        training_of(project_session).start({}, "scratch")
    assert fake_engine.submitted == []


@pytest.mark.parametrize("do", ["train", "self-train", "compare"])
def test_nothing_learns_from_labels_that_cannot_be_saved(
    project_session: Any, fake_engine: Any, monkeypatch: pytest.MonkeyPatch, do: str
) -> None:
    session = project_session
    label(session, 4)
    assert session.save()
    label(session, 8)

    def full(*_: Any) -> None:
        raise InputError("no space left on the disk")

    monkeypatch.setattr(session.project.files, "save_annotations", full)
    with pytest.raises(InputError, match="cannot be saved"):
        session.jobs.start(request_of(session, do))
    assert fake_engine.submitted == []
    session.jobs.start(request_of(session, "pick"))  # reads no labels
    monkeypatch.undo()
    session.jobs.current.stop()
    session.jobs.start(request_of(session, do))
    assert [job.do for job in fake_engine.submitted] == ["pick", do]


def test_previews_are_asked_for_once_steps_are_taken(running: Any, project_session: Any) -> None:
    session, training = project_session, training_of(project_session)
    running.progress.emit(Progress("preparing", 1, 3))
    assert not training._timer.isActive()
    running.progress.emit(Progress("cross-fit 1", 1, 40))
    assert training._timer.isActive()
    training._timer.timeout.emit()
    training._timer.timeout.emit()  # the first is not answered yet
    assert running.previews == ["a.b_1"]
    for key in ("a.b_2", "a.b_3"):
        session.browser.go(key)
        assert running.previews == ["a.b_1"]
        assert training._timer.interval() == SETTLED_MS  # from now on
    training._timer.timeout.emit()
    assert running.previews == ["a.b_1", "a.b_3"]
    assert training._timer.interval() == PREVIEW_EVERY_MS


@pytest.mark.parametrize("start, soonest", [("general", CORRECTED_MS), ("scratch", 5_000)])
def test_corrections_of_a_model_show_soon(
    project_session: Any, fake_engine: Any, start: str, soonest: int
) -> None:
    label(project_session)
    training = training_of(project_session)
    training.start({}, start, "cpu")
    fake_engine.submitted[-1].progress.emit(Progress("training", 1, 40))
    assert training._timer.interval() == soonest < 10_000


def test_a_preview_is_shown_from_its_own_threshold(running: Any, project_session: Any) -> None:
    session = project_session
    kept = Candidates(session.truth["a.b_1"][:2], np.ones(2), np.zeros(2), 20.0, model="run-0")
    session.candidates.put("a.b_1", kept)
    running.found.emit(found(session, preview=True, threshold=0.05))
    chosen = session.selection.of("a.b_1")
    np.testing.assert_allclose(chosen.coords, session.truth["a.b_1"][8:])  # the rest is marked
    np.testing.assert_allclose(chosen.scores, np.linspace(0.2, 0.02, 12)[8:])
    assert chosen.above.tolist() == (chosen.scores >= 0.05).tolist()
    assert session.layers.get("candidates").shown.sum() == chosen.above.sum() > 0
    assert len(session.project.files.candidates("a.b_1").coords) == 2  # never written
    running.stop()
    assert session.candidates.previews == {}
    np.testing.assert_allclose(session.candidates.of("a.b_1").coords, kept.coords)


def test_a_finished_model_is_used_and_picks_what_is_looked_at(
    running: Any, project_session: Any, fake_engine: Any
) -> None:
    session = project_session
    running.found.emit(found(session, preview=True, threshold=0.05))
    running.metrics.emit(Metrics(1, {"loss": 0.5}))
    assert training_of(session).rows == [{"stage": "training", "epoch": 1, "loss": 0.5}]
    write_run(session.project.runs_folder, "run-1")
    running.end({})
    assert session.selection.model.name == "run-1"
    assert not training_of(session).running
    pick = fake_engine.submitted[-1]
    assert (pick.do, pick.args["keys"]) == ("pick", ["a.b_1"])
    assert session.jobs.current is pick
    assert "a.b_1" in session.candidates.previews  # until the model's own candidates are there
    pick.found.emit(found(session))
    pick.end({})
    assert session.candidates.previews == {}
    assert session.project.files.candidates("a.b_1").model == "run-1"


def test_no_training_takes_a_picking_out_of_sight(
    project_session: Any, fake_engine: Any, qtbot: Any
) -> None:
    session = project_session
    session.annotations.add("a.b_1", session.truth["a.b_1"], None, "manual")
    session.selection.use_model(write_run(session.project.runs_folder, "run-1"))
    picking_of(session).start(session.project.keys[1:])
    pick = fake_engine.submitted[-1]
    train, self_train = TrainDock(session.viewer), SelfTrainDock(session.viewer)
    for dock, start, words in (
        (train, train.train, train.next_text),
        (self_train, self_train.start, self_train.plan_text),
    ):
        qtbot.addWidget(dock)
        dock.refresh()
        assert not start.isEnabled()
        assert "press Stop" in words.text()
    with pytest.raises(InputError, match="Another job is running"):
        training_of(session).start({}, "scratch")
    with pytest.raises(InputError, match="Another job is running"):
        training_of(session).start_self_training(session.selection.model.path.parent, 1, None)
    assert not training_of(session).running
    assert training_of(session).run is None
    assert session.jobs.current is pick
    train.panel.stop.click()
    assert pick.state == "stopped"
    train.refresh()
    assert train.train.isEnabled()
    assert self_train.start.isEnabled()


@pytest.mark.parametrize("then", ["pick", "train"])
def test_the_picking_after_a_training_gives_way(
    running: Any, project_session: Any, fake_engine: Any, then: str
) -> None:
    session = project_session
    write_run(session.project.runs_folder, "run-1")
    running.end({})
    own = fake_engine.submitted[-1]
    assert (own.do, own.state) == ("pick", "running")
    if then == "pick":
        picking_of(session).start(session.project.keys)
    else:
        training_of(session).start({}, "scratch")
    assert own.state == "stopped"
    assert session.jobs.current is fake_engine.submitted[-1] is not own
    with pytest.raises(InputError):  # what the user started does not
        session.jobs.start(request_of(session, "compare"))


def test_another_project_ends_every_job(
    running: Any, project_session: Any, fake_engine: Any, tmp_path: Path
) -> None:
    session = project_session
    session.selection.use_model(write_run(session.project.runs_folder, "run-1"))
    running.end({})
    picking_of(session).start(session.project.keys)
    session.project.new(tmp_path / "other", tmp_path / "mics")
    assert [job.state for job in fake_engine.submitted] == ["done", "stopped", "stopped"]
    assert session.jobs.current is None
    assert session.jobs.busy == ""


def test_a_run_of_another_project_is_not_used(
    running: Any, project_session: Any, fake_engine: Any, tmp_path: Path
) -> None:
    session = project_session
    run = write_run(session.project.runs_folder, "run-1")
    training_of(session).job = None  # as if Stop were still on its way
    training_of(session).job = running
    running.stop = lambda: None
    session.project.new(tmp_path / "other", tmp_path / "mics")
    running.end({})
    assert session.selection.model.path is None
    assert run.is_dir()
    assert [job.do for job in fake_engine.submitted] == ["train"]
    assert not training_of(session).running


def test_stop_and_error_keep_the_old_model(running: Any, project_session: Any) -> None:
    session = project_session
    running.found.emit(found(session, preview=True, threshold=0.05))
    running.break_down("memory", "out of memory")
    assert session.selection.model.path is None
    assert session.candidates.of("a.b_1") is None
    assert not training_of(session).running


def write_stopped(session: Any, **changes: Any) -> None:
    keys = list(session.project.entries)
    labels = {
        key: session.annotations.of(key).as_labels(session.project.entry(key).state) for key in keys
    }
    config = {
        "diameter": session.project.diameter,
        "start": "scratch",
        "micrographs": [str(session.project.entry(key).micrograph.path) for key in keys],
        "labels": labels_hash(labels),
        "settings": to_dict(Settings()),
    }
    write_run(session.project.runs_folder, "run-1", finished=False, config=config | changes)


def test_resume_goes_on_in_the_same_folder(project_session: Any, fake_engine: Any) -> None:
    session = project_session
    label(session)
    write_stopped(session)
    training_of(session).resume("run-1")
    args = fake_engine.submitted[-1].args
    assert args["run"] == str(session.project.runs_folder / "run-1")
    assert args["resume"] is True
    assert args["keys"] == ["a.b_1", "a.b_2", "a.b_3"]
    assert args["validation"] is None


def test_resume_with_other_labels_or_diameter_is_refused(
    project_session: Any, fake_engine: Any
) -> None:
    session = project_session
    label(session)
    write_stopped(session)
    session.project.set_diameter(90.0)
    with pytest.raises(InputError, match=r"diameter of 80\.0 Å"):
        training_of(session).resume("run-1")
    session.project.set_diameter(80.0)
    session.annotations.add("a.b_1", session.truth["a.b_1"][8:9], None, "manual")
    with pytest.raises(InputError, match="labels changed"):
        training_of(session).resume("run-1")
    assert fake_engine.submitted == []
