"""Open micrographs and projects: menus, dialogs, a pattern; folders are listed in a thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import (
    QFileDialog,
    QLineEdit,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import tell_count
from napari_unetpick.widgets.qt.controls import button, row
from napari_unetpick.widgets.qt.workers import Background
from napari_unetpick.widgets.session import lifetime
from napari_unetpick.widgets.session.session import Session

IMAGES = "Micrographs (*.mrc *.mrcs *.map *.st *.rec *.tif *.tiff *.mrc.*);;All files (*)"
STARS = "Lists of micrographs (*.star *.cs);;All files (*)"
PATTERN = "or a pattern, /data/*/*.mrc"


class OpenForm(QWidget):
    """Buttons that open micrographs and projects.

    Parameters
    ----------
    report
        Shows (what was done, what went wrong), each one line or "".
    """

    def __init__(self, session: Session, report: Callable[[str, str], None]) -> None:
        super().__init__()
        self.session = session
        self.report = report
        self.background = Background("lists")
        self.background.done.connect(self._add)
        self.background.failed.connect(lambda text: report("", text))
        self.destroyed.connect(self.background.close)
        self.open_menu = QMenu(self)
        self._fill_menu()
        self.open_micrographs = QPushButton("Open")
        self.open_micrographs.setToolTip(
            "Add micrographs to the list: a folder, files, or the STAR file of RELION's MotionCorr "
            "or CtfFind job (which also gives defocus and CTF fit)."
        )
        self.open_micrographs.setMenu(self.open_menu)
        self.open_micrographs.setMinimumWidth(90)
        self.open_project_button = button(
            "Open project\u2026",
            "Open a saved project with its micrographs, picks and models.",
            self.open_project,
        )
        self.save_project_button = button(
            "Save project as\u2026",
            "Save micrographs, picks and models in a folder of your choice. From then on every "
            "change is saved there automatically.",
            self.save_project,
        )
        self.pattern = QLineEdit()
        self.pattern.setPlaceholderText(PATTERN)
        self.pattern.setClearButtonEnabled(True)
        self.pattern.setToolTip(
            "Type a pattern, a folder or a STAR file and press Enter to add its micrographs. "
            "* matches any characters, ** folders of any depth."
        )
        self.pattern.returnPressed.connect(self.open_pattern)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(row(self.open_micrographs, self.pattern))
        layout.addWidget(row(self.open_project_button, self.save_project_button))

    def _fill_menu(self) -> None:
        self.open_menu.setToolTipsVisible(True)
        for text, tip, call in (
            ("Folder\u2026", "All MRC and TIFF files in a folder.", self.open_folder),
            ("Files\u2026", "Single MRC or TIFF files.", self.open_files),
            (
                "Micrographs STAR\u2026",
                "RELION's corrected_micrographs.star or micrographs_ctf.star, or cryoSPARC's "
                "exposures (.cs).",
                self.open_star,
            ),
        ):
            action = self.open_menu.addAction(text)
            action.setToolTip(tip)
            action.triggered.connect(partial(_call, call))

    # -- micrographs ---------------------------------------------------------------------------

    def open_folder(self) -> None:
        """Ask for a folder and add its micrographs."""
        folder = self.ask_folder("Open a folder of micrographs")
        if folder is not None:
            self.open_sources([folder])

    def open_files(self) -> None:
        """Ask for files and add them."""
        files = self.ask_files("Open micrographs", IMAGES)
        if files:
            self.open_sources(files)

    def open_star(self) -> None:
        """Ask for a micrographs STAR and add what it lists."""
        files = self.ask_files("Open a micrographs STAR file", STARS)
        if files:
            self.open_sources(files)

    def open_pattern(self) -> None:
        """Add what the typed pattern finds."""
        text = self.pattern.text().strip()
        if text:
            self.open_sources([text])

    def open_sources(self, sources: Sequence[str | Path]) -> None:
        """List micrographs in the background (folders may be far and large), then add them."""
        self.report("Looking for micrographs\u2026", "")
        folder = self.session.project.folder

        def work(_: Any) -> tuple[Path, list[Micrograph]]:
            return folder, list_micrographs(list(sources))

        self.background.start(work)

    def _add(self, result: tuple[Path, list[Micrograph]]) -> None:
        folder, found = result
        if folder != self.session.project.folder:
            self.report("", "Another project was opened meanwhile: open the micrographs again.")
            return
        try:
            new = self.session.project.add_listed(found)
        except UnetPickError as error:
            self.report("", error.in_viewer)
            return
        text = f"{tell_count(len(new), 'micrograph')} added."
        if len(found) > len(new):
            text += f" {len(found) - len(new):,} were already in the list."
        self.pattern.clear()
        self.report(text, "")

    # -- projects ------------------------------------------------------------------------------

    def open_project(self) -> None:
        """Ask for a project folder and open it."""
        folder = self.ask_folder("Open a project folder")
        if folder is None or not self.may_leave():
            return
        try:
            self.session.project.open(folder)
        except UnetPickError as error:
            self.report("", error.in_viewer)
            return
        warnings = " ".join(self.session.project.files.messages)
        self.report(f"Opened {folder.name}.", warnings)

    def save_project(self) -> bool:
        """Ask for a new folder and save the project there; tell whether it was saved."""
        folder = self.ask_new_folder("Save project as a new folder")
        if folder is None:
            return False
        try:
            self.session.project.save_as(folder)
        except UnetPickError as error:
            self.report("", error.in_viewer)
            return False
        self.report(f"Saved in {folder}. Changes are saved there automatically.", "")
        return True

    def may_leave(self) -> bool:
        """Ask what to do with unsaved work; return whether to continue."""
        if not unsaved_work(self.session):
            return True
        answer = self.ask_unsaved()
        return answer == "discard" or (answer == "save" and self.save_project())

    # -- dialogs: replaced in tests ------------------------------------------------------------

    def ask_folder(self, title: str) -> Path | None:
        """Ask for an existing folder."""
        found = QFileDialog.getExistingDirectory(self, title, lifetime.start_folder(self.session))
        return Path(found) if found else None

    def ask_new_folder(self, title: str) -> Path | None:
        """Ask for a folder that need not exist yet."""
        return lifetime.ask_new_folder(self, self.session, title)

    def ask_files(self, title: str, kinds: str) -> list[Path]:
        """Ask for some files."""
        start = lifetime.start_folder(self.session)
        found, _ = QFileDialog.getOpenFileNames(self, title, start, kinds)
        return [Path(name) for name in found]

    def ask_unsaved(self) -> str:
        """Ask whether to save the picks: "save", "discard" or "cancel"."""
        return lifetime.ask_unsaved(self, self.session)


def unsaved_work(session: Session) -> bool:
    """Return whether there is unsaved work: in a temporary project, or because saving failed."""
    if session.project.temporary:
        return session.project.files.has_work
    return not session.save() and session.unsaved


def _call(call: Callable[[], None], *_: object) -> None:
    call()
