"""The gallery's list model: pictures are cut in a thread, for the rows that are looked at only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from qtpy.QtCore import QAbstractListModel, QModelIndex, QSize, Qt
from qtpy.QtGui import QIcon, QImage, QPixmap

from napari_unetpick.picking.cutouts import to_greys
from napari_unetpick.widgets.gallery.crops import SIDE, Crop, Cutter
from napari_unetpick.widgets.gallery.items import GalleryItem
from napari_unetpick.widgets.qt.main_thread import MainThread
from napari_unetpick.widgets.session.snapshot import Snapshot

KEPT = 4000  # pictures in memory, 16 kB each
AT_ONCE = 24  # pictures cut before they are shown
MOST_WAITING = 600  # more than fit a large screen: what was scrolled over is not cut


class GalleryModel(QAbstractListModel):
    """Items with their pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.items: list[GalleryItem] = []
        self._snapshot: Snapshot | None = None
        self._crops: OrderedDict[Any, Crop | None] = OrderedDict()
        self._rows: dict[GalleryItem, int] = {}
        self._wanted: OrderedDict[GalleryItem, None] = OrderedDict()
        self._cutting: set[GalleryItem] = set()
        self._closed = False
        self._empty: QIcon | None = None
        self._cutter = Cutter()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="unetpick-gallery")
        self._main = MainThread()

    def put(self, items: list[GalleryItem], snapshot: Snapshot | None) -> None:
        """Show other items; pictures of those that stay are kept."""
        self.beginResetModel()
        self.items, self._snapshot = items, snapshot
        self._rows = {item: number for number, item in enumerate(items)}
        self._wanted.clear()
        self.endResetModel()

    def remove(self, gone: Iterable[GalleryItem]) -> None:
        """Take items out of the list."""
        leaving = set(gone)
        self.put([item for item in self.items if item not in leaving], self._snapshot)

    def row_of(self, item: GalleryItem) -> int | None:
        """Return where an item stands, or None where it is not shown."""
        return self._rows.get(item)

    def crops(self, items: Iterable[GalleryItem]) -> list[Crop]:
        """Return the pictures that are there already."""
        found = (self._crops.get(self._name(item, self._snapshot)) for item in items)
        return [crop for crop in found if crop is not None]

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # Qt's name
        """How many items."""
        return 0 if parent is not None and parent.isValid() else len(self.items)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Picture, score and tooltip; a picture that is asked for first is cut later."""
        if not index.isValid():
            return None
        item = self.items[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{item.score:.2f}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{item.key}\nscore {item.score:.3f}, x {item.col:.0f} px, y {item.row:.0f} px"
        if role == Qt.ItemDataRole.DecorationRole:
            return self._picture(item)
        if role == Qt.ItemDataRole.SizeHintRole:
            return QSize(SIDE + 8, SIDE + 26)
        return None

    def _picture(self, item: GalleryItem) -> QIcon:
        name = self._name(item, self._snapshot)
        if name not in self._crops:
            self._wanted[item] = None
            self._wanted.move_to_end(item)
            if len(self._wanted) > MOST_WAITING:
                self._wanted.popitem(last=False)
            self._cut_some()
            return self._grey()
        crop = self._crops[name]
        self._crops.move_to_end(name)
        return self._grey() if crop is None else QIcon(picture(crop))

    def _grey(self) -> QIcon:
        """A grey square, for what is not there yet, or cannot be read."""
        if self._empty is None:
            square = QPixmap(SIDE, SIDE)
            square.fill(Qt.GlobalColor.gray)
            self._empty = QIcon(square)
        return self._empty

    @staticmethod
    def _name(item: GalleryItem, snapshot: Snapshot | None) -> Any:
        """A crop is another one when the diameter, the pixel size or the project changes."""
        entry = None if snapshot is None else snapshot.entries.get(item.key)
        if snapshot is None or entry is None:
            return item
        return item, entry.micrograph, snapshot.diameter

    def _cut_some(self) -> None:
        """Hand the pictures asked for last to the thread: they are those in view."""
        if self._closed or self._cutting or self._snapshot is None:
            return
        batch: list[GalleryItem] = []
        while self._wanted and len(batch) < AT_ONCE:
            batch.append(self._wanted.popitem()[0])
        if batch:
            self._cutting = set(batch)
            self._pool.submit(self._cut, batch, self._snapshot)

    def _cut(self, batch: list[GalleryItem], snapshot: Snapshot) -> None:
        crops = [self._cutter.cut(item, snapshot) for item in batch]
        self._main.call(partial(self._take, batch, crops, snapshot))

    def _take(self, batch: list[GalleryItem], crops: list[Crop | None], snapshot: Snapshot) -> None:
        self._cutting.clear()
        for item, crop in zip(batch, crops, strict=True):
            self._wanted.pop(item, None)  # painted again while it was cut
            self._crops[self._name(item, snapshot)] = crop
            number = self._rows.get(item)
            if number is not None:
                index = self.index(number)
                self.dataChanged.emit(index, index, [Qt.ItemDataRole.DecorationRole])
        while len(self._crops) > KEPT:
            self._crops.popitem(last=False)
        self._cut_some()


def picture(crop: Crop, side: int = SIDE) -> QPixmap:
    """Return a crop in greys as a picture of `side` pixels."""
    greys = np.ascontiguousarray(to_greys(crop))
    rows, cols = greys.shape
    image = QImage(greys.data, cols, rows, cols, QImage.Format.Format_Grayscale8).copy()
    made = QPixmap.fromImage(image)
    if side == rows:
        return made
    smooth = Qt.TransformationMode.SmoothTransformation
    return made.scaled(side, side, Qt.AspectRatioMode.KeepAspectRatio, smooth)
