"""The project's micrographs as a Qt table model: rows are keys, values come from the session."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from qtpy.QtGui import QFont, QImage
from qtpy.QtWidgets import QApplication, QStyle

from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.picks import tell_count
from napari_unetpick.project.project import Entry
from napari_unetpick.widgets.micrographs.row_scores import Summary
from napari_unetpick.widgets.micrographs.sorting import (
    COLUMNS,
    FROM_CANDIDATES,
    SPLIT_WORDS,
    STATE_WORDS,
    Wanted,
    arrange,
    cell_text,
    shared_ends,
    short_name,
)
from napari_unetpick.widgets.qt.lazy_values import LateValues
from napari_unetpick.widgets.session.session import Session

NUMBERS = ("picks", "defocus", "ctf", *FROM_CANDIDATES)
HEADINGS = {
    "name": (
        "Micrograph",
        "Tick to keep a micrograph; rejected ones are not trained on or picked.",
    ),
    "state": ("Labels", "Completeness of the labels: unlabelled, partly or fully labelled."),
    "picks": ("Picks", "Particles picked by hand or accepted from the model's candidates."),
    "split": ("Split", "Training, validation or test; empty: automatic."),
    "defocus": ("Defocus (µm)", "Mean of rlnDefocusU and rlnDefocusV in the STAR file, in µm."),
    "ctf": ("CTF fit (Å)", "Resolution of the CTF fit in Å (rlnCtfMaxResolution)."),
    "found": ("Found", "Number of the model's candidates at or above the threshold."),
    "score": ("Score", "Median score of these candidates (figure of merit, FOM)."),
    "usable": (
        "Usable",
        "Usable area: the share of the micrograph without junk (ice, carbon, edges).",
    ),
}

Index = QModelIndex | QPersistentModelIndex


class MicrographModel(QAbstractTableModel):
    """What the list of micrographs shows.

    Sorting and filtering order the keys in Python at once: 5,000 rows take some milliseconds,
    where a proxy model would compare pairs of cells one by one.
    """

    def __init__(
        self,
        session: Session,
        pictures: LateValues[QImage],
        summaries: LateValues[Summary | None],
    ) -> None:
        super().__init__()
        self.session = session
        self.pictures = pictures
        self.summaries = summaries
        self.with_pictures = True
        self.wanted = Wanted()
        self.keys: list[str] = []
        self._rows: dict[str, int] = {}
        self.knows_junk = False  # some micrograph's usable area came
        self._always = ""
        self._ends = (0, 0)
        self.refresh()

    # -- what is listed ------------------------------------------------------------------------

    def refresh(self, wanted: Wanted | None = None) -> None:
        """List the micrographs again, with new or the same filters."""
        self.beginResetModel()
        self.wanted = self.wanted if wanted is None else wanted
        entries = self.session.project.entries
        self._always = self.session.browser.current
        self.keys = arrange(entries, self.wanted, self._always, self.summary)
        self._rows = {key: row for row, key in enumerate(self.keys)}
        self._ends = shared_ends(entries)
        self.session.browser.order = self.keys
        self.endResetModel()

    def fits(self, keys: Iterable[str]) -> bool:
        """Return whether the list shows these as the filters want it; also the one just left."""
        entries = self.session.project.entries
        for key in (*keys, self._always) if self._always else keys:
            wanted = key == self.session.browser.current or (
                key in entries and self.wanted.holds(key, entries[key])
            )
            if wanted != (key in self._rows):
                return False
        return True

    def row_of(self, key: str) -> int:
        """Return the row of a micrograph, or -1."""
        return self._rows.get(key, -1)

    def changed(self, keys: Iterable[str]) -> None:
        """Say that these rows look different."""
        rows = sorted(row for key in keys if (row := self._rows.get(key)) is not None)
        if rows:  # one signal over all: the view paints what is seen of it
            last = len(COLUMNS) - 1
            self.dataChanged.emit(self.index(rows[0], 0), self.index(rows[-1], last))

    def summary(self, key: str) -> Summary | None:
        """Return what is known of a micrograph's candidates."""
        found = self.summaries.get(key)
        return found if isinstance(found, Summary) else None

    # -- Qt's names ----------------------------------------------------------------------------

    def rowCount(self, parent: Index | None = None) -> int:
        """Return the number of listed micrographs."""
        return 0 if parent is not None and parent.isValid() else len(self.keys)

    def columnCount(self, parent: Index | None = None) -> int:
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return a column's heading or tooltip."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        text, tooltip = HEADINGS[COLUMNS[section]]
        return {Qt.ItemDataRole.DisplayRole: text, Qt.ItemDataRole.ToolTipRole: tooltip}.get(
            Qt.ItemDataRole(role)
        )

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Rows can be chosen, names be ticked."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsUserCheckable if index.column() == 0 else flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        key = self.keys[index.row()]
        entry = self.session.project.entries.get(key)
        if entry is None:  # the project changes: the list is about to be made again
            return None
        column = COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole and column == "name":
            return short_name(key, *self._ends)
        if role == Qt.ItemDataRole.DisplayRole:
            return cell_text(column, key, entry, self.summary(key))
        if role == Qt.ItemDataRole.TextAlignmentRole and column in NUMBERS:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tooltip(key, entry)
        if column == "name":
            if role == Qt.ItemDataRole.CheckStateRole:
                return Qt.CheckState.Checked if entry.kept else Qt.CheckState.Unchecked
            if role == Qt.ItemDataRole.DecorationRole:
                return self._picture(key)
            if role == Qt.ItemDataRole.FontRole and not entry.kept:
                font = QFont()
                font.setStrikeOut(True)
                return font
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Keep or reject a micrograph by its tick."""
        if role != Qt.ItemDataRole.CheckStateRole or index.column() != 0:
            return False
        kept = Qt.CheckState(value) == Qt.CheckState.Checked
        self.session.project.change(self.keys[index.row()], kept=kept)
        return True

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column, or (-1) as the project lists the micrographs."""
        name = COLUMNS[column] if column >= 0 else None
        descending = order == Qt.SortOrder.DescendingOrder
        old = self.wanted
        if (name, descending) != (old.column, old.descending):
            self.refresh(Wanted(old.text, old.kind, name, descending))

    # -- cells ---------------------------------------------------------------------------------

    def _picture(self, key: str) -> Any:
        if not self.with_pictures:
            return None
        found = self.pictures.get(key)
        if isinstance(found, UnetPickError):
            style = QApplication.style()
            return style.standardIcon(QStyle.StandardPixmap.SP_MessageBoxWarning)
        return found

    def _tooltip(self, key: str, entry: Entry) -> str:
        lines = [key, str(entry.micrograph.path)]
        for found in (self.pictures.get(key), self.summaries.get(key)):
            if isinstance(found, UnetPickError):
                lines.append(found.in_viewer)
        state = STATE_WORDS[entry.state]
        lines.append(state if entry.state == "none" else f"{state} labelled")
        lines[-1] += f", {tell_count(entry.picks, 'pick')}, split: {SPLIT_WORDS[entry.split]}"
        if not entry.kept:
            lines.append("rejected: not trained on or picked")
        return "\n".join(lines)
