"""The table of runs: use, rename, delete."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from train_helpers import write_run

from napari_unetpick.events import FoundCandidates
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.protocol.requests import CompareRequest
from napari_unetpick.widgets.export.gather import make_item
from napari_unetpick.widgets.pick.all_scores import ScoreTable
from napari_unetpick.widgets.pick.job import picking_of
from napari_unetpick.widgets.pick.threshold_panel import ThresholdPanel
from napari_unetpick.widgets.session.snapshot import take_snapshot
from napari_unetpick.widgets.train.runs_table import RunsView

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def view(project_session: Any, qtbot: Any) -> RunsView:
    folder = project_session.project.runs_folder
    write_run(folder, "run-1", 0.8, age=300)
    write_run(folder, "run-2", 0.9, age=200)
    write_run(folder, "run-3", 0.5, finished=False, age=100)
    made = RunsView(project_session)
    made.ask = lambda question: True
    qtbot.addWidget(made)
    return made


def names(view: RunsView) -> list[str]:
    return [view.table.item(row, 0).text() for row in range(view.table.rowCount())]


def test_lists_newest_first(view: RunsView) -> None:
    assert names(view) == ["run-3", "run-2", "run-1"]
    assert view.table.item(0, 1).text() == "3, stopped"
    assert view.table.item(1, 2).text() == "0.900"


def test_buttons_fit_the_run(view: RunsView) -> None:
    view.select("run-3")
    assert (view.use.isEnabled(), view.resume.isEnabled()) == (False, True)
    view.select("run-2")
    assert (view.use.isEnabled(), view.resume.isEnabled()) == (True, False)
    view.busy = "run-3"
    view.reload()
    view.select("run-3")
    assert not any(b.isEnabled() for b in (view.use, view.resume, view.rename, view.delete))


def test_use_makes_its_model_the_one_in_use(
    view: RunsView, project_session: Any, qtbot: Any
) -> None:
    view.select("run-1")
    qtbot.mouseClick(view.use, LEFT)
    assert project_session.selection.model.name == "run-1"
    assert view.table.item(2, 0).font().bold()
    assert not view.table.item(1, 0).font().bold()


def test_resume_is_asked_for_by_name(view: RunsView, qtbot: Any) -> None:
    asked: list[str] = []
    view.resumed.connect(asked.append)
    view.select("run-3")
    qtbot.mouseClick(view.resume, LEFT)
    assert asked == ["run-3"]


def test_a_renamed_run_stays_in_use_with_its_threshold(
    view: RunsView, project_session: Any
) -> None:
    session = project_session
    session.selection.use_model(session.project.runs_folder / "run-1")
    session.selection.set_threshold(0.33)
    view.table.item(2, 0).setText("first try")
    assert "first try" in names(view)
    assert session.selection.model.name == "first try"
    assert session.selection.model.path.is_file()
    assert session.selection.model.threshold == 0.33


def test_a_renamed_runs_candidates_stay_its_own(view: RunsView, project_session: Any) -> None:
    session = project_session
    session.selection.use_model(session.project.runs_folder / "run-1")
    for key in ("a.b_1", "a.b_2"):
        places = session.truth[key]
        raw = np.linspace(0.9, 0.5, len(places))
        session.candidates.put(key, Candidates(places, raw, raw, 20.0, model="run-1"))
    panel = ThresholdPanel(session, ScoreTable(session, view))
    view.table.item(2, 0).setText("good")
    assert session.selection.model.name == "good"
    panel.refresh()
    assert panel.note.text() == ""
    assert session.project.files.candidates("a.b_2").model == "good"
    models: Counter[str] = Counter()
    make_item(take_snapshot(session), "a.b_1", models)
    assert set(models) == {"good"}


def test_a_run_that_picks_is_not_renamed_whichever_is_chosen_by_now(
    view: RunsView, project_session: Any
) -> None:
    session, runs = project_session, project_session.project.runs_folder
    session.selection.use_model(runs / "run-1")
    picking = picking_of(session)
    picking.start(["a.b_1"])
    job = session.jobs.current
    session.selection.use_model(runs / "run-2")  # the next picking's
    view.table.item(2, 0).setText("good")
    assert "rename it afterwards" in view.trouble.text()
    assert names(view) == ["run-3", "run-2", "run-1"]
    view.table.item(1, 0).setText("better")
    assert session.selection.model.name == "better"
    places = session.truth["a.b_1"]
    raw = np.linspace(0.9, 0.5, len(places))
    job.found.emit(FoundCandidates("a.b_1", Candidates(places, raw, raw, 20.0)))
    job.end({})
    view.table.item(2, 0).setText("good")
    assert names(view) == ["run-3", "better", "good"]
    assert session.candidates.of("a.b_1").model == "good"


def test_a_run_that_is_compared_is_not_renamed(view: RunsView, project_session: Any) -> None:
    session = project_session
    path = session.project.runs_folder / "run-1"
    job = session.jobs.start(CompareRequest(session.project.folder, {"run-1": path}, {}))
    view.table.item(2, 0).setText("good")
    assert "rename it afterwards" in view.trouble.text()
    job.end({})
    view.table.item(2, 0).setText("good")
    assert names(view) == ["run-3", "run-2", "good"]


def test_a_name_that_cannot_be_is_told(view: RunsView, project_session: Any) -> None:
    for name, word in (("../out", "is not a valid name of a run"), ("run-2", "already")):
        view.table.item(2, 0).setText(name)
        assert word in view.trouble.text()
        assert names(view) == ["run-3", "run-2", "run-1"]
    view.table.item(2, 0).setText("fine")
    assert view.trouble.isHidden()


def test_delete_asks_and_chooses_another_model(
    view: RunsView, project_session: Any, qtbot: Any
) -> None:
    session = project_session
    session.selection.use_model(session.project.runs_folder / "run-2")
    view.select("run-2")
    asked: list[str] = []
    view.ask = lambda question: asked.append(question) or False  # type: ignore[func-returns-value]
    qtbot.mouseClick(view.delete, LEFT)
    assert len(names(view)) == 3
    assert "run-2" in asked[0]
    assert "in use" in asked[0]
    view.ask = lambda question: True
    qtbot.mouseClick(view.delete, LEFT)
    assert names(view) == ["run-3", "run-1"]
    assert session.selection.model.name == "run-1"
    view.select("run-1")
    qtbot.mouseClick(view.delete, LEFT)
    assert session.selection.model.path is None


def test_compared_runs_stay_checked(view: RunsView) -> None:
    told: list[int] = []
    view.compared.connect(lambda: told.append(1))
    view.table.item(1, 0).setCheckState(Qt.CheckState.Checked)
    assert told == [1]
    view.reload()
    assert [run.name for run in view.checked] == ["run-2"]


def test_an_empty_list_is_said(project_session: Any, qtbot: Any) -> None:
    made = RunsView(project_session)
    qtbot.addWidget(made)
    assert made.table.isHidden()
    assert "No runs yet" in made.empty.text()
