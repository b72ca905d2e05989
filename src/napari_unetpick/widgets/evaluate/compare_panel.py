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
from napari_unetpick.widgets.evaluate.compare_rows import COLUMNS, note_lines, side_rows, verdict
from napari_unetpick.widgets.evaluate.methods_list import PICK_FILES, SideList
from napari_unetpick.widgets.evaluate.metrics_table import Cell, ResultModel, result_view
from napari_unetpick.widgets.qt.controls import button, hint, row, say
from napari_unetpick.widgets.qt.dock import Unfollow
from napari_unetpick.widgets.qt.run_panel import RunPanel, alone
from napari_unetpick.widgets.session.session import Session
from napari_unetpick.widgets.train.job import training_of

ABOUT = (
    "Each side gets the threshold that suits it best on the validation split of your fully "
    "labelled micrographs."
)
NO_SIDES = "Tick a model, or add the picks of another program."
NAME_ROW, FIGURE_ROW = 24, 36  # px: one line, two lines
SIDES_SHOWN = 5


class ComparePanel(QWidget):
    """What is compared, the button, and the table of what came out.

    Parameters
    ----------
    leave_out_border
        Tells whether a border of half a diameter is left out.
    """

    def __init__(self, session: Session, leave_out_border: Callable[[], bool]) -> None:
        super().__init__()
        self.session = session
        self.leave_out_border = leave_out_border
        self.comparing = comparing_of(session)
        self.sides = SideList(session)
        self.sides.changed.connect(self._say_state)
        self.next_text, self.trouble = hint(), hint()
        self.verdict, self.notes = hint(), hint()
        self.panel = RunPanel(session)
        self._build()
        followed: list[tuple[Any, Callable[..., object]]] = [
            (session.project.changed, self._project_changed),
            (session.project.entries_changed, self._say_state),
            (session.project.diameter_changed, self._say_state),
            (session.jobs.changed, self._say_state),
            (session.selection.changed, self._list_anew),
            (training_of(session).changed, self._list_anew),
            (self.comparing.changed, self._show),
        ]
        for signal, call in followed:
            signal.connect(call)
        self.destroyed.connect(Unfollow(followed))
        self._show()

    def _build(self) -> None:
        self.add_file = button(
            "Add picks…",
            "Compare with the picks of another program: Topaz, crYOLO, RELION, cryoSPARC or any "
            "file that is read. Let it write all it found, with scores.",
            lambda: self._add(self.ask_file()),
        )
        self.add_folder = button(
            "Add folder…",
            "The same where a program wrote a file for each micrograph, as crYOLO (CBOX) and "
            "RELION (AutoPick) do.",
            lambda: self._add(self.ask_folder()),
        )
        self.final = QCheckBox("Final: score the test split (counted)")
        self.final.setToolTip(
            "Validation still chooses the thresholds, and the test split is scored. Do it once, "
            "when everything is decided: each look makes it less of a test, and is counted."
        )
        self.final.toggled.connect(self._say_state)
        self.go = button(
            "Compare",
            "Let each model pick the micrographs, score all sides by the same rules, and write a "
            "report into the project.",
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
            "Open the report in the browser: all figures, curves and settings.",
            self._open_report,
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (
            hint(ABOUT),
            self.sides,
            row(self.add_file, self.add_folder),
            self.final,
            self.go,
            self.next_text,
            self.trouble,
            self.panel,
            self.verdict,
            self.table,
            self.report,
            self.notes,
        ):
            layout.addWidget(widget)

    def showEvent(self, event: QShowEvent) -> None:  # Qt's name
        """Wake the engine: whoever looks here will soon compare."""
        super().showEvent(event)
        alone(self.panel)
        self.session.jobs.engine.warm_up()
        self._list_anew()

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
                self.sides.models,
                self.sides.picks,
                final=self.final.isChecked(),
                border=self.leave_out_border(),
            )
        except UnetPickError as error:
            say(self.trouble, error.in_viewer)

    def _add(self, path: Path | None) -> None:
        if path is not None:
            self.sides.add_picks(path)

    def _open_report(self) -> None:
        if self.comparing.result is None:
            return
        page = Path(self.comparing.result["page"])
        say(self.trouble, "")
        if not page.is_file():
            say(self.trouble, f"{page}: is not there any more; compare again")
        elif not self.open_page(page):
            say(self.trouble, f"no browser could be opened; the report is {page}")

    def _list_anew(self) -> None:
        if self.isVisible():
            self.sides.refresh()
            self._say_state()

    def _say_state(self, *_: object) -> None:
        """Say what is missing, and let the button start only what can be."""
        running = self.comparing.running
        missing = self.comparing.obstacle(final=self.final.isChecked())
        if not missing and not (self.sides.models or self.sides.picks):
            missing = NO_SIDES
        say(self.next_text, "" if running else missing)
        self.go.setEnabled(not missing and not running)
        self.go.setText("Comparing…" if running else "Compare")

    def _project_changed(self) -> None:
        self.sides.forget()
        self.final.setChecked(False)
        self._show()

    def _show(self) -> None:
        """Show the last result, or what went wrong."""
        result = self.comparing.result
        say(self.trouble, self.comparing.trouble)
        say(self.verdict, verdict(result) if result else "")
        say(self.notes, note_lines(result) if result else "")
        self._fill(side_rows(result) if result else [])
        self.report.setVisible(result is not None)
        if result and result["look"] is not None:
            self.final.setChecked(False)  # the next look is asked for again
        self._say_state()

    def _fill(self, rows: list[tuple[Cell, ...]]) -> None:
        """Show a name over the figures of its side: beside them there is no room for it."""
        self.rows.put(rows, [each[0].text for each in rows])
        self.table.clearSpans()
        for number in range(0, len(rows), 2):
            self.table.setSpan(number, 0, 1, len(COLUMNS))
            self.table.setRowHeight(number, NAME_ROW)
            self.table.setRowHeight(number + 1, FIGURE_ROW)
        sides = min(len(rows) // 2, SIDES_SHOWN)
        header = self.table.horizontalHeader().sizeHint().height()
        self.table.setFixedHeight(header + sides * (NAME_ROW + FIGURE_ROW) + 4)
        self.table.setVisible(bool(rows))
