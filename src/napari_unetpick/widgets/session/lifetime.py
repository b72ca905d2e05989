"""Ends a session with its viewer's window: saved, or asked about, engine stopped, unlocked.

The window is known once a dock is shown.
"""

from __future__ import annotations

from pathlib import Path
from weakref import ref

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QApplication, QFileDialog, QMainWindow, QMessageBox, QWidget

from napari_unetpick.adapters.notify import tell
from napari_unetpick.errors import UnetPickError
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


# -- what a user is asked before work goes that is saved in no project of theirs --------------


def may_close(session: Session, window: QWidget) -> bool:
    """Save; ask what to do with what cannot be written, and tell whether the window may go."""
    if session.save() or not session.unsaved:
        return True
    answer = ask_unsaved(window, session)
    return answer == "discard" or (answer == "save" and _save_as(session, window))


def _save_as(session: Session, window: QWidget) -> bool:
    folder = ask_new_folder(window, session)
    if folder is None:
        return False
    try:
        session.project.save_as(folder)
    except UnetPickError as error:
        tell(error.in_viewer, "error")
        return False
    return True


def ask_unsaved(parent: QWidget, session: Session) -> str:
    """Ask whether what is unsaved is to be saved elsewhere: "save", "discard" or "cancel"."""
    box = QMessageBox(parent)
    box.setText(f"{_what(session)} Save as a new project first?")
    buttons = QMessageBox.StandardButton
    box.setStandardButtons(buttons.Save | buttons.Discard | buttons.Cancel)
    box.button(buttons.Save).setText("Save as\u2026")
    box.button(buttons.Discard).setText("Discard changes")
    box.setDefaultButton(buttons.Save)
    answer = buttons(box.exec())
    return {buttons.Save: "save", buttons.Discard: "discard"}.get(answer, "cancel")


def ask_new_folder(
    parent: QWidget, session: Session, title: str = "Save the project to a new folder"
) -> Path | None:
    """Ask for a folder that need not be there yet."""
    start = str(Path(start_folder(session)) / "picking")
    found, _ = QFileDialog.getSaveFileName(parent, title, start)
    return Path(found) if found else None


def start_folder(session: Session) -> str:
    """Where a dialog starts: at the micrographs at hand."""
    if session.browser.current:
        return str(session.project.entry(session.browser.current).micrograph.path.parent)
    return "" if session.project.temporary else str(session.project.folder)


def _what(session: Session) -> str:
    project = session.project
    if project.temporary:
        return "Your labels and models are not saved in a project yet."
    why = ", which is open read-only" if project.read_only else ""
    return f"Your changes cannot be saved in the project {project.folder.name}{why}."
