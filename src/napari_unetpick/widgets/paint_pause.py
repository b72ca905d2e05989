"""Lets the event loop turn once between a change of the layers and the drawing of it.

Qt draws right after the handler that asked for it, in the same turn: where drawing is done by
software the two together are felt as a stutter. All that changed is still drawn at once.
"""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QApplication, QMainWindow


class PaintPause(QObject):
    """Holds a window's next request for drawing back until the event loop has turned."""

    def __init__(self, window: QMainWindow) -> None:
        super().__init__(window)
        self._wanted = False
        self._timer = QTimer(self)  # of its own: it goes with the window, a shared one would not
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._draw)
        window.installEventFilter(self)

    def once(self) -> None:
        """Hold back the next request: the one that the handler now running makes."""
        self._wanted = True

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # Qt's name
        """Stop one request; a timer that is due then has its turn before the drawing."""
        if not self._wanted or event.type() != QEvent.Type.UpdateRequest:
            return False
        self._wanted = False
        self._timer.start()
        return True

    def _draw(self) -> None:
        QApplication.sendEvent(self.parent(), QEvent(QEvent.Type.UpdateRequest))
