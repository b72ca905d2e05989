"""The Train dock: the button, what it says, curves and the table of runs."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from superqt import QCollapsible
from train_helpers import write_run

from napari_unetpick.events import Metrics
from napari_unetpick.project.runs import curves_of
from napari_unetpick.settings import from_dict, to_dict
from napari_unetpick.widgets.train.dock import TrainDock
from napari_unetpick.widgets.train.job import training_of

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def dock(project_session: Any, qtbot: Any) -> TrainDock:
    made = TrainDock(project_session.viewer)
    qtbot.addWidget(made)
    return made


def label(session: Any, count: int = 8) -> None:
    for key, places in session.truth.items():
        session.annotations.add(key, places[:count], None, "manual")


def test_says_what_is_missing_and_then_trains(
    dock: TrainDock, project_session: Any, fake_engine: Any, qtbot: Any
) -> None:
    assert not dock.train.isEnabled()
    assert "Pick some particles" in dock.next_text.text()
    label(project_session, 2)
    qtbot.waitUntil(dock.train.isEnabled, timeout=2000)
    assert "Only 6 picks" in dock.next_text.text()
    assert "6 picks on 3 partly labelled micrographs" in dock.plan_text.text()
    qtbot.mouseClick(dock.train, LEFT)
    assert fake_engine.submitted[-1].args["start"] == "scratch"
    assert not dock.train.isEnabled()
    fake_engine.submitted[-1].stop()
    assert dock.train.isEnabled()


def test_showing_wakes_the_engine(dock: TrainDock, fake_engine: Any, qtbot: Any) -> None:
    assert fake_engine.warmed == 0
    dock.show()
    assert fake_engine.warmed == 1
    assert dock.panel.isVisible()


def test_the_model_just_trained_is_the_next_start(
    dock: TrainDock, project_session: Any, fake_engine: Any
) -> None:
    session = project_session
    label(session)
    training_of(session).start({}, "scratch")
    write_run(session.project.runs_folder, "run-1")
    fake_engine.submitted[-1].end({})
    assert dock.start_box.currentText() == "Last model: run-1"
    dock.start_box.setCurrentIndex(dock.start_box.findData("scratch"))
    write_run(session.project.runs_folder, "run-2")
    training_of(session).changed.emit()
    assert dock.start_box.currentData() == "scratch"  # the user's choice stays


def test_changed_settings_are_sent_and_bad_ones_are_not(
    dock: TrainDock, project_session: Any, fake_engine: Any, qtbot: Any
) -> None:
    label(project_session)
    dock.refresh()
    fold = next(f for f in dock.findChildren(QCollapsible) if f.text() == "Advanced settings")
    assert dock.form is None
    fold.expand(animate=False)
    dock.form.fields["train.patch_px"].value = 90
    qtbot.mouseClick(dock.train, LEFT)
    assert "patch_px" in dock.trouble.text()
    assert fake_engine.submitted == []
    dock.form.fields["train.patch_px"].value = 64
    dock.device_box.setCurrentIndex(dock.device_box.findData("cpu"))
    qtbot.mouseClick(dock.train, LEFT)
    args = fake_engine.submitted[-1].args
    assert args["settings"] == to_dict(from_dict({"train": {"patch_px": 64}}))
    assert args["device"] == "cpu"
    assert dock.trouble.text() == ""


def test_curves_grow_and_compare(dock: TrainDock, project_session: Any, fake_engine: Any) -> None:
    session = project_session
    label(session)
    assert dock.curves.isHidden()
    write_run(session.project.runs_folder, "old", 0.8, age=100)
    training_of(session).start({}, "scratch")
    job = fake_engine.submitted[-1]
    for epoch in (1, 2):
        job.metrics.emit(Metrics(epoch, {"loss": 1 / epoch, "validation_f1": 0.4 * epoch}))
    drawn = dock.curves.f1.getPlotItem().listDataItems()
    assert len(drawn) == 1
    np.testing.assert_allclose(drawn[0].getData()[1], [0.4, 0.8])
    dock.runs.table.item(0, 0).setCheckState(Qt.CheckState.Checked)
    drawn = dock.curves.f1.getPlotItem().listDataItems()
    assert len(drawn) == 2
    np.testing.assert_allclose(drawn[1].getData()[1][-1], 0.8)
    assert "run-1" in dock.curves.legend.text()
    assert "old" in dock.curves.legend.text()


def test_each_stage_has_a_line_of_its_own_and_its_name(
    dock: TrainDock, project_session: Any, fake_engine: Any
) -> None:
    label(project_session)
    training_of(project_session).start({}, "scratch")
    metrics = fake_engine.submitted[-1].metrics
    for stage, epochs in (("cross-fit 1", 2), ("cross-fit 2", 2), ("training", 3)):
        for epoch in range(1, epochs + 1):
            metrics.emit(Metrics(epoch, {"loss": 1 / epoch}, stage))
    plot = dock.curves.loss.getPlotItem()
    path = plot.listDataItems()[0].curve.getPath()
    begun = [e.x for e in map(path.elementAt, range(path.elementCount())) if e.isMoveTo()]
    assert begun == [1, 3, 5]
    names = {
        item.value(): item.label.toPlainText() for item in plot.items if hasattr(item, "label")
    }
    assert names == {2.5: "cross-fit 1", 4.5: "cross-fit 2", 7.5: "training"}


def test_without_f1_the_plot_says_why(dock: TrainDock, project_session: Any) -> None:
    write_run(project_session.project.runs_folder, "clicks", None)
    training_of(project_session).changed.emit()
    assert dock.curves.f1.isHidden()
    assert "fully labelled" in dock.curves.note.text()
    assert dock.runs.table.item(0, 2).text() == "–"


def test_curves_follow_the_theme(dock: TrainDock, project_session: Any) -> None:
    from napari.utils.theme import get_theme

    write_run(project_session.project.runs_folder, "run-1")
    training_of(project_session).changed.emit()
    project_session.viewer.theme = "light"
    dock.curves.setStyleSheet("QLabel { padding: 0px; }")  # as napari's window does
    paper = dock.curves.loss.backgroundBrush().color().name()
    assert paper == get_theme("light").background.as_hex()[:7].lower()


def test_curves_leave_out_what_is_no_number() -> None:
    rows = [{"loss": 1.0}, {"loss": float("nan"), "validation_f1": 0.5}, {"loss": "x"}]
    curves = curves_of("run", rows)
    assert curves.loss.epochs.tolist() == [1]
    assert curves.f1.epochs.tolist() == [2]


def test_resume_is_offered_for_the_newest_unfinished_run(
    dock: TrainDock, project_session: Any, qtbot: Any
) -> None:
    session = project_session
    assert dock.resume.isHidden()
    write_run(session.project.runs_folder, "run-1", finished=False, config={"diameter": 1.0})
    training_of(session).changed.emit()
    assert not dock.resume.isHidden()
    assert dock.resume.text() == "Resume run-1"
    qtbot.mouseClick(dock.resume, LEFT)
    assert "diameter" in dock.trouble.text()


def test_a_closed_dock_ends_no_training(project_session: Any, fake_engine: Any, qtbot: Any) -> None:
    session = project_session
    label(session)
    dock = TrainDock(session.viewer)
    dock.refresh()
    qtbot.mouseClick(dock.train, LEFT)
    with qtbot.waitSignal(dock.destroyed):
        dock.deleteLater()
    job = fake_engine.submitted[-1]
    job.metrics.emit(Metrics(1, {"loss": 0.5}))
    write_run(session.project.runs_folder, "run-1")
    again = TrainDock(session.viewer)
    qtbot.addWidget(again)
    assert not again.curves.isHidden()
    job.end({})
    assert session.selection.model.name == "run-1"


def test_pyqtgraph_comes_late() -> None:
    code = (
        "import sys, napari_unetpick.widgets.train.dock;"
        "import napari_unetpick.widgets.train.self_train_dock;"
        "print({'torch', 'pyqtgraph', 'starfile', 'matplotlib'} & set(sys.modules))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert told.stdout.strip() == "set()"


def test_gpus_are_offered_by_number_once_the_engine_tells_them(
    dock: TrainDock, project_session: Any, fake_engine: Any, qtbot: Any
) -> None:
    box = dock.device_box
    assert box.findData("cuda:1") == -1
    fake_engine.gpus = ("Old GPU", "New GPU")
    for _ in range(2):  # told again by each job
        fake_engine.device_changed.emit("GPU Old GPU", "GPU Old GPU")
    assert [box.itemText(n) for n in range(box.count())][-2:] == [
        "GPU 0: Old GPU",
        "GPU 1: New GPU",
    ]
    assert box.currentData() == "auto"
    box.setCurrentIndex(box.findData("cuda:1"))
    label(project_session)
    dock.refresh()
    qtbot.mouseClick(dock.train, LEFT)
    assert fake_engine.submitted[-1].args["device"] == "cuda:1"


def test_the_only_gpu_needs_no_number(dock: TrainDock, fake_engine: Any) -> None:
    fake_engine.gpus = ("One GPU",)
    fake_engine.device_changed.emit("GPU One GPU", "GPU One GPU")
    assert dock.device_box.count() == 4
