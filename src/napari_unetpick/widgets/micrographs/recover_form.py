"""Offers unsaved work of an earlier session; hidden if there is none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from qtpy.QtWidgets import QMessageBox, QVBoxLayout, QWidget

from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.picks import tell_count
from napari_unetpick.project.project import Project
from napari_unetpick.project.scratch import LeftWork, find_left_work, purge, scratch_size
from napari_unetpick.widgets.qt.controls import button, hint, row, say
from napari_unetpick.widgets.session.session import Session


class LeftWorkForm(QWidget):
    """One offer at a time, the newest first, while the viewer holds no micrographs.

    Parameters
    ----------
    report
        Shows (what was done, what went wrong), each one line or "".
    """

    def __init__(self, session: Session, report: Callable[[str, str], None]) -> None:
        super().__init__()
        self.session = session
        self.report = report
        self.ask: Callable[[str], bool] = self._ask  # replaced in tests
        self.left: LeftWork | None = None
        self.words = hint()
        self.recover = button(
            "Recover",
            "Open these micrographs, picks and models. Save project as\u2026 then keeps them.",
            self._open,
        )
        self.delete = button(
            "Delete", "Delete these picks and models. You are asked first.", self._delete
        )
        self.room = hint()
        self.delete_all = button(
            "Delete all unsaved work",
            "Delete all picks and models that were never saved as a project and are not open in "
            "another viewer. You are asked first.",
            self._delete_all,
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.words)
        layout.addWidget(row(self.recover, self.delete))
        layout.addWidget(row(self.room, self.delete_all))
        self.hide()  # until it lies in a layout and `offer` finds something

    def offer(self) -> None:
        """Show the newest unsaved work, or nothing."""
        project = self.session.project
        free = project.temporary and not project.entries
        every = find_left_work() if free else []
        self.left = next(iter(every), None)
        say(self.words, "" if self.left is None else describe(self.left))
        say(self.room, describe_size(len(every), scratch_size()) if every else "")
        self.setVisible(self.left is not None)

    def _open(self) -> None:
        if self.left is not None:
            try:
                self.session.project.open(self.left.folder)
            except UnetPickError as error:
                self.report("", error.in_viewer)
        self.offer()

    def _delete(self) -> None:
        if self.left is not None:
            if not self.ask(f"{describe(self.left)} Delete it? This cannot be undone."):
                return
            try:
                Project.open(self.left.folder).close(discard=True)
            except UnetPickError as error:
                self.report("", error.in_viewer)
                return
        self.offer()

    def _delete_all(self) -> None:
        if self.ask(f"{self.room.text()} Delete all of it? This cannot be undone."):
            count = purge()
            self.report(f"Deleted unsaved work of {tell_count(count, 'session')}.", "")
            self.offer()

    def _ask(self, question: str) -> bool:
        answer = QMessageBox.question(self, "Delete unsaved work", question)
        return bool(answer == QMessageBox.StandardButton.Yes)


def describe(left: LeftWork) -> str:
    """Return a line about unsaved work: what and when."""
    parts = [
        tell_count(left.picks, "pick") + " on " + tell_count(left.labelled, "micrograph")
    ] * bool(left.labelled)
    parts += [tell_count(left.runs, "training run")] * bool(left.runs)
    when = f"{datetime.fromtimestamp(left.modified):%d %B, %H:%M}"
    return f"Unsaved work of {when}: {' and '.join(parts)}."


def describe_size(count: int, size: int) -> str:
    """Return a line about the disk space of unsaved work."""
    return f"Unsaved work of {tell_count(count, 'session')}: {size / 1e6:,.1f} MB on disk."
