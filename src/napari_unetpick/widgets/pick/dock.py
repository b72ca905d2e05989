"""The Pick dock: a model finds candidates, the threshold selects picks."""

from __future__ import annotations

from functools import partial
from typing import Any

from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QCheckBox, QWidget
from superqt.utils import qthrottled

from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.picks import tell_count
from napari_unetpick.widgets.annotate.diameter_panel import DiameterPanel
from napari_unetpick.widgets.layers.tools import get_tools
from napari_unetpick.widgets.pick.all_scores import ScoreTable
from napari_unetpick.widgets.pick.counts_plot import CountsPlot
from napari_unetpick.widgets.pick.job import describe_failures, picking_of
from napari_unetpick.widgets.pick.model_chooser import ModelBox
from napari_unetpick.widgets.pick.threshold_panel import ThresholdPanel
from napari_unetpick.widgets.pick.use_as_labels import LabelsFromCandidates, accept_above
from napari_unetpick.widgets.pick.watch_folder import WatchFolder
from napari_unetpick.widgets.qt.controls import button, heading, hint, row, say, section
from napari_unetpick.widgets.qt.dock import Dock
from napari_unetpick.widgets.qt.run_panel import RunPanel, alone
from napari_unetpick.widgets.train.job import training_of

WITH_GENERAL = "Pick with the general model"
LABELS = "Use as labels"
LABELS_TIP = (
    "Add all candidates above the threshold to the labels for the next training, in every kept "
    "micrograph that was picked, without reviewing each. They stay marked as the model's picks. "
    "Their micrographs count as partly labelled until you review them; fully labelled micrographs "
    "and areas are not changed. One Undo (Ctrl+Z) removes them from all micrographs."
)
REDRAW_MS = 100  # bars of thousands of micrographs: not at every step of a slider


class PickDock(Dock):
    """Model, diameter, picking, threshold, accepting, picks per micrograph."""

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, parent)
        self.picking = picking_of(self.session)
        self._used = self.session.selection.model.path
        self.table = ScoreTable(self.session, self)
        self.labelling = LabelsFromCandidates(self.session, self)
        self.trouble, self.next_text, self.failures, self.done = hint(), hint(), hint(), hint()
        self.model_box = ModelBox(self.session, partial(say, self.trouble))
        self.diameter = DiameterPanel(get_tools(self.session))
        self.watching = WatchFolder(self.session, self.picking)
        self.panel = RunPanel(self.session)
        self.threshold = ThresholdPanel(self.session, self.table)
        self.counts = CountsPlot(self.session.viewer)
        self._build()
        self._redraw_soon = qthrottled(self._draw_counts, REDRAW_MS, leading=False, parent=self)
        self._follow_all()
        self.destroyed.connect(self.table.close)
        self.refresh()

    # -- making --------------------------------------------------------------------------------

    def _build(self) -> None:
        self.pick_here = button(
            "Pick this",
            "Pick particles in the micrograph that is shown.",
            lambda: self._pick([self.session.browser.current]),
        )
        self.pick_selected = button(
            "Pick selected",
            "Pick particles in the micrographs that are selected in the Micrographs dock.",
            lambda: self._pick(self.session.browser.selected),
        )
        self.pick_all = button(
            "Pick all kept",
            "Pick particles in every micrograph that is not rejected (RELION's Auto-picking). It "
            "runs in the background: you can continue to work.",
            lambda: self._pick(self._kept()),
        )
        self.skip = QCheckBox("Skip micrographs already picked")
        self.skip.setToolTip(
            "For Pick selected and all kept ones: skip micrographs that have candidates, to resume "
            "picking that was stopped. Untick it after training, to pick with the new model."
        )
        self.accept_here = button(
            "Accept here",
            "Accept all candidates above the threshold in this micrograph as picks, which you can "
            "edit and train on. Undo: Ctrl+Z.",
            self._accept_here,
        )
        self.use_as_labels = button(LABELS, LABELS_TIP, self._use_as_labels)
        self.undo_labels = button(
            "Undo", "Remove these labels from all micrographs again (Ctrl+Z).", self._undo_labels
        )
        self.undo_labels.hide()
        for widget in (
            self.model_box,
            self.diameter,
            self.next_text,
            self.pick_all,
            row(self.pick_here, self.pick_selected),
            self.skip,
            self.watching,
            self.trouble,
            self.failures,
            self.panel,
            heading("Threshold"),
            self.threshold,
            row(self.accept_here, self.use_as_labels),
            self.done,
            self.undo_labels,
            section("Picks per micrograph", self.counts, is_open=True),
        ):
            self.body.addWidget(widget)

    def _follow_all(self) -> None:
        session, tools = self.session, get_tools(self.session)
        self.follow(session.project.changed, self._project_changed)
        self.follow(session.project.entries_changed, self._entries_changed)
        self.follow(session.browser.current_changed, self._current_changed)
        self.follow(session.annotations.changed, self._marks_changed)
        self.follow(session.candidates.changed, self._candidates_changed)
        self.follow(session.selection.changed, self._selection_changed)
        self.follow(session.project.diameter_changed, lambda _: self._say_state())
        self.follow(tools.measured, self.diameter.measured)
        self.follow(tools.changed, self.diameter.show_tool)
        self.follow(session.browser.selected_changed, self._say_state)
        self.follow(session.jobs.changed, self._say_state)
        self.follow(training_of(session).changed, self.model_box.refresh)
        self.follow(self.picking.changed, self._picking_changed)
        self.follow(self.table.changed, self._scores_changed)
        self.labelling.progress.connect(self._labelling_progress)
        self.labelling.ended.connect(self._labelled)
        self.counts.chosen.connect(session.browser.go)

    def showEvent(self, event: QShowEvent) -> None:  # Qt's name
        """Wake the engine: whoever looks here will soon pick."""
        super().showEvent(event)
        alone(self.panel)
        self.session.jobs.engine.warm_up()
        self.refresh()

    # -- showing -------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show everything again."""
        self.model_box.refresh()
        self._say_state()
        if self.isVisible():  # scores of thousands of micrographs are read for who looks at them
            self.table.refresh()
            self.threshold.refresh()
            self._redraw_soon()  # the first plot loads its library, which opening does not wait for

    def _say_state(self) -> None:
        kept, general = self._kept(), self.session.selection.model.general
        self.diameter.setVisible(general)  # other models have one of their own
        self.diameter.refresh()
        missing = self.picking.obstacle(kept)
        running = self.picking.running
        say(self.next_text, "" if running else missing)
        able = not missing and not running
        selected = len(self.session.browser.selected)
        self.pick_here.setEnabled(able and bool(self.session.browser.current))
        self.pick_selected.setEnabled(able and selected > 0)
        self.pick_selected.setText(f"Pick selected ({selected:,})" if selected else "Pick selected")
        self.pick_all.setEnabled(able)
        text = f"Picking: {self.picking.found:,} of {self.picking.total:,} done…"
        words = WITH_GENERAL if general else "Pick all kept"
        self.pick_all.setText(text if running else f"{words} ({len(kept):,})")
        say(self.failures, describe_failures(self.picking.failed))

    def _draw_counts(self) -> None:
        """Draw picks per micrograph, and say how many could be accepted."""
        if not self.isVisible():
            return
        session = self.session
        above = self.table.scores.counts(session.selection.model.threshold_now)
        kept, entries = self._kept(), session.project.entries
        accepted = [entries[key].picks for key in kept]
        counts = [above.get(key, 0) for key in kept]
        some = any(accepted) or any(counts)
        self.counts.setVisible(some)
        if some:
            self.counts.draw(kept, accepted, counts)
            self.counts.mark(session.browser.current)
        here = above.get(session.browser.current, 0)
        self.accept_here.setText(f"Accept here ({here:,})" if here else "Accept here")
        self.accept_here.setEnabled(here > 0)
        total = sum(above.get(key, 0) for key in kept if entries[key].state != "full")
        if not self.labelling.running:
            self.use_as_labels.setText(f"{LABELS} ({total:,})" if total else LABELS)
            self.use_as_labels.setEnabled(total > 0)

    def _kept(self) -> list[str]:
        return [key for key, entry in self.session.project.entries.items() if entry.kept]

    # -- answering to the session --------------------------------------------------------------

    def _project_changed(self) -> None:
        self.labelling.stop()
        self.watching.stop()
        for label in (self.trouble, self.done):
            say(label, "")
        self.undo_labels.hide()
        self.refresh()

    def _entries_changed(self, _: list[str]) -> None:
        self._say_state()
        self._redraw_soon()

    def _current_changed(self, _: str) -> None:
        self._say_state()
        if self.isVisible():
            self.threshold.current_changed()
            self._redraw_soon()

    def _marks_changed(self, key: str, _: str) -> None:
        self.table.look_at(key, now=self.isVisible())

    def _candidates_changed(self, key: str) -> None:
        self.table.look_at(key, now=self.isVisible())

    def _scores_changed(self) -> None:
        if self.isVisible():
            self.threshold.refresh()
            self._redraw_soon()

    def _selection_changed(self) -> None:
        if self._used != self.session.selection.model.path:
            self.model_box.refresh()
            self._say_state()
        self._used = self.session.selection.model.path
        if self.isVisible():
            self.table.refresh()
            self.threshold.selection_changed()
            self._redraw_soon()

    def _picking_changed(self) -> None:
        self._say_state()
        if self.picking.stopped:
            self.watching.stop()
        if self.picking.trouble:
            say(self.trouble, self.picking.trouble)

    # -- doing ---------------------------------------------------------------------------------

    def _pick(self, keys: list[str]) -> None:
        say(self.trouble, "")
        self._say_done("")
        here = self.session.browser.current
        keys = sorted(keys, key=lambda key: key != here)  # what is in view is wanted first
        if self.skip.isChecked() and keys != [here]:
            there = set(self.session.project.files.picked())
            keys = [key for key in keys if key not in there]
            if not keys:
                say(
                    self.trouble,
                    "All are picked already. Untick “Skip micrographs already picked”.",
                )
                return
        try:
            self.picking.start(keys)
        except UnetPickError as error:
            say(self.trouble, error.in_viewer)

    def _accept_here(self) -> None:
        key = self.session.browser.current
        try:
            count = accept_above(self.session, key, self.session.selection.model.threshold_now)
        except UnetPickError as error:
            say(self.trouble, error.in_viewer)
            return
        self._say_done(f"{tell_count(count, 'candidate')} accepted in {key}.")

    def _use_as_labels(self) -> None:
        if self.labelling.running:
            self.labelling.stop()
            return
        entries = self.session.project.entries
        self.labelling.start([key for key in self.table.scores.keys if entries[key].kept])
        self.use_as_labels.setText("Stop")

    def _labelling_progress(self, done: int, total: int) -> None:
        self._say_done(f"{done:,} of {tell_count(total, 'micrograph')}…")

    def _labelled(self, picks: int, micrographs: int, trouble: str) -> None:
        where = tell_count(micrographs, "micrograph")
        text = f"{tell_count(picks, 'candidate')} in {where} used as labels."
        if micrographs:
            text += " Those micrographs count as partly labelled until you review them."
        self._say_done(text)
        self.undo_labels.setText(f"Undo in {where}")
        self.undo_labels.setVisible(micrographs > 0)
        say(self.trouble, trouble)
        self._redraw_soon()

    def _undo_labels(self) -> None:
        count = self.session.annotations.undo_action(self.labelling.action)
        self._say_done(f"Labels removed in {tell_count(count, 'micrograph')}.")

    def _say_done(self, text: str) -> None:
        say(self.done, text)
        self.undo_labels.hide()
