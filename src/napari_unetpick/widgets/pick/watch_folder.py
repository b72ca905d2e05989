"""The switch of Pick that watches a folder: what arrives joins the list and is picked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.images.arrivals import Arrivals
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import tell_count
from napari_unetpick.widgets.pick.job import Picking
from napari_unetpick.widgets.qt.controls import hint, say
from napari_unetpick.widgets.qt.workers import Background, Task
from napari_unetpick.widgets.session.session import Session

TICK_MS = 500
MOST = 500  # micrographs that are added at a time
TIP = (
    "Add micrographs to the list as they arrive in the folder of the micrograph that is shown, and "
    "pick each once it is complete. What is found first (contrast, calibration) is found on the "
    "micrographs that are in the list now."
)


class WatchFolder(QWidget):
    """A check box, and a line that says what has arrived.

    Attributes
    ----------
    waiting
        Keys of micrographs that have arrived and are not picked.
    """

    def __init__(self, session: Session, picking: Picking) -> None:
        super().__init__()
        self.session, self.picking = session, picking
        self.box = QCheckBox("Watch this folder")
        self.box.setToolTip(TIP)
        self.words = hint()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.box)
        layout.addWidget(self.words)
        self.background = Background("watch")
        self.timer = QTimer(self)
        self.timer.setInterval(TICK_MS)
        self.timer.timeout.connect(self._tick)
        self.box.toggled.connect(self._toggled)
        self.background.done.connect(self._arrived)
        self.background.failed.connect(lambda text: say(self.words, text))
        self.destroyed.connect(self.background.close)
        self._stop()

    def stop(self) -> None:
        """Stop watching, as another project is open."""
        self.box.setChecked(False)
        say(self.words, "")

    def _stop(self) -> None:
        self.timer.stop()
        self.background.stop()
        self._arrivals: Arrivals | None = None
        self.waiting: list[str] = []
        self._surveyed: tuple[str, ...] = ()
        self._count = self._refused = 0

    def _toggled(self, on: bool) -> None:
        self._stop()
        if not on:
            return
        entry = self.session.project.entries.get(self.session.browser.current)
        if entry is None:
            self.stop()
            say(self.words, "Open micrographs first (step Micrographs).")
            return
        self._folder = entry.micrograph.path.parent
        self._surveyed = tuple(self.session.project.entries)
        try:
            self._arrivals = Arrivals([str(self._folder)], self._surveyed)
        except UnetPickError as error:
            self.stop()
            say(self.words, error.what)
            return
        self._say()
        self.timer.start()

    def _tick(self) -> None:
        """Look for news in the background, and pick what has arrived when nothing else runs."""
        arrivals = self._arrivals
        if arrivals is not None and not self.background.busy:
            self.background.start(lambda task: _look(arrivals, task))
        keys = [key for key in self.waiting if key in self.session.project.entries]
        if keys and not self.picking.running and not self.picking.obstacle(keys):
            self.waiting = []
            try:
                self.picking.start(keys, surveyed=self._surveyed)
            except UnetPickError as error:
                say(self.words, error.in_viewer)

    def _arrived(self, news: Any) -> None:
        paths, refused = news
        self._refused += refused
        if paths:
            try:
                new = self.session.project.add_listed([Micrograph(p, str(p)) for p in paths])
            except UnetPickError as error:
                say(self.words, error.in_viewer)
                return
            self._count += len(new)
            self.waiting += new
        self._say()

    def _say(self) -> None:
        text = f"Watching {self._folder.name}: {tell_count(self._count, 'micrograph')} arrived"
        if self._refused:
            text += f", {self._refused:,} cannot be read"
        if self._arrivals is not None and self._arrivals.trouble:
            text = f"{self._arrivals.trouble}; waiting for it"
        say(self.words, f"{text}.")


def _look(arrivals: Arrivals, _: Task) -> tuple[list[Path], int]:
    """Return the files that are complete, and how many cannot be used; runs in a thread."""
    impossible = arrivals.look()
    paths, refused = arrivals.take(MOST)
    for path in paths:
        arrivals.finish(path)
    return paths, len(impossible) + len(refused)
