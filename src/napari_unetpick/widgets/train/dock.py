"""The Train dock: one button, what it trains on, how it goes, and the runs so far."""

from __future__ import annotations

from typing import Any

from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QComboBox, QLabel, QSizePolicy, QVBoxLayout, QWidget
from superqt.utils import qthrottled

from napari_unetpick.errors import UnetPickError
from napari_unetpick.project.runs import METRICS, RunCurves, curves_of, read_metrics
from napari_unetpick.widgets.qt.controls import button, hint, row, say, section
from napari_unetpick.widgets.qt.dock import Dock
from napari_unetpick.widgets.qt.preferences import read_preferences
from napari_unetpick.widgets.qt.run_panel import RunPanel, alone
from napari_unetpick.widgets.train.curves import Curves
from napari_unetpick.widgets.train.device_box import DeviceBox
from napari_unetpick.widgets.train.job import training_of
from napari_unetpick.widgets.train.plan import caution, describe, make_plan, starts
from napari_unetpick.widgets.train.runs_table import RunsView

REFRESH_MS = 150  # clicks come fast: the plan is read once for several


class TrainDock(Dock):
    """Trains on the labels, in the engine process."""

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, parent)
        self.training = training_of(self.session)
        self.plan_text, self.next_text = hint(), hint()
        self.trouble = hint()
        self.start_box = QComboBox()
        self.start_box.setToolTip(
            "Fine-tune the last model after correcting its picks. Train from scratch for a "
            "different particle."
        )
        self.start_box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.train = button(
            "Train",
            "Train a network on your labels, in the background; its picks appear during training. "
            "Afterwards, use it to pick all micrographs (step Pick).",
            self._train,
        )
        self.resume = button(
            "Resume",
            "Resume the training that was stopped last.",
            self._resume,
        )
        self.form: Any = None
        self._build()
        self._soon = qthrottled(self.refresh, REFRESH_MS, leading=False, parent=self)
        self._follow_all()
        self._runs_changed()

    # -- making --------------------------------------------------------------------------------

    def _build(self) -> None:
        self.panel = RunPanel(self.session)
        self.curves = Curves(self.session.viewer)
        self.runs = RunsView(self.session)
        label = QLabel("Start from")
        label.setToolTip(self.start_box.toolTip())
        start_row = row(label, self.start_box)
        start_row.layout().setStretch(1, 1)
        buttons = row(self.train, self.resume)
        buttons.layout().setStretch(0, 1)
        for part in (self.plan_text, self.next_text, start_row, buttons, self.trouble):
            self.body.addWidget(part)
        self.body.addWidget(self.panel)
        self.body.addWidget(self.curves)
        self.body.addWidget(section("Training runs", self.runs, is_open=True))
        self.body.addWidget(self._advanced())

    def _advanced(self) -> QWidget:
        content = QWidget()
        self._advanced_layout = QVBoxLayout(content)
        self._advanced_layout.setContentsMargins(0, 0, 0, 0)
        self.device_box = DeviceBox(self.session.jobs.engine, read_preferences().device)
        label = QLabel("Device")
        label.setToolTip(self.device_box.toolTip())
        holder = row(label, self.device_box)
        holder.layout().setStretch(1, 1)
        self._advanced_layout.addWidget(holder)
        self.advanced = section("Advanced settings", content)
        self.advanced.toggled.connect(self._unfolded)
        return self.advanced

    def _unfolded(self, is_open: bool) -> None:
        """Make the form when it is first wanted: it has forty fields."""
        if is_open and self.form is None:
            from napari_unetpick.widgets.train.settings_form import SettingsForm

            self.form = SettingsForm()
            self._advanced_layout.addWidget(self.form)

    def _follow_all(self) -> None:
        session = self.session
        for signal in (
            session.project.changed,
            session.project.entries_changed,
            session.project.diameter_changed,
            session.jobs.changed,
        ):
            self.follow(signal, self._soon)
        self.follow(session.selection.changed, self._soon_runs)
        self.follow(self.training.changed, self._runs_changed)
        self.follow(self.training.measured, self._draw)
        self.follow(self.training.troubled, self._report)
        self.runs.compared.connect(self._draw)
        self.runs.changed.connect(self._runs_changed)
        self.runs.resumed.connect(self._resume)
        self._report(self.training.trouble)

    def showEvent(self, event: QShowEvent) -> None:  # Qt's name
        """Wake the engine: whoever looks here will soon train."""
        super().showEvent(event)
        alone(self.panel)
        self.session.jobs.engine.warm_up()

    # -- showing -------------------------------------------------------------------------------

    def _soon_runs(self) -> None:
        """Another model or threshold was chosen: the one in use is bold."""
        path = self.session.selection.model.path
        if path != self._used:
            self._runs_changed()

    def refresh(self) -> None:
        """Show what would be trained on, and what is missing."""
        plan = make_plan(self.session.project.entries)
        missing = self.training.obstacle(plan)
        busy = self.session.jobs.busy
        cautious = caution(plan) or self.session.pixel_sizes.caution(plan.keys)
        say(self.plan_text, describe(plan) if plan.micrographs else "")
        say(self.next_text, missing or ("" if self.training.running else busy) or cautious)
        self.train.setEnabled(not missing and not busy and not self.training.running)
        self.train.setText("Training…" if self.training.running else "Train")

    def _runs_changed(self) -> None:
        training = self.training
        self._used = self.session.selection.model.path
        self.runs.busy = training.run.name if training.running and training.run else ""
        self.runs.reload()
        chosen, before = self.start_box.currentData(), self.start_box.itemData(0)
        choices = starts(self.runs.runs)
        self.start_box.clear()
        for words, value in choices:
            self.start_box.addItem(words, value)
        values = [value for _, value in choices]
        # who took the default gets the new default: the model that has just been trained
        if chosen in values and chosen != before:
            self.start_box.setCurrentIndex(values.index(chosen))
        newest = self.runs.runs[0] if self.runs.runs else None
        stopped = newest is not None and not newest.finished and not training.running
        self.resume.setVisible(stopped)
        if newest is not None:
            self.resume.setText(f"Resume {newest.name}")
        self.refresh()
        self._draw()

    def _draw(self) -> None:
        """Draw the live run, then the checked ones; with neither, the newest."""
        training, drawn = self.training, []
        if training.running and training.run is not None:
            drawn.append(curves_of(training.run.name, self._live_rows()))
        others = self.runs.checked or ([] if training.running else self.runs.runs[:1])
        live = {curves.name for curves in drawn}
        drawn += [self._stored(run) for run in others if run.name not in live]
        self.curves.draw(drawn)

    def _live_rows(self) -> list[dict[str, Any]]:
        """Metrics of the running run: those from before it was resumed, and the new ones."""
        training = self.training
        assert training.run is not None
        live = {(row.get("stage"), row.get("epoch")) for row in training.rows}
        earlier = read_metrics(training.run / METRICS)
        return [
            *(row for row in earlier if (row.get("stage"), row.get("epoch")) not in live),
            *training.rows,
        ]

    def _stored(self, run: Any) -> RunCurves:
        return curves_of(run.name, read_metrics(run.path / METRICS))

    def _report(self, text: str) -> None:
        say(self.trouble, text)

    # -- doing ---------------------------------------------------------------------------------

    def _train(self) -> None:
        def start() -> None:
            settings = {} if self.form is None else self.form.checked()
            self.training.start(settings, self.start_box.currentData(), self._device)

        self._try(start)

    def _resume(self, name: str = "") -> None:
        name = name or (self.runs.runs[0].name if self.runs.runs else "")
        self._try(lambda: self.training.resume(name, self._device))

    @property
    def _device(self) -> str:
        return str(self.device_box.currentData())

    def _try(self, act: Any) -> None:
        self._report("")
        try:
            act()
        except UnetPickError as error:
            self._report(error.in_viewer)
