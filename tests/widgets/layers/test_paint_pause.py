"""Between a change of the layers and its drawing the event loop turns once, and only then.

The list of layers is drawn in a turn of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QPaintEvent
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QApplication, QDockWidget, QListView, QMainWindow, QWidget

from napari_unetpick.widgets.layers.paint_pause import HELD, LAYER_LIST, MOMENT, PaintPause


class Canvas(QWidget):
    def __init__(self, log: list[str]) -> None:
        super().__init__()
        self.log = log

    def paintEvent(self, event: QPaintEvent) -> None:
        self.log.append("drawn")


@pytest.fixture
def window(qtbot: Any) -> tuple[QMainWindow, list[str]]:
    log: list[str] = []
    window = QMainWindow()
    qtbot.addWidget(window)
    window.setCentralWidget(Canvas(log))
    with qtbot.waitExposed(window):
        window.show()
    qtbot.wait(100)
    log.clear()
    return window, log


def changed(window: QMainWindow, log: list[str], qtbot: Any, before: Callable[[], None]) -> None:
    """Change the canvas in a handler that takes longer than another timer needs to be due."""
    ticking, pressing = QTimer(), QTimer()
    for timer in (ticking, pressing):
        timer.setSingleShot(True)
        timer.setTimerType(Qt.TimerType.PreciseTimer)

    def handle() -> None:
        before()
        window.centralWidget().update()
        ticking.start(1)
        time.sleep(0.02)
        log.append("changed")

    ticking.timeout.connect(lambda: log.append("tick"))
    pressing.timeout.connect(handle)
    pressing.start(0)
    qtbot.waitUntil(lambda: len(log) >= 3, timeout=2000)


@pytest.mark.parametrize("asked", ["begin", "wait"])
def test_another_timer_has_its_turn_before_the_drawing(
    window: tuple[QMainWindow, list[str]], qtbot: Any, asked: str
) -> None:
    main, log = window
    pause = PaintPause(main)
    changed(main, log, qtbot, getattr(pause, asked))
    assert log == ["changed", "tick", "drawn"]


def test_what_was_not_asked_to_wait_is_drawn_at_once(
    window: tuple[QMainWindow, list[str]], qtbot: Any
) -> None:
    main, log = window
    pause = PaintPause(main)
    changed(main, log, qtbot, pause.begin)
    qtbot.wait(round(1500 * MOMENT))
    log.clear()
    changed(main, log, qtbot, lambda: None)
    assert log == ["changed", "drawn", "tick"]


def test_drawing_that_asks_for_drawing_waits_again(
    window: tuple[QMainWindow, list[str]], qtbot: Any
) -> None:
    main, log = window
    pause = PaintPause(main)
    canvas = main.centralWidget()
    ticking = QTimer()
    ticking.setTimerType(Qt.TimerType.PreciseTimer)
    ticking.timeout.connect(lambda: log.append("tick"))

    def drawn(event: QPaintEvent) -> None:
        log.append("drawn")
        if log.count("drawn") == 1:
            canvas.update()
            time.sleep(0.01)

    canvas.paintEvent = drawn
    ticking.start(2)
    QTimer.singleShot(0, lambda: (pause.begin(), canvas.update()))
    qtbot.waitUntil(lambda: log.count("drawn") == 2, timeout=2000)
    ticking.stop()
    first = log.index("drawn")
    assert log[first + 1] == "tick"


class LayerList(QListView):
    def __init__(self, log: list[str]) -> None:
        super().__init__()
        self.log = log

    def paintEvent(self, event: QPaintEvent) -> None:
        self.log.append("list drawn")


def test_the_list_of_layers_is_drawn_after_the_canvas(
    window: tuple[QMainWindow, list[str]], qtbot: Any
) -> None:
    main, log = window
    dock = QDockWidget()
    dock.setObjectName(LAYER_LIST)
    layers = LayerList(log)
    dock.setWidget(layers)
    main.resize(600, 400)
    main.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
    qtbot.waitUntil(lambda: "list drawn" in log, timeout=2000)
    qtbot.wait(100)
    pause = PaintPause(main)
    log.clear()
    for _ in range(3):  # pressed thrice before it is drawn: the list is drawn all the same, once
        pause.begin()
        main.centralWidget().update()
        layers.viewport().update()
    qtbot.waitUntil(lambda: "list drawn" in log, timeout=2000)
    qtbot.wait(100)
    assert log == ["drawn", "list drawn"]


def test_napari_has_the_list_where_it_is_looked_for(make_napari_viewer: Any, qtbot: Any) -> None:
    viewer = make_napari_viewer(show=True)
    main = viewer.window._qt_window
    found = main.findChild(QDockWidget, LAYER_LIST).findChild(QListView)
    viewer.add_points([[0, 0]], name="seen")
    assert found.model().rowCount() == 1
    PaintPause(main).begin()
    assert not found.updatesEnabled()
    qtbot.waitUntil(found.updatesEnabled, timeout=2000)


def on_screen(widget: QWidget) -> int:
    """Brightness of the widget's middle as the screen shows it, 0-255."""
    middle = widget.mapToGlobal(widget.rect().center())
    pixel = QApplication.primaryScreen().grabWindow(0, middle.x(), middle.y(), 1, 1).toImage()
    return int(pixel.pixelColor(0, 0).lightness())


def test_the_canvas_is_rendered_in_a_turn_of_its_own_and_then_seen(
    make_napari_viewer: Any, qtbot: Any
) -> None:
    if QApplication.platformName() == "offscreen":
        pytest.skip("there is no screen to look at")
    viewer = make_napari_viewer(show=True)
    main = viewer.window._qt_window
    canvas = main.findChild(QOpenGLWidget)
    layer = viewer.add_image(np.zeros((64, 64)), contrast_limits=(0, 1))
    qtbot.waitUntil(lambda: on_screen(canvas) < 10, timeout=5000)
    qtbot.wait(300)
    pause, log = PaintPause(main), []
    render, put_together = pause._render, pause._draw
    pause._canvas_timer.timeout.disconnect()
    pause._canvas_timer.timeout.connect(lambda: (render(), log.append("rendered")))
    pause._timer.timeout.disconnect()
    pause._timer.timeout.connect(lambda: (put_together(), log.append(on_screen(canvas))))
    paint = type(canvas).paintGL
    ticking = QTimer()
    ticking.timeout.connect(lambda: log.append("tick"))
    ticking.start(1)
    try:
        type(canvas).paintGL = lambda self: (log.append("painted"), paint(self))
        for value, seen in ((1.0, 255), (0.0, 0)):
            log.clear()
            pause.begin()
            layer.data = np.full((64, 64), value)
            assert canvas.testAttribute(HELD)
            qtbot.waitUntil(lambda seen=seen: seen in log, timeout=2000)
            told = [each for each in log if each != "tick"]
            assert told[:3] == ["painted", "rendered", seen]
            assert "tick" in log[: log.index("painted")], "a turn before it"
            assert "tick" in log[log.index("rendered") : log.index(seen)], "a turn after it"
            qtbot.wait(round(1500 * MOMENT))
            assert log.count("painted") == 1
    finally:
        type(canvas).paintGL = paint


def test_a_canvas_that_is_asked_for_nothing_is_not_held_for_ever(
    make_napari_viewer: Any, qtbot: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    main = viewer.window._qt_window
    canvas = main.findChild(QOpenGLWidget)
    qtbot.waitUntil(canvas.isValid, timeout=5000)
    pause = PaintPause(main)
    main.setUpdatesEnabled(False)
    pause.begin()
    main.setUpdatesEnabled(True)
    qtbot.waitUntil(lambda: not canvas.testAttribute(HELD), timeout=2000)
