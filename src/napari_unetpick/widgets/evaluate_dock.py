"""The dock that measures picks against truth, and shows where they are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHeaderView,
    QTableView,
    QWidget,
)

from napari_unetpick.evaluation.protocols import DESCRIPTIONS, PROTOCOLS
from napari_unetpick.widgets.background import Background
from napari_unetpick.widgets.controls import button, heading, hint, row, say, section
from napari_unetpick.widgets.dock import Dock
from napari_unetpick.widgets.false_pick_panel import FalsePickPanel
from napari_unetpick.widgets.result_plots import ResultPlots
from napari_unetpick.widgets.result_table import (
    FIGURES,
    MICROGRAPH_COLUMNS,
    ResultModel,
    figure_rows,
    headline,
    micrograph_rows,
)
from napari_unetpick.widgets.scoring import Answer, Question, answer
from napari_unetpick.widgets.snapshot import take_snapshot

FILE = "file"
TRUTHS = {
    "full": "Fully labelled micrographs",
    "validation": "Validation split",
    "test": "Test split",
    FILE: "A pick file…",
}
JUDGED = {"candidates": "The model's picks", "picks": "Accepted picks"}
FIGURE_ROW = 26  # px
MICROGRAPHS_HEIGHT = 170
PICK_FILES = "Picks (*.csv *.star *.box *.cbox *.txt *.json *.cs);;All files (*)"


class EvaluateDock(Dock):
    """What is compared, the figures, curves, the worst micrographs, the best false picks."""

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, parent)
        self.answer: Answer | None = None
        self._file: Path | None = None
        self._question: Question | None = None
        self.work = Background("evaluate")
        self.work.done.connect(self._show)
        self.work.failed.connect(lambda text: say(self.trouble, text))
        self.work.finished.connect(self._at_rest)
        self._build()
        self.follow(self.session.project_changed, self._forget)
        self.follow(self.session.marks_changed, self.false_picks.marks_changed)
        self.destroyed.connect(self.work.close)

    def _build(self) -> None:
        self.judged, self.truth, self.protocol = QComboBox(), QComboBox(), QComboBox()
        for name, text in JUDGED.items():
            self.judged.addItem(text, name)
        for name, text in TRUTHS.items():
            self.truth.addItem(text, name)
        for name in PROTOCOLS:
            self.protocol.addItem(name, name)
            self.protocol.setItemData(
                self.protocol.count() - 1, DESCRIPTIONS[name], Qt.ItemDataRole.ToolTipRole
            )
        self.judged.setToolTip(
            "What is measured: candidates above the threshold, or what you marked and accepted."
        )
        self.truth.setToolTip(
            "What it is compared with: your own fully labelled micrographs (of a split), or a file "
            "of picks from another program or person."
        )
        self.truth.activated.connect(self._truth_chosen)
        self.protocol.setToolTip(
            "How a hit is counted. Numbers of different protocols cannot be compared: 'particle' "
            "is centre distance up to half a diameter, each particle once."
        )
        self.border = QCheckBox("Leave out a border of half a diameter")
        self.border.setChecked(True)
        self.border.setToolTip("People disagree about particles that the edge cuts off.")
        self.go = button("Evaluate", "Measure precision, recall and F1.", self.evaluate)
        self.trouble, self.verdict, self.looks = hint(), hint(), hint()
        self.figures = self._table(ResultModel({name: DESCRIPTIONS[name] for name in PROTOCOLS}))
        self.figures.setFixedHeight(FIGURE_ROW * (len(FIGURES) + 1) + 6)
        self.micrographs = self._table(ResultModel(MICROGRAPH_COLUMNS))
        self.micrographs.verticalHeader().hide()
        self.micrographs.setFixedHeight(MICROGRAPHS_HEIGHT)
        self.micrographs.setSortingEnabled(True)
        self.micrographs.sortByColumn(1, Qt.SortOrder.AscendingOrder)  # the worst F1 first
        self.micrographs.activated.connect(self._go)
        self.micrographs.doubleClicked.connect(self._go)
        header = self.micrographs.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.notes = hint()
        self.plots = ResultPlots(self.session.viewer)
        self.false_picks = FalsePickPanel(self.session)
        self.results = [
            self.verdict,
            self.looks,
            self.figures,
            section("Curves", self.plots, is_open=True),
            heading("Worst micrographs first"),
            self.micrographs,
            heading("Best of the false picks"),
            self.false_picks,
            self.notes,
        ]
        for widget in (
            heading("Compare"),
            self.judged,
            row(hint("with"), self.truth),
            row(hint("protocol"), self.protocol),
            self.border,
            row(self.go, self._gallery_button()),
            self.trouble,
            *self.results,
        ):
            self.body.addWidget(widget)
        self._forget()

    def _table(self, model: ResultModel) -> QTableView:
        view = QTableView()
        view.setModel(model)
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        view.verticalHeader().setDefaultSectionSize(FIGURE_ROW)
        return view

    def _gallery_button(self) -> QWidget:
        return button(
            "Gallery",
            "Look at all picks as small pictures, sorted by score; accept or delete many at once "
            "(cryoSPARC's Inspect picks, a little of RELION's Select 2D).",
            self.open_gallery,
        )

    def open_gallery(self) -> None:
        """Open the gallery as a dock of its own."""
        from napari_unetpick.widgets.gallery import GalleryDock

        viewer = self.session.viewer
        viewer.window.add_dock_widget(GalleryDock(viewer), name="Gallery", area="bottom")

    def ask_file(self) -> Path | None:
        """Ask for a pick file."""
        name, _ = QFileDialog.getOpenFileName(self, "Picks to compare with", "", PICK_FILES)
        return Path(name) if name else None

    def evaluate(self) -> None:
        """Measure in the background."""
        say(self.trouble, "")
        source = self.truth.currentData()
        if source == FILE and self._file is None and not self._choose_file():
            return
        if source == "test":
            self.session.count_test_look()
        self._question = Question(
            judged=self.judged.currentData(),
            truth=self._file if source == FILE and self._file is not None else source,
            border=self.border.isChecked(),
            protocol=self.protocol.currentData(),
        )
        question, snapshot = self._question, take_snapshot(self.session)
        self.go.setEnabled(False)
        self.go.setText("Evaluating…")
        self.work.start(lambda task: answer(question, snapshot, task))

    def _choose_file(self) -> bool:
        chosen = self.ask_file()
        if chosen is None:
            return self._file is not None
        self._file = chosen
        index = self.truth.findData(FILE)
        self.truth.setItemText(index, chosen.name)
        self.truth.setItemData(index, str(chosen), Qt.ItemDataRole.ToolTipRole)
        return True

    def _truth_chosen(self, _: int) -> None:
        if self.truth.currentData() == FILE:
            self._choose_file()

    def _at_rest(self) -> None:
        self.go.setEnabled(True)
        self.go.setText("Evaluate")

    def _show(self, found: Answer) -> None:
        self.answer = found
        evaluation = found.evaluation
        for widget in self.results:
            widget.setVisible(True)
        say(self.verdict, headline(evaluation))
        looks = self.session.project.test_looks
        said = f"The test split has been looked at {looks:,} time{'s' * (looks != 1)}."
        say(self.looks, said if found.question.truth == "test" else "")
        names = list(FIGURES)
        self.figures.model().put(figure_rows(evaluation), names, list(FIGURES.values()))
        rows = micrograph_rows(evaluation)
        self.micrographs.model().put(rows, [each[0].text for each in rows])
        self.plots.show_evaluation(evaluation)
        self.false_picks.put(found.false_picks)
        say(self.notes, "\n".join(evaluation.notes))

    def _go(self, index: QModelIndex) -> None:
        self.session.go(index.model().rows[index.row()][0].text)

    def _forget(self) -> None:
        self.answer = None
        for widget in self.results:
            widget.setVisible(False)
        say(self.trouble, "")
