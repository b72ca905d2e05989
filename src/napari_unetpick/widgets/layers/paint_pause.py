"""Lets the event loop turn once between a change of the layers and the drawing of it.

Qt draws right after the handler that asked for it, in the same turn, and once more if drawing asked
for it again: where drawing is done by software these together are felt as a stutter. All that
changed is still drawn at once, but for napari's list of layers: drawing its names and thumbnails
takes half as long as drawing the canvas, and waits until that is done.
"""

from __future__ import annotations

import time

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QApplication, QDockWidget, QListView, QMainWindow
from vispy.gloo import gl

from napari_unetpick.widgets.qt.throttle import single_shot

MOMENT = 0.1  # s, in which a change is drawn
LIST_MS = 40  # after a change: the canvas is drawn by then
HELD = Qt.WidgetAttribute.WA_UpdatesDisabled  # as an attribute, so that its end asks for no drawing
LAYER_LIST = "layer list"  # napari's name of the dock


class PaintPause(QObject):
    """Holds a window's requests for drawing back, each until the event loop has turned.

    The canvas is rendered first, into the buffer from which Qt puts the window together, and the
    window is put together one turn later.
    """

    def __init__(self, window: QMainWindow) -> None:
        super().__init__(window)
        self._until = 0.0
        self._drawing = False
        # of its own: it goes with the window, a shared one would not
        self._timer = single_shot(self, 0, self._draw)
        viewer = window.centralWidget()  # docks may have canvases of their own
        self._canvas = None if viewer is None else viewer.findChild(QOpenGLWidget)
        if self._canvas is not None:
            self._canvas.destroyed.connect(self._forget)
        self._canvas_timer = single_shot(self, round(1000 * MOMENT), self._render)
        self._list = _list_of_layers(window)
        self._list_timer = single_shot(self, LIST_MS, self._draw_list)
        window.installEventFilter(self)

    def wait(self) -> None:
        """Hold back the requests of the next moment: the handler that runs makes the first."""
        self._until = time.monotonic() + MOMENT

    def begin(self) -> None:
        """Wait, render the canvas in a turn of its own, and draw the list of layers later."""
        self.wait()
        if self._canvas is not None and self._canvas.isVisible() and self._canvas.isValid():
            self._canvas.setAttribute(HELD, True)
            self._canvas_timer.start(round(1000 * MOMENT))  # at the latest
            self._ask()  # the request comes right after the handler, and starts it
        if self._list is not None and not self._list_timer.isActive():
            self._list.setUpdatesEnabled(False)
            self._list_timer.start()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # Qt's name
        """Stop a request; a timer that is due then has its turn before the drawing."""
        if event.type() != QEvent.Type.UpdateRequest or self._drawing:
            return False
        if self._canvas_timer.isActive():
            self._canvas_timer.start(0)
        elif time.monotonic() <= self._until:
            self._timer.start()
        else:
            return False
        return True

    def _render(self) -> None:
        """Render the canvas into its buffer, for which there is no other request then."""
        if self._canvas is None:
            return
        self._canvas.setAttribute(HELD, False)  # rendering may ask for more
        self._canvas.makeCurrent()
        self._canvas.paintGL()
        gl.glFinish()
        self._canvas.doneCurrent()
        self._ask()
        self._timer.start()

    def _ask(self) -> None:
        """Ask for the drawing of next to nothing, for which Qt puts the window together."""
        self.parent().update(0, 0, 1, 1)

    def _forget(self) -> None:
        self._canvas = None

    def _draw(self) -> None:
        self._drawing = True
        QApplication.sendEvent(self.parent(), QEvent(QEvent.Type.UpdateRequest))
        self._drawing = False

    def _draw_list(self) -> None:
        if self._list is not None:
            self._list.setUpdatesEnabled(True)


def _list_of_layers(window: QMainWindow) -> QListView | None:
    """Return napari's list of layers, or None in a window that has none."""
    dock = window.findChild(QDockWidget, LAYER_LIST)
    return None if dock is None else dock.findChild(QListView)
