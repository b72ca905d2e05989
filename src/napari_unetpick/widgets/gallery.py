"""The gallery: picks or candidates as small pictures by score; many are decided at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from qtpy.QtCore import QModelIndex, QSize, Qt
from qtpy.QtWidgets import QAbstractItemView, QComboBox, QLabel, QListView, QWidget

from napari_unetpick.io.picks import tell_count
from napari_unetpick.widgets.background import Background
from napari_unetpick.widgets.controls import button, hint, row, say
from napari_unetpick.widgets.crops import mean_crop
from napari_unetpick.widgets.dock import Dock
from napari_unetpick.widgets.gallery_items import CANDIDATE, GalleryItem, Kind, gather
from napari_unetpick.widgets.gallery_model import SIDE, GalleryModel, picture
from napari_unetpick.widgets.layer_tables import remove_picks
from napari_unetpick.widgets.snapshot import take_snapshot

SOURCES: dict[str, tuple[Kind, bool]] = {
    "Candidates here": ("candidates", False),
    "Candidates of all micrographs": ("candidates", True),
    "Picks here": ("picks", False),
    "Picks of all micrographs": ("picks", True),
}
"""What can be shown: kind, and whether of all micrographs."""
ORDERS = ("Best first", "Worst first")
MEAN_SIDE = 64
LIST_HEIGHT = 110


class GalleryDock(Dock):
    """Crops sorted by score; rubber-band selection; accept, reject or delete it; its mean."""

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, parent)
        self.model = GalleryModel()
        self.work = Background("gallery")
        self.work.done.connect(self._show)
        self.work.failed.connect(lambda text: say(self.words, text))
        self._build()
        self.follow(self.session.current_changed, lambda _: self._if_here())
        self.follow(self.session.candidates_changed, lambda _: self._if_here())
        self.follow(self.session.project_changed, self.refresh)
        self.destroyed.connect(self.work.close)
        self.destroyed.connect(self.model.close)
        self.refresh()

    def _build(self) -> None:
        self.source, self.order = QComboBox(), QComboBox()
        self.source.addItems(list(SOURCES))
        self.source.setToolTip("What is shown. Candidates are those above the threshold.")
        self.order.addItems(ORDERS)
        self.order.setToolTip("By score (figure of merit, FOM). The worst are worth a look.")
        self.source.activated.connect(lambda _: self.refresh())
        self.order.activated.connect(lambda _: self._show(self.model.items))
        self.view = QListView()
        self.view.setModel(self.model)
        self.view.setViewMode(QListView.ViewMode.IconMode)
        self.view.setResizeMode(QListView.ResizeMode.Adjust)
        self.view.setMovement(QListView.Movement.Static)
        self.view.setUniformItemSizes(True)
        self.view.setIconSize(QSize(SIDE, SIDE))
        self.view.setLayoutMode(QListView.LayoutMode.Batched)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.view.setSelectionRectVisible(True)
        self.view.setMinimumHeight(LIST_HEIGHT)
        self.view.setToolTip(
            "Drag a frame around pictures to select them; double-click one to see it in the "
            "micrograph."
        )
        self.view.doubleClicked.connect(self._go)
        self.view.selectionModel().selectionChanged.connect(lambda *_: self._selected())
        self.accept = button(
            "Accept", "The selected candidates are particles: move them to the picks.", self._accept
        )
        self.reject = button(
            "Reject",
            "The selected ones are no particles: candidates are not shown again and teach the next "
            "training; picks are deleted.",
            self._reject,
        )
        again = button("Refresh", "Gather the pictures anew.", self.refresh)
        self.words = hint()
        self.mean = QLabel()
        self.mean.setToolTip("The mean of the selected pictures.")
        self.mean.setFixedSize(MEAN_SIDE, MEAN_SIDE)
        self.body.setAlignment(Qt.AlignmentFlag(0))
        self.body.addWidget(row(self.source, self.order))
        self.body.addWidget(row(self.mean, self.accept, self.reject, again, self.words))
        self.body.addWidget(self.view, 1)

    def refresh(self) -> None:
        """Gather what is to be shown, in the background."""
        kind, everywhere = SOURCES[self.source.currentText()]
        keys = self.session.keys if everywhere else [self.session.current]
        keys = [key for key in keys if key]
        snapshot = self._snapshot = take_snapshot(self.session)
        say(self.words, "Gathering…")
        self.work.start(lambda task: gather(kind, keys, snapshot, task))

    def selected(self) -> list[GalleryItem]:
        """Return the selected items."""
        return [self.model.items[i.row()] for i in self.view.selectionModel().selectedIndexes()]

    def _if_here(self) -> None:
        if not SOURCES[self.source.currentText()][1]:
            self.refresh()

    def _show(self, items: list[GalleryItem]) -> None:
        best_first = self.order.currentText() == ORDERS[0]
        ordered = sorted(items, key=lambda item: item.score, reverse=best_first)
        self.model.put(ordered, self._snapshot)
        self._selected()

    def _selected(self) -> None:
        chosen = self.selected()
        kind, _ = SOURCES[self.source.currentText()]
        noun = "candidate" if kind == "candidates" else "pick"
        self.accept.setEnabled(bool(chosen) and kind == "candidates")
        self.reject.setEnabled(bool(chosen))
        self.reject.setText("Reject" if kind == "candidates" else "Delete")
        total = tell_count(len(self.model.items), noun)
        say(self.words, f"{len(chosen):,} of {total} selected." if chosen else f"{total}.")
        mean = mean_crop(self.model.crops(chosen))
        self.mean.clear() if mean is None else self.mean.setPixmap(picture(mean, MEAN_SIDE))

    def _accept(self) -> None:
        chosen = [item for item in self.selected() if item.id == CANDIDATE]
        for key, places, scores in _by_micrograph(chosen):
            self.session.accept(key, places, scores)
        self.model.remove(chosen)
        self._selected()

    def _reject(self) -> None:
        chosen = self.selected()
        for key, places, _ in _by_micrograph([i for i in chosen if i.id == CANDIDATE]):
            self.session.reject(key, places)
        picks: dict[str, list[int]] = {}
        for item in chosen:
            if item.id != CANDIDATE:
                picks.setdefault(item.key, []).append(item.id)
        for key, ids in picks.items():
            marks = self.session.marks(key)
            self.session.set_marks(key, replace(marks, picks=remove_picks(marks.picks, ids)))
        self.model.remove(chosen)
        self._selected()

    def _go(self, index: QModelIndex) -> None:
        item = self.model.items[index.row()]
        self.session.go(item.key)
        self.session.look_at(item.key, item.row, item.col)


def _by_micrograph(items: list[GalleryItem]) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Group items: (key, (N, 2) places, (N,) scores)."""
    groups: dict[str, list[GalleryItem]] = {}
    for item in items:
        groups.setdefault(item.key, []).append(item)
    return [
        (
            key,
            np.array([(item.row, item.col) for item in each]),
            np.array([item.score for item in each]),
        )
        for key, each in groups.items()
    ]
