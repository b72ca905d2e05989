"""The training runs of a project as a table: used, plotted, renamed, deleted, resumed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QGridLayout,
    QHeaderView,
    QMessageBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_unetpick.errors import InputError, UnetPickError
from napari_unetpick.io.models import general_model
from napari_unetpick.project.project import RunInfo
from napari_unetpick.widgets.qt.controls import button, hint, say

if TYPE_CHECKING:
    from napari_unetpick.widgets.session.session import Session

COLUMNS = ("Run", "Epochs", "F1", "Changed")
TOOLTIPS = (
    "Name of the run. Tick several to plot their curves together.",
    "Training epochs, over all stages.",
    "Best F1 on the validation labels; unknown (–) with partial labels only.",
    "Time of the last change.",
)
ROWS_SHOWN = 5
EMPTY = "No runs yet. Press Train to start the first one."


def rename_run(session: Session, old: str, new: str) -> None:
    """Rename a run of the project with what goes by its name; an error where it cannot be."""
    if session.jobs.uses(session.project.runs_folder / old):
        raise InputError(f"{old} is in use for picking: rename it afterwards, or press Stop")
    session.project.files.rename_run(old, new)
    session.candidates.rename_model(old, new)


class RunsView(QWidget):
    """Lists a session's runs.

    Signals (psygnal)
    -----------------
    compared()
        Other runs are checked.
    changed()
        A run was renamed or deleted.
    resumed(name)
        The user wants to resume an unfinished run.
    """

    compared = Signal()
    changed = Signal()
    resumed = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.runs: list[RunInfo] = []
        self.ask: Callable[[str], bool] = self._ask
        self.busy = ""  # name of the run that is training: it is left alone
        self._filling = False
        self.trouble = hint()
        self.empty = hint(EMPTY)
        self.table = self._make_table()
        self.use = button("Use", "Use this run's model for scores and picks.", self._use)
        self.resume = button("Resume", "Resume this run where it was stopped.", self._resume)
        self.rename = button("Rename", "Rename this run (F2).", self._rename)
        self.delete = button(
            "Delete", "Delete this run and its model. This cannot be undone.", self._delete
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.empty)
        layout.addWidget(self.table)
        grid = QGridLayout()
        grid.setSpacing(3)
        for number, each in enumerate((self.use, self.resume, self.rename, self.delete)):
            grid.addWidget(each, 0, number)
        layout.addLayout(grid)
        layout.addWidget(self.trouble)
        self.reload()

    @property
    def checked(self) -> list[RunInfo]:
        """The runs to be plotted, in the order of the list."""
        return [
            run
            for number, run in enumerate(self.runs)
            if self.table.item(number, 0).checkState() == Qt.CheckState.Checked
        ]

    @property
    def selected(self) -> RunInfo | None:
        """The run of the selected row."""
        row = self.table.currentRow()
        return self.runs[row] if 0 <= row < len(self.runs) else None

    def select(self, name: str) -> None:
        """Select a run by name."""
        for number, run in enumerate(self.runs):
            if run.name == name:
                self.table.selectRow(number)

    def reload(self) -> None:
        """Update the list of runs; ticks and selection stay."""
        checked = {run.name for run in self.checked}
        selected = self.selected
        self.runs = self.session.project.runs()
        self._filling = True
        try:
            self.table.setRowCount(len(self.runs))
            for number, run in enumerate(self.runs):
                self._fill(number, run, run.name in checked)
        finally:
            self._filling = False
        if self.runs:
            self.table.selectRow(0)
        if selected is not None:
            self.select(selected.name)
        self.table.setVisible(bool(self.runs))
        self.empty.setVisible(not self.runs and not self.busy)
        rows = min(len(self.runs), ROWS_SHOWN)
        height = self.table.horizontalHeader().sizeHint().height()
        self.table.setFixedHeight(
            height + rows * self.table.verticalHeader().defaultSectionSize() + 4
        )
        self._enable()

    def _fill(self, number: int, run: RunInfo, checked: bool) -> None:
        used = (
            self.session.selection.model.path is not None
            and self.session.selection.model.path.parent == run.path
        )
        score = "–" if run.validation_f1 is None else f"{run.validation_f1:.3f}"
        when = datetime.fromtimestamp(run.modified)
        texts = (
            run.name,
            f"{run.epochs}" if run.finished else f"{run.epochs}, stopped",
            score,
            f"{when:%H:%M}" if when.date() == datetime.now().date() else f"{when:%Y-%m-%d}",
        )
        if run.name == self.busy:
            texts = (run.name, f"{run.epochs}, running", *texts[2:])
        state = "finished" if run.finished else "unfinished, can be resumed"
        about = (
            f"{run.name}: {state}{', in use' if used else ''}; last changed {when:%Y-%m-%d %H:%M}"
        )
        for column, text in enumerate(texts):
            item = QTableWidgetItem(text)
            item.setToolTip(about)
            flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
            font = item.font()
            font.setBold(used)
            item.setFont(font)
            if column == 0:
                flags |= Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEditable
                item.setCheckState(Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked)
            item.setFlags(flags)
            self.table.setItem(number, column, item)

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(0, len(COLUMNS))
        table.setHorizontalHeaderLabels(COLUMNS)
        for column, text in enumerate(TOOLTIPS):
            table.horizontalHeaderItem(column).setToolTip(text)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(24)
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        table.setShowGrid(False)
        table.itemChanged.connect(self._item_changed)
        table.currentCellChanged.connect(lambda *_: self._enable())
        table.cellDoubleClicked.connect(lambda *_: self._use())
        return table

    def _enable(self) -> None:
        if self._filling:
            return
        run = self.selected
        free = run is not None and run.name != self.busy
        self.use.setEnabled(run is not None and run.finished)
        self.resume.setEnabled(free and run is not None and not run.finished and not self.busy)
        self.rename.setEnabled(free)
        self.delete.setEnabled(free)

    def _item_changed(self, item: QTableWidgetItem) -> None:
        if self._filling or item.column() != 0:
            return
        run = self.runs[item.row()]
        if item.text() != run.name:
            self._rename_to(run, item.text().strip())
        else:
            self.compared.emit()

    def _use(self) -> None:
        if self.selected is not None and self.selected.finished:
            self._try(lambda run: self.session.selection.use_model(run.path))

    def _resume(self) -> None:
        if self.selected is not None:
            self.resumed.emit(self.selected.name)

    def _rename(self) -> None:
        if self.selected is not None:
            self.table.setFocus()
            self.table.editItem(self.table.item(self.table.currentRow(), 0))

    def _rename_to(self, run: RunInfo, name: str) -> None:
        used = self._is_used(run)

        def rename(run: RunInfo) -> None:
            if run.name == self.busy:
                return
            rename_run(self.session, run.name, name)
            if used:
                model = self.session.selection.model
                threshold, distance = model.threshold, model.min_distance
                self.session.selection.use_model(self.session.project.runs_folder / name)
                self.session.selection.set_threshold(threshold)
                self.session.selection.set_min_distance(distance)

        self._try(rename, run)
        self.select(name)
        self.changed.emit()

    def _delete(self) -> None:
        run = self.selected
        used = "This model is in use. " if run is not None and self._is_used(run) else ""
        question = f"{used}Delete {run.name if run else ''} and its model? This cannot be undone."
        if run is None or not self.ask(question):
            return

        def delete(run: RunInfo) -> None:
            was_used = self._is_used(run)
            self.session.project.files.delete_run(run.name)
            if was_used:
                others = [each.path for each in self.session.project.runs() if each.finished]
                self.session.selection.use_model([*others, general_model()][0])

        self._try(delete)
        self.changed.emit()

    def _is_used(self, run: RunInfo) -> bool:
        path = self.session.selection.model.path
        return path is not None and path.parent == run.path

    def _try(self, act: Callable[[RunInfo], None], run: RunInfo | None = None) -> None:
        """Do something with a run, show what went wrong, and update the list."""
        run = self.selected if run is None else run
        say(self.trouble, "")
        try:
            if run is not None:
                act(run)
        except UnetPickError as error:
            say(self.trouble, error.in_viewer)
        self.reload()

    def _ask(self, question: str) -> bool:
        answer = QMessageBox.question(self, "Delete run", question)
        return bool(answer == QMessageBox.StandardButton.Yes)
