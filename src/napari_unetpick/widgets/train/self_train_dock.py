"""The Self-train dock: train a model further on its own confident picks (pseudo-labels)."""

from __future__ import annotations

from typing import Any

from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHeaderView,
    QSizePolicy,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from napari_unetpick.errors import UnetPickError
from napari_unetpick.project.runs import rounds_with_pseudo_labels
from napari_unetpick.settings import SelfTrainSettings
from napari_unetpick.widgets.qt.controls import button, hint, say
from napari_unetpick.widgets.qt.dock import Dock
from napari_unetpick.widgets.qt.run_panel import RunPanel, alone
from napari_unetpick.widgets.train.job import training_of
from napari_unetpick.widgets.train.plan import make_self_train_plan
from napari_unetpick.widgets.train.pseudo_labels import show_pseudo_labels
from napari_unetpick.widgets.train.rounds_table import COLUMNS, TOOLTIPS, rounds_of
from napari_unetpick.widgets.train.settings_labels import WORDS

DEFAULTS = SelfTrainSettings()
ABOUT = (
    "Trains the model further on its own confident picks (pseudo-labels) of unlabelled "
    "micrographs. A round is kept only if validation improves."
)


class SelfTrainDock(Dock):
    """Starts self-training and shows its rounds."""

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, parent)
        self.training = training_of(self.session)
        self.plan_text, self.trouble = hint(), hint()
        self.run_box = QComboBox()
        self.run_box.setToolTip("The trained model to start from.")
        self.run_box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.rounds = QSpinBox()
        self.rounds.setRange(1, 10)
        self.rounds.setValue(DEFAULTS.rounds)
        self.rounds.setToolTip(WORDS["self_train.rounds"][1])
        self.quantile = QDoubleSpinBox()
        self.quantile.setRange(0.0, 0.95)
        self.quantile.setSingleStep(0.05)
        self.quantile.setSpecialValueText("as in the run")
        label, tooltip = WORDS["self_train.positive_quantile"]
        self.quantile_label = label
        self.quantile.setToolTip(f"{tooltip} As in the run: use the settings of the chosen run.")
        self.start = button(
            "Self-train",
            "Train further on pseudo-labels. You can review them afterwards.",
            self._start,
        )
        self.review = button(
            "Review pseudo-labels",
            "Show the pseudo-labels of the kept round, or else of the last one, as candidates to "
            "accept or reject.",
            self._review,
        )
        self.back = button(
            "Back to the model's picks",
            "Show the model's candidates again.",
            self._back,
        )
        self.review_line = hint()
        self.panel = RunPanel(self.session)
        self.table = self._make_table()
        self._build()
        session = self.session
        for signal in (
            session.project.changed,
            session.project.entries_changed,
            session.jobs.changed,
        ):
            self.follow(signal, self.refresh)
        self.follow(self.training.changed, self.refresh)
        self.follow(session.candidates.changed, self._show_way_back)
        self.run_box.currentIndexChanged.connect(lambda _: self._enable_review())
        self.follow(self.training.measured, self._fill)
        self.follow(self.training.troubled, lambda text: say(self.trouble, text))
        self.refresh()

    def _build(self) -> None:
        fields = QWidget()
        fields.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        form = QFormLayout(fields)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Model", self.run_box)
        form.addRow("Rounds", self.rounds)
        form.addRow(self.quantile_label, self.quantile)
        for number in range(form.rowCount()):
            field = form.itemAt(number, QFormLayout.ItemRole.FieldRole).widget()
            form.labelForField(field).setToolTip(field.toolTip())
        self.body.addWidget(hint(ABOUT))
        self.body.addWidget(self.plan_text)
        self.body.addWidget(fields)
        self.body.addWidget(self.start)
        self.body.addWidget(self.trouble)
        self.body.addWidget(self.panel)
        self.body.addWidget(self.table)
        self.body.addWidget(self.review)
        self.body.addWidget(self.review_line)
        self.body.addWidget(self.back)
        self.body.addStretch(1)

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(0, len(COLUMNS))
        table.setHorizontalHeaderLabels(COLUMNS)
        for column, text in enumerate(TOOLTIPS):
            table.horizontalHeaderItem(column).setToolTip(text)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(24)
        table.setShowGrid(False)
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(len(COLUMNS) - 1, QHeaderView.ResizeMode.Stretch)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setFixedHeight(140)
        table.hide()
        return table

    def showEvent(self, event: QShowEvent) -> None:  # Qt's name
        """Wake the engine: whoever looks here will soon train."""
        super().showEvent(event)
        alone(self.panel)
        self.session.jobs.engine.warm_up()

    def refresh(self, *_: object) -> None:
        """Show where pseudo-labels would come from, and what is missing."""
        project = self.session.project
        runs = [run for run in project.runs() if run.finished]
        chosen = self.run_box.currentData()
        self.run_box.clear()
        for run in runs:
            self.run_box.addItem(run.name, run.path)
        if (place := self.run_box.findData(chosen)) > 0:
            self.run_box.setCurrentIndex(place)
        plan = make_self_train_plan(runs, project.entries)
        missing, busy = self.training.self_train_obstacle(plan), self.session.jobs.busy
        waits = "" if self.training.running else busy
        say(self.plan_text, missing or waits or plan.describe())
        self.start.setEnabled(not missing and not busy and not self.training.running)
        self._fill()
        self._enable_review()
        self._show_way_back()

    def _enable_review(self) -> None:
        """Offer the pseudo-labels of the chosen run; not while a job shows previews."""
        run = self.run_box.currentData()
        has_some = run is not None and bool(rounds_with_pseudo_labels(run))
        self.review.setEnabled(has_some and self.session.jobs.current is None)

    def _show_way_back(self, *_: object) -> None:
        reviewing = bool(self.session.candidates.previews) and not self.training.running
        self.back.setVisible(reviewing)
        if not reviewing:
            say(self.review_line, "")

    def _review(self) -> None:
        try:
            text = show_pseudo_labels(self.session, self.run_box.currentData())
        except UnetPickError as error:
            text = error.in_viewer
        say(self.review_line, text)

    def _back(self) -> None:
        self.session.candidates.end_previews()

    def _fill(self) -> None:
        rounds = rounds_of(self.training.rows)
        self.table.setVisible(bool(rounds))
        self.table.setRowCount(len(rounds))
        for number, texts in enumerate(rounds):
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                self.table.setItem(number, column, item)

    def _start(self) -> None:
        run = self.run_box.currentData()
        try:
            quantile = self.quantile.value() or None
            self.training.start_self_training(run, self.rounds.value(), quantile)
        except UnetPickError as error:
            say(self.trouble, error.in_viewer)
