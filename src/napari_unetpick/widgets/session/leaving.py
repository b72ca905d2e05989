"""What a user is asked before work goes that is saved in no project of theirs, or cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_unetpick.adapters.notify import tell
from napari_unetpick.errors import UnetPickError

if TYPE_CHECKING:
    from napari_unetpick.widgets.session.session import Session


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
        session.save_project_as(folder)
    except UnetPickError as error:
        tell(str(error), "error")
        return False
    return True


def ask_unsaved(parent: QWidget, session: Session) -> str:
    """Ask whether what is unsaved is to be saved elsewhere: "save", "discard" or "cancel"."""
    box = QMessageBox(parent)
    box.setText(f"{_what(session)} Save it as a new one first?")
    buttons = QMessageBox.StandardButton
    box.setStandardButtons(buttons.Save | buttons.Discard | buttons.Cancel)
    box.button(buttons.Save).setText("Save as\u2026")
    box.button(buttons.Discard).setText("Lose the changes")
    box.setDefaultButton(buttons.Save)
    answer = buttons(box.exec())
    return {buttons.Save: "save", buttons.Discard: "discard"}.get(answer, "cancel")


def ask_new_folder(
    parent: QWidget, session: Session, title: str = "Save the project as a new folder"
) -> Path | None:
    """Ask for a folder that need not be there yet."""
    start = str(Path(start_folder(session)) / "picking")
    found, _ = QFileDialog.getSaveFileName(parent, title, start)
    return Path(found) if found else None


def start_folder(session: Session) -> str:
    """Where a dialog starts: at the micrographs at hand."""
    if session.current:
        return str(session.entry(session.current).micrograph.path.parent)
    return "" if session.project.temporary else str(session.project.folder)


def _what(session: Session) -> str:
    project = session.project
    if project.temporary:
        return "What you marked or trained is not saved in a project of yours."
    why = ", which is open read-only" if project.read_only else ""
    return f"What you changed cannot be saved in the project {project.folder.name}{why}."
