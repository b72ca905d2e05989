"""The Evaluate dock: scores against labels, errors by micrograph, comparison of models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import ref

from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QCheckBox, QComboBox, QFileDialog, QHeaderView, QWidget

from napari_unetpick.errors import UnetPickError
from napari_unetpick.evaluation.protocols import DESCRIPTIONS, PROTOCOLS
from napari_unetpick.io.picks import tell_count
from napari_unetpick.picking.scale import EDGE
from napari_unetpick.project.evaluations import count_evaluations, log_evaluation
from napari_unetpick.widgets.evaluate.compare_panel import ComparePanel
from napari_unetpick.widgets.evaluate.false_positives_panel import MissedParticlesPanel
from napari_unetpick.widgets.evaluate.job import Answer, EvaluationRequest, answer
from napari_unetpick.widgets.evaluate.methods_list import PICK_FILES
from napari_unetpick.widgets.evaluate.metrics_table import (
    FIGURES,
    MICROGRAPH_COLUMNS,
    ROW,
    ResultModel,
    figure_rows,
    headline,
    micrograph_rows,
    result_view,
)
from napari_unetpick.widgets.evaluate.plots import ResultPlots
from napari_unetpick.widgets.evaluate.truth import first_truth, missing_truth
from napari_unetpick.widgets.qt.controls import button, heading, hint, row, say, section
from napari_unetpick.widgets.qt.dock import Dock
from napari_unetpick.widgets.qt.workers import Background
from napari_unetpick.widgets.session.pixel_sizes import describe_length
from napari_unetpick.widgets.session.snapshot import take_snapshot

FILE = "file"
TRUTHS = {
    "full": "Fully labelled micrographs",
    "validation": "Validation split",
    "test": "Test split",
    FILE: "A pick file…",
}
EVALUATED = {"candidates": "The model's picks", "picks": "Accepted picks"}
GO_TIP = "Measure precision, recall and F1."
MICROGRAPHS_HEIGHT = 170


class EvaluateDock(Dock):
    """Settings, scores, curves, micrographs by F1, possible missed particles, comparison."""

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, parent)
        self.answer: Answer | None = None
        self._file: Path | None = None
        self._proposed: str | None = "full"  # None: the user has chosen a truth
        self._gallery: Any = lambda: None  # a weak reference
        self.work = Background("evaluate")
        self.work.done.connect(self._came)
        self.work.progress.connect(self._say_progress)
        self.work.failed.connect(lambda text: say(self.trouble, text))
        self.work.finished.connect(self._at_rest)
        self._build()
        self.follow(self.session.project.changed, self._forget)
        self.follow(self.session.project.entries_changed, self._propose)
        self.follow(self.session.project.diameter_changed, self._say_border)
        self.follow(self.session.annotations.changed, self._say_missing)
        self.follow(self.session.annotations.changed, self.missed.marks_changed)
        self.follow(self.session.selection.changed, self._outdated)
        self.follow(self.session.candidates.changed, lambda _: self._outdated())
        self.destroyed.connect(self.work.close)

    def _build(self) -> None:
        self.evaluated, self.truth, self.protocol = QComboBox(), QComboBox(), QComboBox()
        for name, text in EVALUATED.items():
            self.evaluated.addItem(text, name)
        for name, text in TRUTHS.items():
            self.truth.addItem(text, name)
        for name in PROTOCOLS:
            self.protocol.addItem(name, name)
            self.protocol.setItemData(
                self.protocol.count() - 1, DESCRIPTIONS[name], Qt.ItemDataRole.ToolTipRole
            )
        self.evaluated.setToolTip(
            "Picks to evaluate: candidates above the threshold, or your own and accepted picks."
        )
        self.truth.setToolTip(
            "Truth to compare with: your fully labelled micrographs (all, or of one split), or a "
            "pick file. Scores on training micrographs are too optimistic: assign some micrographs "
            "to the validation or test split in the Micrographs dock."
        )
        self.truth.activated.connect(self._truth_chosen)
        self.truth.currentIndexChanged.connect(self._say_missing)
        self.protocol.setToolTip(
            "How picks are matched to particles. Scores of different protocols cannot be compared. "
            "'particle': one-to-one, centre distance at most 0.5 x diameter."
        )
        self.protocol.activated.connect(lambda _: self._by_protocol())
        self.border = QCheckBox()
        self.border.setChecked(True)
        self.border.setToolTip("Particles cut off by the edge are labelled inconsistently.")
        self.go = button("Evaluate", GO_TIP, self.evaluate)
        self.missing = hint()
        self.trouble, self.progress, self.outdated = hint(), hint(), hint()
        self.summary, self.caution, self.test_count = hint(), hint(), hint()
        self.figures = result_view(ResultModel({name: DESCRIPTIONS[name] for name in PROTOCOLS}))
        self.figures.setFixedHeight(ROW * (len(FIGURES) + 1) + 6)
        self.micrographs = result_view(ResultModel(MICROGRAPH_COLUMNS))
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
        self.missed = MissedParticlesPanel(self.session)
        self.compare_panel = ComparePanel(self.session, self.border.isChecked)
        self.compare_fold = section("Compare models", self.compare_panel, grows=True)
        self.results = [
            self.summary,
            self.caution,
            self.test_count,
            self.figures,
            section("Curves", self.plots, is_open=True),
            heading("Micrographs, lowest F1 first"),
            self.micrographs,
            heading("Possible missed particles"),
            self.missed,
            self.notes,
        ]
        for widget in (
            heading("Evaluate"),
            self.evaluated,
            row(hint("against"), self.truth),
            row(hint("protocol"), self.protocol),
            self.border,
            row(self.go, self._gallery_button()),
            self.missing,
            self.trouble,
            self.progress,
            self.outdated,
            self.compare_fold,
            *self.results,
        ):
            self.body.addWidget(widget)
        self._forget()

    def _say_border(self, *_: object) -> None:
        length = describe_length(EDGE, self.session.project.diameter)
        self.border.setText(f"Exclude a border of {length}")
        self._say_missing()

    def showEvent(self, event: QShowEvent) -> None:  # Qt's name
        """Say what an evaluation lacks now."""
        super().showEvent(event)
        self._say_missing()

    def obstacle(self) -> str:
        """Say what keeps an evaluation from starting, and the next step, or ""."""
        project, source = self.session.project, self.truth.currentData()
        if not project.entries:
            return "Open micrographs first (step Micrographs)."
        if project.diameter is None:
            return "Set the particle diameter first (step Annotate): two clicks across a particle."
        if source == FILE:
            return ""
        missing = missing_truth(source, project.entries, self._has_area)
        return missing[:1].upper() + missing[1:] + "." if missing else ""

    def _has_area(self, key: str) -> bool:
        try:
            return bool(self.session.annotations.of(key).complete)
        except UnetPickError:
            return True  # the evaluation says what is wrong with it

    def _say_missing(self, *_: object) -> None:
        if not self.isVisible():
            return
        missing = self.obstacle()
        say(self.missing, missing)
        self.go.setEnabled(self.work.busy or not missing)

    def _gallery_button(self) -> QWidget:
        return button(
            "Gallery",
            "Show picks as small images sorted by score; accept, reject or delete many at once "
            "(like Inspect picks in cryoSPARC).",
            self.open_gallery,
        )

    def open_gallery(self) -> None:
        """Open the gallery as a dock of its own; one that is open comes to the front."""
        from napari_unetpick.widgets.gallery.dock import GalleryDock

        there = self._gallery()
        if there is not None and there.isVisible():
            there.parentWidget().raise_()
            return
        viewer = self.session.viewer
        made = GalleryDock(viewer)
        self._gallery = ref(made)
        made.destroyed.connect(self._gallery_closed)
        viewer.window.add_dock_widget(made, name="Gallery", area="right", tabify=True)

    def _gallery_closed(self) -> None:
        self._gallery = lambda: None

    def ask_file(self) -> Path | None:
        """Ask for a pick file."""
        name, _ = QFileDialog.getOpenFileName(self, "Picks to compare with", "", PICK_FILES)
        return Path(name) if name else None

    def evaluate(self) -> None:
        """Measure in the background; stop that where it is going on."""
        if self.work.busy:
            self.work.stop()
            return
        say(self.trouble, "")
        source = self.truth.currentData()
        if source == FILE and self._file is None and not self._choose_file():
            return
        question = EvaluationRequest(
            evaluated=self.evaluated.currentData(),
            truth=self._file if source == FILE and self._file is not None else source,
            border=self.border.isChecked(),
            protocol=self.protocol.currentData(),
        )
        snapshot = take_snapshot(self.session)
        self.go.setText("Stop")
        self.go.setToolTip("Stop measuring.")
        say(self.progress, "Reading micrographs and picks…")
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

    def _propose(self, *_: object) -> None:
        """Choose the split that the model did not train on, until the user chooses."""
        if self.truth.currentData() == self._proposed:
            self._proposed = first_truth(self.session.project.entries)
            self.truth.setCurrentIndex(self.truth.findData(self._proposed))
        self._say_missing()

    def _truth_chosen(self, _: int) -> None:
        self._proposed = None
        if self.truth.currentData() == FILE:
            self._choose_file()

    def _say_progress(self, done: int, total: int) -> None:
        if total > 50 and done % 50 == 0:
            say(self.progress, f"{done:,} of {tell_count(total, 'micrograph')}…")

    def _at_rest(self) -> None:
        self.go.setText("Evaluate")
        self.go.setToolTip(GO_TIP)
        say(self.progress, "")
        self._say_missing()

    def _came(self, found: Answer) -> None:
        if found.question.truth == "test":  # counted when there is a result
            self._log(found)
        self.missed.put(found.unmatched)
        say(self.outdated, "")
        self._show(found)

    def _by_protocol(self) -> None:
        """Show the scores of another protocol: all were measured."""
        if self.answer is not None:
            protocol = self.protocol.currentData()
            found = replace(self.answer.evaluation, protocol=protocol)
            self._show(replace(self.answer, evaluation=found))

    def _outdated(self) -> None:
        if self.answer is not None and self.answer.question.evaluated == "candidates":
            say(self.outdated, "Model, threshold or candidates have changed. Evaluate again.")

    def _show(self, found: Answer) -> None:
        self.answer = found
        evaluation, diameter = found.evaluation, self.session.project.diameter
        for widget in self.results:
            widget.setVisible(True)
        say(self.summary, headline(evaluation, diameter))
        say(self.caution, f"Caution: {found.caution}." if found.caution else "")
        is_test = found.question.truth == "test"
        say(self.test_count, self._count_tests(found) if is_test else "")
        names = list(FIGURES)
        self.figures.model().put(figure_rows(evaluation), names, list(FIGURES.values()))
        rows = micrograph_rows(evaluation, diameter)
        self.micrographs.model().put(rows, [each[0].text for each in rows])
        self.plots.show_evaluation(evaluation)
        say(self.notes, "\n".join(evaluation.notes))

    def _log(self, found: Answer) -> None:
        """Log that the test split was evaluated, once more."""
        project, method = self.session.project, found.question.evaluated
        if method == "candidates":
            method = self.session.selection.model.name or method
        if not project.read_only:
            try:
                log_evaluation(project.folder, [method], found.truth_hash, found.keys)
            except UnetPickError as error:
                say(self.trouble, error.in_viewer)

    def _count_tests(self, found: Answer) -> str:
        """Say how often the test split was evaluated, by comparisons as well."""
        try:
            count = count_evaluations(self.session.project.folder, found.keys)
        except UnetPickError as error:
            return error.in_viewer
        return f"{tell_count(count, 'test-set evaluation')} so far."

    def _go(self, index: QModelIndex) -> None:
        self.session.browser.go(index.model().rows[index.row()][0].value)

    def _forget(self) -> None:
        self.answer = None
        self.work.stop()
        self.missed.put(())
        for widget in self.results:
            widget.setVisible(False)
        say(self.trouble, "")
        say(self.outdated, "")
        self._say_border()
        self._propose()
