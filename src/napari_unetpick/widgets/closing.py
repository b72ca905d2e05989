"""Ends a session with its viewer's window: saved, engine stopped, project unlocked.

The window is known once a dock is shown; the session's layers are told of it as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QApplication, QMainWindow, QWidget

if TYPE_CHECKING:
    from napari_unetpick.widgets.session import Session


def close_with_window(widget: QWidget, session: Session) -> None:
    """Watch the main window that `widget` comes to lie in; close `session` when that closes."""
    watcher = _Watcher(session)
    widget.installEventFilter(watcher)
    watcher.setParent(widget)
    application = QApplication.instance()
    if application is not None:
        weak = ref(session)
        application.aboutToQuit.connect(lambda: _close(weak))  # closing twice does nothing


def _close(session: ref[Session]) -> None:
    alive = session()
    if alive is not None:
        alive.close()


class _Watcher(QObject):
    """Sees a dock come into a window, and that window close."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = ref(session)
        # held weakly: Qt keeps this object for as long as the dock, and the window would not go
        self._window: ref[QMainWindow] | None = None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # Qt's name
        """Let everything pass; look at shows and closes."""
        if self._window is None and event.type() == QEvent.Type.Show:
            assert isinstance(watched, QWidget)
            window = watched.window()
            if isinstance(window, QMainWindow):
                self._window = ref(window)
                window.installEventFilter(self)
                session = self._session()
                if session is not None:
                    session.layers.drawn_in(window)
        elif event.type() == QEvent.Type.Close and self._watches(watched):
            # the window may refuse to close: what has been marked is saved in any case, and the
            # project is let go of only when the window is gone
            session = self._session()
            if session is not None:
                session.save()
                weak = self._session
                watched.destroyed.connect(lambda: _close(weak))
        return False

    def _watches(self, watched: QObject) -> bool:
        return self._window is not None and watched is self._window()
