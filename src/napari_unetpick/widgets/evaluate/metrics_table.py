"""An evaluation's figures and its micrographs as small tables; the worst micrograph comes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os.path import commonprefix
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from napari_unetpick.evaluation.protocols import DESCRIPTIONS, PROTOCOLS
from napari_unetpick.evaluation.results import Evaluation, MicrographResult
from napari_unetpick.io.picks import tell_count
from napari_unetpick.picking.scale import EDGE
from napari_unetpick.widgets.session.pixel_sizes import describe_length

ABSENT = "–"
ROW = 26  # px
LONG_BEGINNING = 8  # letters; shorter ones are not worth a dot
FIGURES = {
    "Precision": "Share of the picks that are particles.",
    "Recall": "Share of the particles that are picked.",
    "F1": "Harmonic mean of precision and recall: 2 P R / (P + R).",
    "F1 within 0.25 d": "F1 of picks within 0.25 x diameter of a particle: are picks centred?",
    "Average precision": "Area under the precision-recall curve: how well scores rank candidates.",
    "Calibration error": "Mean difference between scores and the share of true particles.",
}
MICROGRAPH_COLUMNS = {
    "Micrograph": "Double-click or press Enter to go to it.",
    "F1": "By the protocol chosen above, lowest first.",
    "Missed": "Particles that are not picked.",
    "False": "Picks that are not particles.",
}


@dataclass(frozen=True)
class Cell:
    """What a table shows in one place, what it is sorted by, and its tooltip."""

    text: str
    value: float | str
    tip: str = ""


class ResultModel(QAbstractTableModel):
    """A read-only table of cells that sorts by any column."""

    def __init__(self, columns: dict[str, str]) -> None:
        super().__init__()
        self.columns = list(columns)
        self.tips = list(columns.values())
        self.rows: list[tuple[Cell, ...]] = []
        self.names: list[str] = []
        self.name_tips: list[str] = []

    def put(
        self, rows: Sequence[tuple[Cell, ...]], names: Sequence[str], tips: Sequence[str] = ()
    ) -> None:
        """Show other rows; `names` head them (and say in a micrograph table which it is)."""
        self.beginResetModel()
        self.rows, self.names = list(rows), list(names)
        self.name_tips = list(tips) or [""] * len(self.names)
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # Qt's name
        """How many rows."""
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # Qt's name
        """How many columns."""
        return 0 if parent is not None and parent.isValid() else len(self.columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, tooltip and alignment of a cell."""
        if not index.isValid():
            return None
        cell = self.rows[index.row()][index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return cell.text
        if role == Qt.ItemDataRole.ToolTipRole:
            return cell.tip or None
        if role == Qt.ItemDataRole.TextAlignmentRole and not isinstance(cell.value, str):
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(  # Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Names of columns and rows."""
        across = orientation == Qt.Orientation.Horizontal
        names, tips = (self.columns, self.tips) if across else (self.names, self.name_tips)
        if role == Qt.ItemDataRole.DisplayRole:
            return names[section]
        return tips[section] or None if role == Qt.ItemDataRole.ToolTipRole else None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; rows that are equal there keep their order."""
        if not self.rows:
            return
        self.layoutAboutToBeChanged.emit()
        down = order == Qt.SortOrder.DescendingOrder
        together = zip(self.rows, self.names, self.name_tips, strict=True)
        ordered = sorted(together, key=lambda row: row[0][column].value, reverse=down)
        self.rows = [row for row, _, _ in ordered]
        self.names = [name for _, name, _ in ordered]
        self.name_tips = [tip for _, _, tip in ordered]
        self.layoutChanged.emit()


def result_view(model: ResultModel) -> QTableView:
    """Return a view of a table that nobody can edit, as wide as the dock."""
    view = QTableView()
    view.setModel(model)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setWordWrap(False)  # else a long name is cut to dots alone
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    view.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
    view.verticalHeader().setDefaultSectionSize(ROW)
    return view


def figure_rows(found: Evaluation) -> list[tuple[Cell, ...]]:
    """Return the figures of merit, a row for each of `FIGURES`, a column for each protocol."""
    heads = {tag: found.protocols[tag].headline for tag in PROTOCOLS}
    rows = []
    for name in ("precision", "recall", "f1"):
        row = []
        for tag in PROTOCOLS:
            value = float(getattr(heads[tag], name))
            spans = found.protocols[tag].intervals
            tip = DESCRIPTIONS[tag]
            if spans is not None:
                low, high = spans[name].low, spans[name].high
                tip += f"; 95 % interval over micrographs {low:.3f} to {high:.3f}"
            row.append(Cell(f"{value:.3f}", value, tip))
        rows.append(tuple(row))
    curve, calibration = found.curve, found.calibration
    for value in (
        found.quarter.f1,
        curve.average_precision if curve else None,
        calibration.error if calibration else None,
    ):
        rows.append((_optional(value), _optional(None), _optional(None)))  # by distance alone
    return rows


def _optional(value: float | None) -> Cell:
    return Cell(ABSENT, -1.0) if value is None else Cell(f"{value:.3f}", float(value))


def micrograph_rows(found: Evaluation, diameter: float | None) -> list[tuple[Cell, ...]]:
    """Return a row for each micrograph, the lowest F1 first, then the one with more errors.

    `diameter` is the particle's in A.
    """

    def errors(row: MicrographResult) -> tuple[float, int]:
        return row.scores[found.protocol].f1, -_missed(row) - _false(row)

    rows = []
    short = short_names([row.key for row in found.micrographs])
    for row in sorted(found.micrographs, key=errors):
        score = row.scores[found.protocol]
        tip = f"{row.key}: precision {score.precision:.3f}, recall {score.recall:.3f}"
        if row.centring is not None:
            tip += f"; median centring error {describe_length(row.centring, diameter)}"
        rows.append(
            (
                Cell(short[row.key], row.key, tip),
                Cell(f"{score.f1:.3f}", score.f1, tip),
                Cell(f"{_missed(row):,}", float(_missed(row)), tip),
                Cell(f"{_false(row):,}", float(_false(row)), tip),
            )
        )
    return rows


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Leave out a long beginning that all names share: a narrow column shows what tells them apart.

    `FoilHole_24_Data_991_x` and `FoilHole_24_Data_992_x` become `…991_x` and `…992_x`.
    """
    shared = len(commonprefix(list(names))) if len(names) > 1 else 0  # noqa: RUF071
    while shared and min(names, key=len)[shared - 1].isdigit():  # numbers stay whole
        shared -= 1
    if shared < LONG_BEGINNING:
        return {name: name for name in names}
    return {name: "…" + name[shared:] for name in names}


def headline(found: Evaluation, diameter: float | None) -> str:
    """Return the result in words: F1, protocol, micrographs, border, interval; `diameter` in A."""
    spans = found.result.intervals
    between = f" (95 % interval {spans['f1'].low:.3f} to {spans['f1'].high:.3f})" if spans else ""
    count = len(found.micrographs)
    border = "border included"
    if found.border_px:
        border = f"a border of {describe_length(EDGE, diameter)} excluded"
    return (
        f"F1 {found.headline.f1:.3f}{between}, protocol {found.protocol}: "
        f"{DESCRIPTIONS[found.protocol]}. {tell_count(found.half.n_picks, 'pick')} against "
        f"{tell_count(found.half.n_truth, 'particle')} on {tell_count(count, 'micrograph')}; "
        f"{border}."
    )


def _missed(row: MicrographResult) -> int:
    return row.matches.score.n_truth - row.matches.score.n_matched


def _false(row: MicrographResult) -> int:
    return row.matches.score.n_picks - row.matches.score.n_matched
