"""Ends a session with its viewer's window: saved, or asked about, engine stopped, unlocked.

The window is known once a dock is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QApplication, QMainWindow, QWidget

from napari_unetpick.widgets.session.leaving import may_close

if TYPE_CHECKING:
    from napari_unetpick.widgets.session.session import Session


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
    """Sees a dock come into a window, and has that window watched."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = ref(session)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # Qt's name
        """Let everything pass; look at shows."""
        session = self._session() if event.type() == QEvent.Type.Show else None
        if session is not None and not session.closed:
            assert isinstance(watched, QWidget)
            window = watched.window()
            if isinstance(window, QMainWindow) and not window.findChildren(_Closing):
                _Closing(window, session)
        return False


class _Closing(QObject):
    """Sees a window close: one for all its docks, so that a question is asked once."""

    def __init__(self, window: QMainWindow, session: Session) -> None:
        super().__init__(window)
        # held weakly: Qt keeps this object for as long as the window, which would not go
        self._session = ref(session)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # Qt's name
        """Let everything pass but a close that the user takes back."""
        session = self._session() if event.type() == QEvent.Type.Close else None
        if session is None or session.closed:
            return False
        assert isinstance(watched, QWidget)
        # the window may refuse to close: what has been marked is saved in any case, and the
        # project is let go of only when the window is gone
        if not may_close(session, watched):
            event.ignore()
            return True
        weak = self._session
        watched.destroyed.connect(lambda: _close(weak))
        return False
