"""The window of 2D classes: made quickly or imported, rejected by a click, used as labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QLabel,
    QListView,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from napari_unetpick.io.picks import tell_count
from napari_unetpick.widgets.classes.labels import use_classes
from napari_unetpick.widgets.classes.model import SIDE, ClassModel
from napari_unetpick.widgets.classes.work import Sorted, import_outside, sort_gathered
from napari_unetpick.widgets.gallery.items import Kind
from napari_unetpick.widgets.qt.controls import button, hint, row, say
from napari_unetpick.widgets.qt.dock import Unfollow
from napari_unetpick.widgets.qt.pictures import picture_list
from napari_unetpick.widgets.qt.workers import Background, Task
from napari_unetpick.widgets.session.session import Session
from napari_unetpick.widgets.session.snapshot import take_snapshot

SOURCES: dict[str, tuple[Kind, bool]] = {
    "Picks in all micrographs": ("picks", True),
    "Candidates in all micrographs": ("candidates", True),
    "Picks in this micrograph": ("picks", False),
    "Candidates in this micrograph": ("candidates", False),
}
"""What is sorted: kind, and whether of all micrographs."""
SIZE = (7 * (SIDE + 12) + 64, 3 * (SIDE + 28) + 170)
NAME = "class-window"
EMPTY = "Choose what to sort and make quick classes, or import those of another program."
PURPOSE = "Quick classes are for sorting, not for publication."
HOW = "Click a class to reject it, click again to keep it."


class ClassWindow(QDialog):
    """Class averages with their sizes, one for each viewer; it works on the session's project."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.found: Sorted | None = None
        self.action: object = None
        self.model = ClassModel()
        self.work = Background("classes")
        self.work.done.connect(self._show)
        self.work.progress.connect(lambda done, total: self.bar.setValue(1000 * done // total))
        self.work.failed.connect(lambda text: say(self.words, text))
        self.work.finished.connect(self._ended)
        self.destroyed.connect(self.work.close)
        self._build()
        session.project.changed.connect(self._project_changed)
        self.destroyed.connect(Unfollow([(session.project.changed, self._project_changed)]))
        self._refresh()

    def _build(self) -> None:
        self.setWindowTitle("2D classes")
        self.resize(*SIZE)
        self.source = QComboBox()
        self.source.addItems(list(SOURCES))
        self.source.setToolTip("What to sort. Candidates are those above the threshold.")
        self.make = button(
            "Make quick classes",
            "Align and average up to 2,000 of these picks in 20 classes. This takes about half a "
            "minute.",
            self._make,
        )
        self.imported = button(
            "Import 2D classes…",
            "Read particles that were accepted and rejected by 2D classes of RELION or cryoSPARC.",
            self._import,
        )
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.stop = button("Stop", "Stop making classes.", self.work.stop)
        self.progress_row = row(self.bar, self.stop)
        self.view = _list_view(self.model)
        self.view.clicked.connect(lambda index: self._toggle(index.row()))
        self.words, self.counts = hint(), QLabel()
        self.use = button(
            "Use classes as labels",
            "Rejected picks become negatives for the next training. Kept ones become picks, moved "
            "to the centre of their class.",
            self._use,
        )
        self.fully = QCheckBox("Fully labelled")
        self.fully.setToolTip(
            "These micrographs then count as fully labelled: what is not marked is background. "
            "Right where a model picked everything that looks like a particle; wrong for clicks."
        )
        self.undo = button("Undo", "Undo what these classes changed (Ctrl+Z).", self._undo)
        layout = QVBoxLayout(self)
        layout.addWidget(row(self.source, self.make, self.imported, stretch=True))
        layout.addWidget(self.progress_row)
        layout.addWidget(self.words)
        layout.addWidget(self.view, 1)
        layout.addWidget(row(self.counts, self.use, self.fully, self.undo, stretch=True))

    # -- making --------------------------------------------------------------------------------

    def _make(self) -> None:
        kind, everywhere = SOURCES[self.source.currentText()]
        keys = self.session.project.keys if everywhere else [self.session.browser.current]
        keys = [key for key in keys if key in self.session.project.entries]
        snapshot = take_snapshot(self.session)
        self._start(lambda task: sort_gathered(kind, keys, snapshot, task), "Making classes…")

    def _import(self) -> None:
        accepted = self._ask("Accepted particles (RELION: particles.star of a Select job)")
        if accepted is None:
            return
        other = self._ask("Rejected ones (RELION: run_itNNN_data.star of the Class2D job)")
        if other is None:
            return
        snapshot = take_snapshot(self.session)
        self._start(lambda task: import_outside(accepted, other, snapshot, task), "Reading…")

    def _ask(self, title: str) -> Path | None:
        chosen, _ = QFileDialog.getOpenFileName(self, title, "", "Particles (*.star *.cs)")
        return Path(chosen) if chosen else None

    def _start(self, work: Callable[[Task], Sorted], words: str) -> None:
        self._put(None)
        say(self.words, words)
        self.bar.setValue(0)
        self.work.start(work)
        self._refresh()

    def _ended(self) -> None:
        if self.found is None and self.words.text().endswith("…"):
            say(self.words, "Stopped.")
        self._refresh()

    def _show(self, found: Sorted) -> None:
        self._put(found)
        self.fully.setChecked(found.complete)
        first = HOW if len(found.classes.averages) else "Accepted and rejected particles were read."
        purpose = [PURPOSE] if len(found.classes.averages) else []
        lines = [each[:1].upper() + each[1:].rstrip(".") + "." for each in found.messages]
        say(self.words, " ".join([first, *purpose, *lines]))
        self._refresh()

    def _put(self, found: Sorted | None) -> None:
        self.found, self.action = found, None
        self.model.put(None if found is None else found.classes)

    # -- using ---------------------------------------------------------------------------------

    def _toggle(self, number: int) -> None:
        self.model.toggle(number)
        self._refresh()

    def _use(self) -> None:
        if self.found is None:
            return
        action = object()
        classes = self.found.classes
        rejected = self.model.rejected
        if set(range(1, classes.count + 1)) <= rejected:
            say(self.words, "Every class is rejected; keep at least one.")
            return
        found = replace(self.found, classes=classes.reject(rejected))
        used = use_classes(self.session, found, action, fully=self.fully.isChecked())
        where = tell_count(used.micrographs, "micrograph")
        text = (
            f"{tell_count(used.kept, 'pick')} kept and recentred, {used.rejected:,} now negatives, "
            f"on {where}."
        )
        self._put(None)
        self.action = action if used.micrographs else None
        say(self.words, " ".join(filter(None, (text, used.trouble))))
        self._refresh()

    def _undo(self) -> None:
        count = self.session.annotations.undo_action(self.action)
        self.action = None
        say(self.words, f"Undone on {tell_count(count, 'micrograph')}.")
        self._refresh()

    # -- showing -------------------------------------------------------------------------------

    def _refresh(self) -> None:
        kept, rejected = self.model.counts()
        there = self.found is not None
        say(self.counts, f"{kept:,} kept, {rejected:,} rejected" if there else "")
        if not self.words.text():
            say(self.words, EMPTY)
        self.use.setEnabled(there)
        self.fully.setVisible(there)
        self.undo.setVisible(self.action is not None)
        self.progress_row.setVisible(self.work.busy)
        self.make.setEnabled(not self.work.busy and bool(self.session.project.entries))
        self.imported.setEnabled(not self.work.busy and bool(self.session.project.entries))

    def _project_changed(self) -> None:
        self.work.stop()
        self._put(None)
        say(self.words, "")
        self._refresh()


def show_classes(session: Session, parent: QWidget, source: str | None = None) -> ClassWindow:
    """Show the viewer's window of classes; it is made once."""
    window = session.extras.get(NAME)
    if window is None:
        window = session.extras[NAME] = ClassWindow(session, parent.window())
        window.destroyed.connect(lambda *_: session.extras.pop(NAME, None))
    if source is not None and not window.work.busy:
        window.source.setCurrentText(source)
    window.show()
    window.raise_()
    return window


def _list_view(model: ClassModel) -> QListView:
    view = picture_list(model, SIDE)
    view.setSelectionMode(QListView.SelectionMode.NoSelection)
    view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return view
