"""The mouse wheel scrolls a dock; fields that it comes past keep their values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import (
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QScrollBar,
    QSlider,
    QSpinBox,
    QWidget,
)
from train_helpers import write_run

from napari_unetpick.widgets.annotate.dock import AnnotateDock
from napari_unetpick.widgets.evaluate.dock import EvaluateDock
from napari_unetpick.widgets.gallery.dock import GalleryDock
from napari_unetpick.widgets.micrographs.dock import MicrographsDock
from napari_unetpick.widgets.pick.dock import PickDock
from napari_unetpick.widgets.qt.dock import Dock
from napari_unetpick.widgets.train.dock import TrainDock
from napari_unetpick.widgets.train.self_train_dock import SelfTrainDock

DOCKS = [
    MicrographsDock,
    AnnotateDock,
    TrainDock,
    SelfTrainDock,
    PickDock,
    EvaluateDock,
    GalleryDock,
]


def turn(widget: QWidget | None, notches: int = -1) -> None:
    """Turn the wheel over a widget; as Qt does for real wheels, ask its parents until one does."""
    while widget is not None:
        event = QWheelEvent(
            QPointF(5, 5),
            QPointF(widget.mapToGlobal(QPoint(5, 5))),
            QPoint(),
            QPoint(0, 120 * notches),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(widget, event)
        if event.isAccepted():
            return
        widget = widget.parentWidget()


def fields(dock: QWidget) -> list[Any]:
    kinds = (QAbstractSpinBox, QComboBox, QAbstractSlider)
    found = [each for kind in kinds for each in dock.findChildren(kind)]
    return [each for each in found if not isinstance(each, QScrollBar)]


def value_of(field: Any) -> Any:
    return field.currentIndex() if isinstance(field, QComboBox) else field.value()


@pytest.fixture
def show(project_session: Any, qtbot: Any) -> Callable[[type[Dock]], Any]:
    write_run(project_session.project.runs_folder, "run-1")

    def make(kind: type[Dock]) -> Any:
        dock: Any = kind(project_session.viewer)
        qtbot.addWidget(dock)
        dock.resize(320, 200)
        dock.show()
        if kind is TrainDock:
            dock._unfolded(True)  # forty fields that are made when they are wanted
        qtbot.wait(30)
        dock.setFocus()
        return dock

    return make


@pytest.mark.parametrize("kind", DOCKS)
def test_no_field_changes_without_focus(kind: type[Dock], show: Any, qtbot: Any) -> None:
    dock = show(kind)
    found = fields(dock)
    assert len(found) > {TrainDock: 20, MicrographsDock: 3}.get(kind, 0)
    for field in found:
        if isinstance(field, QComboBox) and field.count() == 1:
            field.addItem("another")
        field.setEnabled(True)
    before = [value_of(field) for field in found]
    for field in found:
        field.clearFocus()
        assert not field.hasFocus()
        # Qt would give it the focus before it gets the event
        assert field.focusPolicy() != Qt.FocusPolicy.WheelFocus
        for notches in (-1, 1, 1, -1, -1):
            turn(field, notches)
    after = [value_of(field) for field in found]
    changed = [f for f, a, b in zip(found, before, after, strict=True) if a != b]
    assert not changed


def test_the_dock_scrolls_instead(show: Any, project_session: Any) -> None:
    dock = show(AnnotateDock)
    bar = dock.verticalScrollBar()
    assert bar.maximum() > 0
    turn(dock.diameter.pixel_size)
    assert bar.value() > 0
    assert project_session.pixel_sizes.known("a.b_2") == 4.0


def test_a_field_made_later_is_guarded_too(show: Any, qtbot: Any) -> None:
    dock = show(EvaluateDock)
    number, slider = QSpinBox(), QSlider(Qt.Orientation.Horizontal)
    for each in (number, slider):
        each.setValue(5)
        dock.body.addWidget(each)
    qtbot.wait(20)
    turn(number)
    turn(slider)
    assert (number.value(), slider.value()) == (5, 5)


def test_a_field_that_was_clicked_into_follows_the_wheel(
    show: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = show(SelfTrainDock)
    # which window has the focus is the window manager's matter
    monkeypatch.setattr(dock.rounds, "hasFocus", lambda: True)
    before = dock.rounds.value()
    turn(dock.rounds, 1)
    assert dock.rounds.value() == before + 1


def test_the_pixel_size_has_small_steps(show: Any) -> None:
    dock = show(AnnotateDock)  # named: with PyQt6 nobody else holds it
    size = dock.diameter.pixel_size
    size.stepDown()
    assert size.value() == pytest.approx(3.99)
