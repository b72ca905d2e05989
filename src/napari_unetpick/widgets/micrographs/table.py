"""The list of micrographs: a table that reports which rows are visible."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QItemSelection, QItemSelectionModel, QSize, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QTableView, QWidget
from superqt.utils import qdebounced

from napari_unetpick.widgets.micrographs.sorting import COLUMNS
from napari_unetpick.widgets.micrographs.table_model import MicrographModel
from napari_unetpick.widgets.micrographs.thumbnails import SIDE

SETTLED_MS = 80  # scrolling that goes on asks for nothing
WIDTHS = {
    "name": 152,
    "state": 72,
    "picks": 46,
    "split": 66,
    "defocus": 90,
    "ctf": 78,
    "found": 80,
}
WIDTH = 50  # of other columns
MARGIN = 4  # px above and below a picture together


class MicrographTable(QTableView):
    """Rows of micrographs; the chosen row is the current micrograph."""

    seen_changed = Signal()
    chosen = Signal(str)

    def __init__(self, model: MicrographModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.micrographs = model
        self.setModel(model)
        self._quiet = False
        self._settled = qdebounced(lambda: self.seen_changed.emit(), SETTLED_MS, parent=self)
        self._set_up_looks()
        self._kept: list[str] = []
        model.modelAboutToBeReset.connect(self._remember)
        model.modelReset.connect(self._restore)
        self.verticalScrollBar().valueChanged.connect(self.look_again)
        self.selectionModel().currentRowChanged.connect(self._row_chosen)

    def _set_up_looks(self) -> None:
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setShowGrid(False)
        self.setAlternatingRowColors(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setIconSize(QSize(SIDE, SIDE))
        self.setMinimumHeight(160)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSortIndicatorClearable(True)  # the third click brings the project's order back
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        for place, name in enumerate(COLUMNS):
            self.setColumnWidth(place, WIDTHS.get(name, WIDTH))
        self.show_pictures(True)

    def show_pictures(self, shown: bool) -> None:
        """Show thumbnails, or only words in lower rows."""
        self.micrographs.with_pictures = shown
        line = self.fontMetrics().height() + 2 * MARGIN
        self.verticalHeader().setMinimumSectionSize(line)
        self.verticalHeader().setDefaultSectionSize(SIDE + MARGIN if shown else line)
        self.look_again()

    def seen(self) -> list[str]:
        """Return the keys of the rows in view, the middle ones too where a row is cut off."""
        keys = self.micrographs.keys
        first = self.rowAt(0)
        if first < 0 or not keys:
            return []
        last = self.rowAt(max(0, self.viewport().height() - 1))
        return keys[first : (len(keys) if last < 0 else last + 1)]

    def look_again(self, *_: Any) -> None:
        """Tell soon that other rows may be seen."""
        self._settled()

    def selected_keys(self) -> list[str]:
        """Return the keys of the selected rows, from the top."""
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        return [self.micrographs.keys[row] for row in rows]

    def show_current(self, key: str, also: list[str] | None = None) -> None:
        """Select a micrograph's row (and those of `also`) and bring it into view."""
        model = self.micrographs
        row = model.row_of(key)
        if row < 0:
            return
        flags = QItemSelectionModel.SelectionFlag
        self._quiet = True
        try:
            chooser = self.selectionModel()
            chooser.setCurrentIndex(model.index(row, 0), flags.ClearAndSelect | flags.Rows)
            rows = QItemSelection()
            for other in also or []:
                if (place := model.row_of(other)) >= 0:
                    rows.select(model.index(place, 0), model.index(place, 0))
            chooser.select(rows, flags.Select | flags.Rows)
        finally:
            self._quiet = False
        self.scrollTo(model.index(row, 0))

    def resizeEvent(self, event: Any) -> None:
        """More rows may be seen."""
        super().resizeEvent(event)
        self.look_again()

    def showEvent(self, event: Any) -> None:
        """Rows are seen for the first time."""
        super().showEvent(event)
        self.look_again()

    def _remember(self) -> None:
        self._kept = self.selected_keys()

    def _restore(self) -> None:
        """Select the same micrographs in the new list."""
        self.show_current(self.micrographs.session.browser.current, self._kept)
        self.look_again()

    def _row_chosen(self, current: Any, _: Any) -> None:
        if current.isValid() and not self._quiet:
            self.chosen.emit(self.micrographs.keys[current.row()])
