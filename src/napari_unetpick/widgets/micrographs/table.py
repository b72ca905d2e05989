"""The list of micrographs: a table that reports which rows are visible."""

from __future__ import annotations

import re
from typing import Any

from qtpy.QtCore import QItemSelection, QItemSelectionModel, QSize, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)
from superqt.utils import qdebounced

from napari_unetpick.widgets.micrographs.sorting import BREAKS, COLUMNS, used_columns
from napari_unetpick.widgets.micrographs.table_model import HEADINGS, MicrographModel
from napari_unetpick.widgets.micrographs.thumbnails import SIDE

SETTLED_MS = 80  # scrolling that goes on asks for nothing
LONGEST = {
    "state": "partly",
    "picks": "9,999",
    "found": "9,999",
    "split": "validation",
    "usable": "100%",
}
NARROWEST = 110  # px of the names: a thumbnail and some letters
PADDING = 8  # px around the words of a cell
BESIDE_NAMES = ("state", "picks", "found", "score", "usable")  # in sight without scrolling
TICK = 32  # px of the tick before a name, with what lies around it and the picture
LINE_FILLED = 0.7  # of a wrapped line, in the mean
MARGIN = 4  # px above and below a picture together


class Name(QStyledItemDelegate):
    """A name over several lines where a row is high enough, broken between its parts."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: Any) -> None:  # Qt's name
        """Elide the middle, and let the rest wrap."""
        super().initStyleOption(option, index)
        option.features |= QStyleOptionViewItem.ViewItemFeature.WrapText
        letters = option.fontMetrics
        width = option.rect.width() - TICK - (0 if option.icon.isNull() else SIDE)
        lines = max(1, option.rect.height() // letters.height())
        space = round(width * (lines if lines == 1 else LINE_FILLED * lines))
        text = letters.elidedText(option.text, Qt.TextElideMode.ElideMiddle, space)
        option.text = re.sub(f"[{re.escape(BREAKS)}]", "\\g<0>\u200b", text)


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
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setItemDelegateForColumn(0, Name(self))
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
        for place, name in enumerate(COLUMNS[1:], start=1):
            words = HEADINGS[name][0], LONGEST.get(name, "")
            width = max(map(self.fontMetrics().horizontalAdvance, words))
            self.setColumnWidth(place, width + PADDING)
        self.show_pictures(True)
        self.fit_columns()

    def fit_columns(self) -> None:
        """Hide columns without a value; give the names what the others leave of the width."""
        model = self.micrographs
        used = used_columns(model.session.project.entries, usable=model.knows_junk)
        for place, name in enumerate(COLUMNS):
            self.setColumnHidden(place, name not in used)
        beside = sum(self.columnWidth(COLUMNS.index(name)) for name in BESIDE_NAMES)
        self.setColumnWidth(0, max(NARROWEST, self.viewport().width() - beside))

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
        """More rows may be seen, and more of the names."""
        super().resizeEvent(event)
        self.fit_columns()
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
