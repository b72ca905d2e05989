"""Comparing models in the Evaluate dock: what is offered, asked for, shown, counted and told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted_set import DIAMETER
from qtpy.QtCore import Qt
from train_helpers import write_run

from napari_unetpick.events import Done
from napari_unetpick.io.formats.write import write_picks
from napari_unetpick.io.picks import Picks
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project.evaluations import log_evaluation
from napari_unetpick.widgets.evaluate.dock import EvaluateDock
from napari_unetpick.widgets.evaluate.methods_list import unique_names

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def labelled(project_session: Any) -> Any:
    """Two fully labelled micrographs validate, the third tests; 12 particles each."""
    session = project_session
    for key in session.project.keys:
        session.annotations.add(key, session.truth[key], None, "manual")
        session.project.change(key, state="full", split="test" if key == "a.b_3" else "validation")
    return session


@pytest.fixture
def dock(project_session: Any, qtbot: Any) -> EvaluateDock:
    made = EvaluateDock(project_session.viewer)
    qtbot.addWidget(made)
    made.show()
    made.compare_fold.expand(animate=False)
    made.border.setChecked(False)
    return made


def write_side(session: Any, path: Path, found: int) -> Path:
    """Write a pick file with the first particles of every micrograph."""
    picks = {key: Picks(f"{key}.mrc", places[:found]) for key, places in session.truth.items()}
    write_picks(picks, path, "csv")
    return path


def add(panel: Any, monkeypatch: pytest.MonkeyPatch, path: Path, qtbot: Any) -> None:
    monkeypatch.setattr(panel, "ask_file", lambda: path)
    qtbot.mouseClick(panel.add_file, LEFT)


def work(job: Any) -> dict[str, Any]:
    """Do in this process what the engine would, and hand over the result."""
    from napari_unetpick.worker.jobs import JOBS, Bench

    bench = Bench(lambda: None, list, lambda *_: None, lambda *_: None)
    *_, done = JOBS[job.do](job.args, bench)
    assert isinstance(done, Done)
    job.end(done.result)
    return done.result


def shown(panel: Any) -> dict[str, list[str]]:
    """Return F1, precision, recall and difference as the table shows them, by side."""
    rows = [[cell.text for cell in row] for row in panel.rows.rows]
    return {name[0]: figures for name, figures in zip(rows[::2], rows[1::2], strict=True)}


def ticks(panel: Any) -> dict[str, bool]:
    items = [panel.methods.item(number) for number in range(panel.methods.count())]
    return {item.text(): item.checkState() == Qt.CheckState.Checked for item in items}


def tick(panel: Any, number: int, on: bool) -> None:
    state = Qt.CheckState.Checked if on else Qt.CheckState.Unchecked
    panel.methods.item(number).setCheckState(state)


def test_nothing_labelled_is_said_and_the_dock_stays_usable(
    dock: EvaluateDock, project_session: Any, fake_engine: Any
) -> None:
    panel = dock.compare_panel
    assert "mark every particle of one in Annotate" in panel.next_text.text()
    assert "split Validation in Micrographs" in panel.next_text.text()
    assert not panel.go.isEnabled()
    panel.compare()  # as a shortcut might
    assert "mark every particle" in panel.trouble.text()
    assert fake_engine.submitted == []
    project_session.annotations.add("a.b_1", project_session.truth["a.b_1"], None, "manual")
    project_session.project.change("a.b_1", state="full")
    assert dock.go.isEnabled()
    assert "mark every particle" not in panel.next_text.text()
    assert "split Validation in Micrographs" in panel.next_text.text()
    project_session.project.change("a.b_1", split="validation")
    assert "Tick a model" in panel.next_text.text()
    panel.final.setChecked(True)
    assert "split Test in Micrographs" in panel.next_text.text()


def test_the_model_in_use_comes_first_and_is_ticked(
    dock: EvaluateDock, labelled: Any, fake_engine: Any, qtbot: Any
) -> None:
    runs = labelled.project.runs_folder
    for name, age in (("run-1", 20.0), ("run-2", 10.0)):
        write_run(runs, name, age=age)
    write_run(runs, "run-3", finished=False)
    panel = dock.compare_panel
    labelled.selection.use_model(runs / "run-1")
    assert ticks(panel) == {"run-1 (F1 0.90)": True, "run-2 (F1 0.90)": False}
    tick(panel, 1, True)
    qtbot.mouseClick(panel.go, LEFT)
    job = fake_engine.submitted[-1]
    assert job.do == "compare"
    assert job.args["project"] == str(labelled.project.folder)
    assert list(job.args["models"].items()) == [
        ("run-1", str(runs / "run-1")),
        ("run-2", str(runs / "run-2")),
    ]
    assert (job.args["picks"], job.args["final"], job.args["border"]) == ({}, False, 0.0)
    job.stop()
    labelled.selection.use_model(runs / "run-2")  # the tick that the user set stays
    assert ticks(panel) == {"run-2 (F1 0.90)": True, "run-1 (F1 0.90)": False}
    dock.border.setChecked(True)
    qtbot.mouseClick(panel.go, LEFT)
    assert fake_engine.submitted[-1].args["border"] == DIAMETER / 2


def test_planted_sides_come_out_in_the_table(
    dock: EvaluateDock,
    labelled: Any,
    fake_engine: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    qtbot: Any,
) -> None:
    panel = dock.compare_panel
    for name, found in (("Topaz", 6), ("crYOLO", 12)):
        add(panel, monkeypatch, write_side(labelled, tmp_path / f"{name}.csv", found), qtbot)
    assert ticks(panel) == {"Topaz.csv": True, "crYOLO.csv": True}
    qtbot.mouseClick(panel.go, LEFT)
    assert panel.go.text() == "Comparing…"
    assert not panel.go.isEnabled()
    assert not panel.table.isVisible()
    job = fake_engine.submitted[-1]
    assert job.args["picks"] == {
        name: str(tmp_path / f"{name}.csv") for name in ("Topaz", "crYOLO")
    }
    result = work(job)
    # 6 of 12, none false: F1 2/3; the other finds all
    assert shown(panel) == {
        "Topaz": ["0.667", "1.000", "0.500", "–"],
        "crYOLO": ["1.000", "1.000", "1.000", "+0.333\n+0.333 to +0.333"],
    }
    assert "Two pickers compared on 2 validation micrographs (24 particles)" in panel.summary.text()
    assert "Protocol: particle" in panel.summary.text()
    assert "no scores" in panel.notes.text()
    wrapped = panel.layout().totalHeightForWidth
    qtbot.waitUntil(lambda: panel.height() >= wrapped(panel.width()), timeout=2000)  # none is cut
    opened: list[Path] = []
    monkeypatch.setattr(panel, "open_page", lambda page: not opened.append(page))
    qtbot.mouseClick(panel.report, LEFT)
    assert opened == [labelled.project.folder / "comparisons" / "comparison-1" / "comparison.html"]
    assert panel.trouble.text() == ""
    monkeypatch.setattr(panel, "open_page", lambda page: False)
    qtbot.mouseClick(panel.report, LEFT)
    assert result["page"] in panel.trouble.text()
    opened[0].unlink()
    qtbot.mouseClick(panel.report, LEFT)
    assert "Compare again" in panel.trouble.text()


def test_a_look_at_the_test_split_is_asked_for_each_time_and_counted_once(
    dock: EvaluateDock,
    labelled: Any,
    fake_engine: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    qtbot: Any,
) -> None:
    panel = dock.compare_panel
    log_evaluation(labelled.project.folder, ["run-1"], "", ["a.b_3"])
    add(panel, monkeypatch, write_side(labelled, tmp_path / "Topaz.csv", 9), qtbot)
    qtbot.mouseClick(panel.go, LEFT)
    work(fake_engine.submitted[-1])
    assert "evaluation number" not in panel.summary.text()
    panel.final.setChecked(True)
    qtbot.mouseClick(panel.go, LEFT)
    assert fake_engine.submitted[-1].args["final"] is True
    work(fake_engine.submitted[-1])
    assert "1 test micrograph (12 particles)" in panel.summary.text()
    assert "test-set evaluation number 2" in panel.summary.text()
    assert not panel.final.isChecked()
    # the dock above counts it as well
    places = labelled.truth["a.b_3"]
    made = Candidates(places, np.full(12, 0.9), np.zeros(12), 20.0, model="run-1")
    labelled.candidates.put("a.b_3", made)
    dock.truth.setCurrentIndex(dock.truth.findData("test"))
    qtbot.mouseClick(dock.go, LEFT)
    qtbot.waitUntil(lambda: not dock.work.busy, timeout=10_000)
    assert "3 test-set evaluations" in dock.test_count.text()


def test_what_goes_wrong_is_one_line_and_it_can_be_tried_again(
    dock: EvaluateDock,
    labelled: Any,
    fake_engine: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    qtbot: Any,
) -> None:
    panel = dock.compare_panel
    add(panel, monkeypatch, write_side(labelled, tmp_path / "a.csv", 9), qtbot)
    add(panel, monkeypatch, tmp_path / "a.csv", qtbot)  # a second time
    assert ticks(panel) == {"a.csv": True}
    qtbot.mouseClick(panel.go, LEFT)
    fake_engine.submitted[-1].break_down("input", "a.csv: has none of the given micrographs")
    assert panel.trouble.text() == "a.csv: has none of the given micrographs"
    assert "Comparing failed" in panel.panel.stage.text()
    assert panel.go.isEnabled()
    tick(panel, 0, False)
    assert not panel.go.isEnabled()
    tick(panel, 0, True)
    qtbot.mouseClick(panel.go, LEFT)
    assert panel.trouble.text() == ""
    qtbot.mouseClick(panel.panel.stop, LEFT)
    assert panel.go.isEnabled()
    assert not panel.table.isVisible()


def test_another_project_forgets_files_and_figures_and_takes_no_late_result(
    dock: EvaluateDock,
    labelled: Any,
    fake_engine: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    qtbot: Any,
) -> None:
    panel = dock.compare_panel
    add(panel, monkeypatch, write_side(labelled, tmp_path / "a.csv", 9), qtbot)
    qtbot.mouseClick(panel.go, LEFT)
    work(fake_engine.submitted[-1])
    assert len(shown(panel)) == 1
    qtbot.mouseClick(panel.go, LEFT)
    job = fake_engine.submitted[-1]
    labelled.project.new(tmp_path / "other", tmp_path / "mics")
    work(job)
    assert shown(panel) == {}
    assert ticks(panel) == {}
    assert not panel.report.isVisible()


def test_a_dock_that_is_opened_later_shows_the_result(
    dock: EvaluateDock,
    labelled: Any,
    fake_engine: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    qtbot: Any,
) -> None:
    panel = dock.compare_panel
    add(panel, monkeypatch, write_side(labelled, tmp_path / "a.csv", 12), qtbot)
    qtbot.mouseClick(panel.go, LEFT)
    later = EvaluateDock(labelled.viewer)
    qtbot.addWidget(later)
    assert later.compare_panel.go.text() == "Comparing…"
    work(fake_engine.submitted[-1])
    assert shown(later.compare_panel) == {"a": ["1.000", "1.000", "1.000", "–"]}


def test_sides_of_one_name_are_told_apart() -> None:
    assert unique_names(["picks", "run-1", "picks", "picks"]) == [
        *("picks", "run-1", "picks (2)", "picks (3)")
    ]
