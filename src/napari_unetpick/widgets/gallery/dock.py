"""The Gallery dock: picks or candidates as small images, sorted by score."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from qtpy.QtCore import QItemSelection, QModelIndex, Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QAbstractItemView, QComboBox, QLabel, QListView, QWidget
from superqt.utils import qdebounced

from napari_unetpick.io.picks import tell_count
from napari_unetpick.picking.scale import SAME_PARTICLE
from napari_unetpick.project.annotations import remove_at
from napari_unetpick.widgets.classes.window import show_classes
from napari_unetpick.widgets.gallery.crops import SIDE, Mean, average
from napari_unetpick.widgets.gallery.items import (
    GalleryItem,
    Gathered,
    Kind,
    gather_items,
    ordered,
)
from napari_unetpick.widgets.gallery.model import GalleryModel, picture
from napari_unetpick.widgets.qt.controls import button, hint, row, say
from napari_unetpick.widgets.qt.dock import Dock
from napari_unetpick.widgets.qt.pictures import picture_list
from napari_unetpick.widgets.qt.workers import Background
from napari_unetpick.widgets.session.pick_model import undecided
from napari_unetpick.widgets.session.snapshot import Snapshot, take_snapshot

SOURCES: dict[str, tuple[Kind, bool]] = {
    "Candidates in this micrograph": ("candidates", False),
    "Candidates in all micrographs": ("candidates", True),
    "Picks in this micrograph": ("picks", False),
    "Picks in all micrographs": ("picks", True),
}
"""What can be shown: kind, and whether of all micrographs."""
ORDERS = ("Highest score first", "Lowest score first")
MEAN_SIDE = 64
LIST_HEIGHT = 110
SOON_MS = 200  # after a change in the viewer
MEAN_MS = 120  # after a change of the selection
MOST_RESTORED = 5000  # selected items that are selected again after a change


class GalleryDock(Dock):
    """Crops sorted by score; rubber-band selection; accept, reject or delete it; its mean."""

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, parent)
        self.model = GalleryModel()
        self.total = self.unread = 0
        self._changed: set[str] = set()  # micrographs to be gathered again; all, where _all
        self._all = True
        self._snapshot: Snapshot | None = None
        self._averaged = ""
        self.work, self.averaging = Background("gallery"), Background("gallery-mean")
        self.work.done.connect(self._show)
        self.work.progress.connect(self._gathering)
        self.work.failed.connect(lambda text: say(self.words, text))
        self.averaging.done.connect(self._show_mean)
        self._soon = qdebounced(self._update, SOON_MS, parent=self)
        self._mean_soon = qdebounced(self._average, MEAN_MS, parent=self)
        self._build()
        self._follow()

    def _follow(self) -> None:
        session = self.session
        self.follow(
            session.browser.current_changed, lambda _: None if self._everywhere else self._later()
        )
        self.follow(session.candidates.changed, self._micrograph_changed)
        self.follow(session.annotations.changed, lambda key, _: self._micrograph_changed(key))
        self.follow(session.selection.changed, lambda: self._later())
        self.follow(session.project.diameter_changed, lambda _: self._later())
        self.follow(session.project.changed, self._project_changed)
        for part in (self.work, self.averaging, self.model):
            self.destroyed.connect(part.close)

    def _build(self) -> None:
        self.source, self.order = QComboBox(), QComboBox()
        self.source.addItems(list(SOURCES))
        self.source.setToolTip("Which particles to show. Candidates are those above the threshold.")
        self.order.addItems(ORDERS)
        self.order.setToolTip("Order by score (FOM). Check the lowest for false picks.")
        self.source.activated.connect(lambda _: self.refresh())
        self.order.activated.connect(lambda _: self._reorder())
        self.view = _list_view(self.model)
        self.view.doubleClicked.connect(self._go)
        self.view.selectionModel().selectionChanged.connect(lambda *_: self._selected())
        self.accept = button("Accept", "Accept the selected candidates as picks.", self._accept)
        self.reject = button(
            "Reject",
            "The selected images are not particles. Rejected candidates are hidden, and the next "
            "training uses them as negatives; picks are deleted.",
            self._reject,
        )
        again = button("Refresh", "Reload the images.", self.refresh)
        classes = button(
            "2D classes…",
            "Sort picks by quick 2D classes and reject whole classes, or import those of RELION or "
            "cryoSPARC.",
            self._show_classes,
        )
        self.words = hint()
        self.mean = QLabel()
        self.mean.setToolTip("Mean of the selected images.")
        self.mean.setFixedSize(MEAN_SIDE, MEAN_SIDE)
        self.body.setAlignment(Qt.AlignmentFlag(0))
        self.body.addWidget(self.source)
        self.body.addWidget(row(self.order, again, classes))
        self.body.addWidget(row(self.mean, self.accept, self.reject))
        self.body.addWidget(self.words)
        self.body.addWidget(self.view, 1)

    # -- gathering -----------------------------------------------------------------------------

    @property
    def _everywhere(self) -> bool:
        return SOURCES[self.source.currentText()][1]

    @property
    def _kind(self) -> Kind:
        return SOURCES[self.source.currentText()][0]

    @property
    def _best_first(self) -> bool:
        return self.order.currentText() == ORDERS[0]

    def refresh(self) -> None:
        """Gather all that is to be shown, in the background."""
        self._all = True
        self._update()

    def _later(self) -> None:
        self._all = True
        self._soon()

    def _project_changed(self) -> None:
        """Show nothing of the project before: its keys and ids may be others here."""
        self.work.stop()
        self._snapshot, self.total, self.unread = None, 0, 0
        self._put([])
        self._later()

    def _micrograph_changed(self, key: str) -> None:
        if self._everywhere or key == self.session.browser.current:
            self._changed.add(key)
            self._soon()

    def _update(self) -> None:
        """Gather what changed; a hidden gallery waits until it is seen."""
        if not self.isVisible() or not (self._all or self._changed):
            return
        self._soon.cancel()
        known = set(self.session.project.keys)
        keys = self.session.project.keys if self._everywhere else [self.session.browser.current]
        # a piece of work that is still going on would be lost
        whole = self._all or self.work.busy
        asked = [k for k in (keys if whole else sorted(self._changed)) if k in known]
        self._all = False
        self._changed.clear()
        kind, best_first = self._kind, self._best_first
        snapshot = self._snapshot = take_snapshot(self.session)
        if whole:
            say(self.words, "Loading…")
        replaced = None if whole else frozenset(asked)
        self.work.start(
            lambda task: (
                gather_items(kind, asked, snapshot, task, best_first=best_first),
                replaced,
            )
        )

    def showEvent(self, event: QShowEvent) -> None:  # Qt's name
        """Catch up with what changed while the gallery was hidden."""
        super().showEvent(event)
        self._update()

    def _gathering(self, done: int, total: int) -> None:
        if total > 50 and done % 50 == 0:
            say(self.words, f"Loading: {done:,} of {tell_count(total, 'micrograph')}…")

    def _show(self, result: tuple[Gathered, frozenset[str] | None]) -> None:
        found, replaced = result
        items = found.items
        if replaced is None:
            self.total, self.unread = found.total, found.unread
        else:
            kept = [item for item in self.model.items if item.key not in replaced]
            self.total += found.total - (len(self.model.items) - len(kept))
            items = ordered([*kept, *items], self._best_first)
        self._put(items)

    def _reorder(self) -> None:
        if self.total > len(self.model.items):  # others come first in the other order
            self.refresh()
        else:
            self._put(ordered(self.model.items, self._best_first))

    def _put(self, items: list[GalleryItem]) -> None:
        """Show items; what is still there stays selected and in view."""
        chosen = self.selected()
        place = self.view.verticalScrollBar().value()
        self.model.put(items, self._snapshot)
        if chosen and len(chosen) <= MOST_RESTORED:
            again = QItemSelection()
            for number in map(self.model.row_of, chosen):
                if number is not None:
                    again.select(self.model.index(number), self.model.index(number))
            flag = self.view.selectionModel().SelectionFlag.ClearAndSelect
            self.view.selectionModel().select(again, flag)
        self.view.verticalScrollBar().setValue(place)
        self._selected()

    # -- the selection -------------------------------------------------------------------------

    def selected(self) -> list[GalleryItem]:
        """Return the selected items."""
        ranges = self.view.selectionModel().selection()
        rows = sorted(n for each in ranges for n in range(each.top(), each.bottom() + 1))
        return [self.model.items[number] for number in rows]

    def _count(self) -> int:
        """How many are selected; 50,000 are counted while a frame is drawn."""
        return sum(each.height() for each in self.view.selectionModel().selection())

    def _selected(self) -> None:
        count = self._count()
        candidates = self._kind == "candidates"
        self.accept.setVisible(candidates)
        self.accept.setEnabled(count > 0)
        self.reject.setEnabled(count > 0)
        self.reject.setText("Reject" if candidates else "Delete")
        self._averaged = ""
        self._say_count()
        self._mean_soon()

    def _say_count(self) -> None:
        noun = "candidate" if self._kind == "candidates" else "pick"
        count, shown = self._count(), len(self.model.items)
        total = tell_count(self.total, noun)
        where = "" if self._everywhere else " in this micrograph"
        if not self.total:
            said = f"No {noun}s{where}{' above the threshold' * (noun == 'candidate')}."
        elif count:
            said = f"{count:,} of {total} selected{self._averaged}."
        elif shown < self.total:
            said = f"The first {shown:,} of {total}."
        else:
            said = f"{total}{where}."
        if self.unread:
            said += f" {tell_count(self.unread, 'micrograph')} could not be read."
        say(self.words, said)

    def _average(self) -> None:
        """Average the selection in the background."""
        chosen, snapshot = self.selected(), self._snapshot
        if not chosen or snapshot is None:
            self.averaging.stop()
            self.mean.clear()
            return
        self.averaging.start(lambda task: average(chosen, snapshot, task))

    def _show_mean(self, found: Mean) -> None:
        if found.crop is None:
            self.mean.clear()
        else:
            self.mean.setPixmap(picture(found.crop, MEAN_SIDE))
            fewer = found.count < self._count()
            self._averaged = f"; mean of {found.count:,}" if fewer else ""
        self._say_count()

    # -- decisions -----------------------------------------------------------------------------

    def _accept(self) -> None:
        chosen = self.selected()
        for key, places, scores in self._still_open(chosen):
            self.session.annotations.accept(key, places, scores)
        self._drop(chosen)

    def _reject(self) -> None:
        chosen = self.selected()
        for key, places, _ in self._still_open(chosen):
            self.session.annotations.reject(key, places)
        picks: dict[str, list[tuple[float, float]]] = {}
        for item in chosen:
            if item.is_pick and item.key in self.session.project.entries:
                picks.setdefault(item.key, []).append((item.row, item.col))
        for key, places in picks.items():
            marks = self.session.annotations.of(key)
            self.session.annotations.set(key, replace(marks, picks=remove_at(marks.picks, places)))
        self._drop(chosen)

    def _show_classes(self) -> None:
        show_classes(self.session, self, self.source.currentText())

    def _drop(self, chosen: list[GalleryItem]) -> None:
        """Take decided items out at once; the micrographs are gathered again a little later."""
        self.total -= len(chosen)
        self.model.remove(chosen)
        self._selected()

    def _still_open(self, chosen: list[GalleryItem]) -> list[tuple[str, np.ndarray, np.ndarray]]:
        """Group candidates by micrograph, (key, (N, 2) places, (N,) scores).

        Those that were picked or rejected in the viewer a moment ago are left out.
        """
        groups: dict[str, list[GalleryItem]] = {}
        for item in chosen:
            if not item.is_pick and item.key in self.session.project.entries:
                groups.setdefault(item.key, []).append(item)
        found = []
        for key, each in groups.items():
            places = np.array([(item.row, item.col) for item in each])
            free = undecided(
                places, self.session.annotations.of(key), SAME_PARTICLE * each[0].diameter
            )
            scores = np.array([item.score for item in each])
            found.append((key, places[free], scores[free]))
        return found

    def _go(self, index: QModelIndex) -> None:
        item = self.model.items[index.row()]
        self.session.browser.go(item.key)
        self.session.layers.look_at(item.key, item.row, item.col)


def _list_view(model: GalleryModel) -> QListView:
    """Return a view of pictures side by side in which a frame selects."""
    view = picture_list(model, SIDE)
    view.setLayoutMode(QListView.LayoutMode.Batched)
    view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    view.setSelectionRectVisible(True)
    view.setMinimumHeight(LIST_HEIGHT)
    view.setToolTip(
        "Drag a frame around images to select them (hold Ctrl to add more). Double-click an image "
        "to go to it in the micrograph."
    )
    return view
