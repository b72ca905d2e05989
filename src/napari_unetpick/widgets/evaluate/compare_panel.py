"""The part of the Evaluate dock that compares models and other programs' picks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent, QUrl
from qtpy.QtGui import QDesktopServices, QShowEvent
from qtpy.QtWidgets import QCheckBox, QFileDialog, QHeaderView, QVBoxLayout, QWidget

from napari_unetpick.errors import UnetPickError
from napari_unetpick.widgets.evaluate.compare_job import comparing_of
from napari_unetpick.widgets.evaluate.compare_rows import (
    COLUMNS,
    comparison_summary,
    method_rows,
    note_lines,
)
from napari_unetpick.widgets.evaluate.methods_list import PICK_FILES, MethodList
from napari_unetpick.widgets.evaluate.metrics_table import Cell, ResultModel, result_view
from napari_unetpick.widgets.qt.controls import button, hint, row, say
from napari_unetpick.widgets.qt.dock import Unfollow
from napari_unetpick.widgets.qt.run_panel import RunPanel, alone
from napari_unetpick.widgets.session.session import Session
from napari_unetpick.widgets.train.job import training_of

ABOUT = (
    "Compares models and other programs' picks on your fully labelled micrographs. The threshold "
    "of each method is the one with the best F1 on the validation split."
)
NO_METHODS = "Tick a model, or add picks of another program."
NAME_ROW, FIGURE_ROW = 24, 36  # px: one line, two lines
METHODS_SHOWN = 5


class ComparePanel(QWidget):
    """The methods, the Compare button, and the table of results.

    Parameters
    ----------
    leave_out_border
        Whether a border of half a diameter is excluded.
    """

    def __init__(self, session: Session, leave_out_border: Callable[[], bool]) -> None:
        super().__init__()
        self.session = session
        self.leave_out_border = leave_out_border
        self.comparing = comparing_of(session)
        self.methods = MethodList(session)
        self.methods.changed.connect(self._say_state)
        self.next_text, self.trouble = hint(), hint()
        self.summary, self.notes = hint(), hint()
        self.panel = RunPanel(session)
        self._build()
        followed: list[tuple[Any, Callable[..., object]]] = [
            (session.project.changed, self._project_changed),
            (session.project.entries_changed, self._say_state),
            (session.project.diameter_changed, self._say_state),
            (session.jobs.changed, self._say_state),
            (session.selection.changed, self._refresh_methods),
            (training_of(session).changed, self._refresh_methods),
            (self.comparing.changed, self._show),
        ]
        for signal, call in followed:
            signal.connect(call)
        self.destroyed.connect(Unfollow(followed))
        self._show()

    def _build(self) -> None:
        self.add_file = button(
            "Add picks…",
            "Add picks of another program: Topaz, crYOLO, RELION, cryoSPARC or another format that "
            "can be read. Export them there with scores and at the lowest threshold.",
            lambda: self._add(self.ask_file()),
        )
        self.add_folder = button(
            "Add folder…",
            "Add a folder with one pick file per micrograph, as written by crYOLO (CBOX) or "
            "RELION (AutoPick).",
            lambda: self._add(self.ask_folder()),
        )
        self.final = QCheckBox("Final: evaluate on the test split (counted)")
        self.final.setToolTip(
            "Thresholds are still chosen on the validation split; scores are those of the test "
            "split. Do this once, at the end: every test-set evaluation is counted, because scores "
            "get too optimistic when choices are based on them."
        )
        self.final.toggled.connect(self._say_state)
        self.go = button(
            "Compare",
            "Pick with each model, score all methods by the same protocols, and write a report "
            "into the project.",
            self.compare,
        )
        self.rows = ResultModel(COLUMNS)
        self.table = result_view(self.rows)
        self.table.verticalHeader().hide()
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(len(COLUMNS) - 1, QHeaderView.ResizeMode.Stretch)
        self.report = button(
            "Open report",
            "Open the report in the browser: all scores, curves and settings.",
            self._open_report,
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (
            hint(ABOUT),
            self.methods,
            row(self.add_file, self.add_folder),
            self.final,
            self.go,
            self.next_text,
            self.trouble,
            self.panel,
            self.summary,
            self.table,
            self.report,
            self.notes,
        ):
            layout.addWidget(widget)

    def showEvent(self, event: QShowEvent) -> None:  # Qt's name
        """Start the engine ahead of a comparison."""
        super().showEvent(event)
        alone(self.panel)
        self.session.jobs.engine.warm_up()
        self._refresh_methods()

    def event(self, event: QEvent) -> bool:  # Qt's name
        """Keep as high as the lines are when they are wrapped: a dock would cut them."""
        done = super().event(event)
        if event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.Resize):
            layout = self.layout()
            if layout is not None:
                self.setMinimumHeight(layout.totalHeightForWidth(self.width()))
        return bool(done)

    def ask_file(self) -> Path | None:
        """Ask for a pick file."""
        name, _ = QFileDialog.getOpenFileName(self, "Picks of another program", "", PICK_FILES)
        return Path(name) if name else None

    def ask_folder(self) -> Path | None:
        """Ask for a folder of pick files."""
        name = QFileDialog.getExistingDirectory(self, "Folder with picks of another program")
        return Path(name) if name else None

    def open_page(self, page: Path) -> bool:
        """Open a page in the browser; tell whether there is one."""
        return bool(QDesktopServices.openUrl(QUrl.fromLocalFile(str(page))))

    def compare(self) -> None:
        """Start a comparison of what is ticked."""
        say(self.trouble, "")
        try:
            self.comparing.start(
                self.methods.models,
                self.methods.picks,
                final=self.final.isChecked(),
                border=self.leave_out_border(),
            )
        except UnetPickError as error:
            say(self.trouble, error.in_viewer)

    def _add(self, path: Path | None) -> None:
        if path is not None:
            self.methods.add_picks(path)

    def _open_report(self) -> None:
        if self.comparing.result is None:
            return
        page = Path(self.comparing.result["page"])
        say(self.trouble, "")
        if not page.is_file():
            say(self.trouble, f"{page} not found. Compare again.")
        elif not self.open_page(page):
            say(self.trouble, f"No browser could be opened. The report is {page}")

    def _refresh_methods(self) -> None:
        if self.isVisible():
            self.methods.refresh()
            self._say_state()

    def _say_state(self, *_: object) -> None:
        """Say what is missing, and let the button start only what can be."""
        running = self.comparing.running
        missing = self.comparing.obstacle(final=self.final.isChecked())
        if not missing and not (self.methods.models or self.methods.picks):
            missing = NO_METHODS
        say(self.next_text, "" if running else missing)
        self.go.setEnabled(not missing and not running)
        self.go.setText("Comparing…" if running else "Compare")

    def _project_changed(self) -> None:
        self.methods.forget()
        self.final.setChecked(False)
        self._show()

    def _show(self) -> None:
        """Show the last result, or what went wrong."""
        result = self.comparing.result
        say(self.trouble, self.comparing.trouble)
        say(self.summary, comparison_summary(result) if result else "")
        say(self.notes, note_lines(result) if result else "")
        self._fill(method_rows(result) if result else [])
        self.report.setVisible(result is not None)
        if result and result["look"] is not None:
            self.final.setChecked(False)  # the next one is asked for again
        self._say_state()

    def _fill(self, rows: list[tuple[Cell, ...]]) -> None:
        """Show the name of a method above its scores: beside them there is no room for it."""
        self.rows.put(rows, [each[0].text for each in rows])
        self.table.clearSpans()
        for number in range(0, len(rows), 2):
            self.table.setSpan(number, 0, 1, len(COLUMNS))
            self.table.setRowHeight(number, NAME_ROW)
            self.table.setRowHeight(number + 1, FIGURE_ROW)
        count = min(len(rows) // 2, METHODS_SHOWN)
        header = self.table.horizontalHeader().sizeHint().height()
        self.table.setFixedHeight(header + count * (NAME_ROW + FIGURE_ROW) + 4)
        self.table.setVisible(bool(rows))
