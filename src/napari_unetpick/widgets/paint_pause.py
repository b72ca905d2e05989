"""Lets the event loop turn once between a change of the layers and the drawing of it.

Qt draws right after the handler that asked for it, in the same turn, and once more if drawing asked
for it again: where drawing is done by software these together are felt as a stutter. All that
changed is still drawn at once.
"""

from __future__ import annotations

import time

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QApplication, QMainWindow

MOMENT = 0.1  # s, in which a change is drawn


class PaintPause(QObject):
    """Holds a window's requests for drawing back, each until the event loop has turned."""

    def __init__(self, window: QMainWindow) -> None:
        super().__init__(window)
        self._until = 0.0
        self._drawing = False
        self._timer = QTimer(self)  # of its own: it goes with the window, a shared one would not
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._draw)
        window.installEventFilter(self)

    def begin(self) -> None:
        """Hold back the requests of the next moment: the handler that runs makes the first."""
        self._until = time.monotonic() + MOMENT

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # Qt's name
        """Stop a request; a timer that is due then has its turn before the drawing."""
        if event.type() != QEvent.Type.UpdateRequest or self._drawing:
            return False
        if time.monotonic() > self._until:
            return False
        self._timer.start()
        return True

    def _draw(self) -> None:
        self._drawing = True
        QApplication.sendEvent(self.parent(), QEvent(QEvent.Type.UpdateRequest))
        self._drawing = False
