"""The gallery's list model: pictures are cut in a thread, for the rows that are looked at only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractListModel, QModelIndex, QObject, QSize, Qt, Signal
from qtpy.QtGui import QIcon, QImage, QPixmap

from napari_unetpick.errors import UnetPickError
from napari_unetpick.widgets.crops import WIDTH, cut_crop, to_greys
from napari_unetpick.widgets.gallery_items import GalleryItem
from napari_unetpick.widgets.snapshot import OpenMicrograph, Snapshot

SIDE = 64  # px of a picture
KEPT = 4000  # pictures in memory, 16 kB each
LOW_PASS = 20.0  # A, as the viewer shows micrographs
AT_ONCE = 24  # pictures cut before they are shown

Crop = NDArray[np.float32]


class _Bridge(QObject):
    """Brings finished pictures from the thread to the main thread."""

    cut = Signal(object, object)


class GalleryModel(QAbstractListModel):
    """Items with their pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.items: list[GalleryItem] = []
        self._snapshot: Snapshot | None = None
        self._crops: OrderedDict[GalleryItem, Crop | None] = OrderedDict()
        self._rows: dict[GalleryItem, int] = {}
        self._wanted: list[GalleryItem] = []
        self._working = self._closed = False
        self._open: tuple[str, OpenMicrograph] | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="unetpick-gallery")
        self._bridge = _Bridge()
        self._bridge.cut.connect(self._take)

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

    def crops(self, items: Iterable[GalleryItem]) -> list[Crop]:
        """Return the pictures that are there already."""
        found = (self._crops.get(item) for item in items)
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
            return f"{item.key}\nscore {item.score:.3f}, at x {item.col:.0f}, y {item.row:.0f}"
        if role == Qt.ItemDataRole.DecorationRole:
            return self._picture(item)
        if role == Qt.ItemDataRole.SizeHintRole:
            return QSize(SIDE + 8, SIDE + 26)
        return None

    def _picture(self, item: GalleryItem) -> QIcon | None:
        if item not in self._crops:
            self._wanted.append(item)
            self._cut_some()
            return _EMPTY.get()
        crop = self._crops[item]
        self._crops.move_to_end(item)
        return _EMPTY.get() if crop is None else QIcon(picture(crop))

    def _cut_some(self) -> None:
        """Hand the pictures asked for last to the thread: they are those in view."""
        if self._closed or self._working or not self._wanted or self._snapshot is None:
            return
        batch = self._wanted[-AT_ONCE:]
        del self._wanted[-AT_ONCE:]
        self._working = True
        self._pool.submit(self._cut, batch, self._snapshot)

    def _cut(self, batch: list[GalleryItem], snapshot: Snapshot) -> None:
        crops: list[Crop | None] = []
        for item in batch:
            try:
                crops.append(self._cut_one(item, snapshot))
            except (UnetPickError, OSError):  # the gallery shows an empty frame there
                crops.append(None)
        with suppress(RuntimeError):  # the dock was closed meanwhile
            self._bridge.cut.emit(batch, crops)

    def _cut_one(self, item: GalleryItem, snapshot: Snapshot) -> Crop:
        if self._open is None or self._open[0] != item.key:
            self._open = item.key, snapshot.open(item.key)
        image = self._open[1]
        diameter = image.diameter_px(snapshot.diameter or 0.0) or 40.0
        low_pass = LOW_PASS / image.pixel_size if image.pixel_size else 0.0
        return cut_crop(image.image, (item.row, item.col), WIDTH * diameter, SIDE, low_pass)

    def _take(self, batch: list[GalleryItem], crops: list[Crop | None]) -> None:
        self._working = False
        for item, crop in zip(batch, crops, strict=True):
            self._crops[item] = crop
            number = self._rows.get(item)
            if number is not None:
                index = self.index(number)
                self.dataChanged.emit(index, index, [Qt.ItemDataRole.DecorationRole])
        while len(self._crops) > KEPT:
            self._crops.popitem(last=False)
        self._cut_some()


class _Empty:
    """A grey square, made when it is first wanted: pictures need a running application."""

    def __init__(self) -> None:
        self._icon: QIcon | None = None

    def get(self) -> QIcon:
        if self._icon is None:
            square = QPixmap(SIDE, SIDE)
            square.fill(Qt.GlobalColor.gray)
            self._icon = QIcon(square)
        return self._icon


_EMPTY = _Empty()


def picture(crop: Crop, side: int = SIDE) -> QPixmap:
    """Return a crop in greys as a picture of `side` pixels."""
    greys = np.ascontiguousarray(to_greys(crop))
    rows, cols = greys.shape
    image = QImage(greys.data, cols, rows, cols, QImage.Format.Format_Grayscale8).copy()
    made = QPixmap.fromImage(image)
    return made if side == rows else made.scaled(side, side)
