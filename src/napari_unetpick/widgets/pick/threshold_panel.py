"""Threshold and minimum distance, the histogram of scores, and the expected precision."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QGridLayout, QLabel, QVBoxLayout, QWidget
from superqt import QDoubleSlider, QLabeledDoubleSlider
from superqt.utils import qdebounced, qthrottled

from napari_unetpick.adapters.layer_data import PLAIN_COLOR, score_color
from napari_unetpick.errors import UnetPickError
from napari_unetpick.evaluation.expected_precision import (
    describe_expected,
    evidence_of,
    expected_precision,
)
from napari_unetpick.io.picks import tell_count
from napari_unetpick.widgets.layers.styles import REJECTED_COLOR
from napari_unetpick.widgets.pick.all_scores import ScoreTable
from napari_unetpick.widgets.pick.histogram import Histogram
from napari_unetpick.widgets.qt.controls import button, hint, say
from napari_unetpick.widgets.session.pixel_sizes import describe_fraction
from napari_unetpick.widgets.session.session import Session

HERE, ALL = "This micrograph", "All picked micrographs"
EVERY_MS = 30  # a slider that is dragged
NEAREST, FARTHEST = 0.25, 1.5  # diameters
NOTHING = "No candidates yet. Pick this micrograph, or all."
PREVIEW = (
    "These candidates are a preview (of a model in training, or pseudo-labels of self-training). "
    "The threshold does not apply to them."
)
ACCEPTED = "All candidates are accepted or rejected."

MEANINGS = {"rank": "Uncalibrated score", "probability": "Score (probability of a particle)"}
"""What a score is, by the kind of calibration."""
_SIGN = '<span style="background:#303030; color:{}">&nbsp;{}&nbsp;</span> {}'
LEGEND = "&nbsp; ".join(
    _SIGN.format(colour, sign, text)
    for colour, sign, text in (
        (PLAIN_COLOR, "<b>◯</b>", "pick"),
        (f"rgb{score_color(0.8)}", "○", "candidate"),
        (REJECTED_COLOR, "✕", "not a particle"),
    )
)

Floats = NDArray[np.float64]


class ThresholdPanel(QWidget):
    """What the user moves until the right candidates are picks; nothing is computed again."""

    def __init__(self, session: Session, table: ScoreTable) -> None:
        super().__init__()
        self.session = session
        self.table = table
        self.threshold = _slider(QLabeledDoubleSlider, 0.0, 1.0)
        self.threshold.setDecimals(2)
        self.threshold.setToolTip(
            "Candidates with at least this score are picks (picking threshold in RELION, Inspect "
            "picks in cryoSPARC). Higher: fewer, more confident picks."
        )
        self.distance = _slider(QDoubleSlider, NEAREST, FARTHEST)
        self.length = QDoubleSpinBox()  # the minimum distance, in A
        self.length.setKeyboardTracking(False)
        self.distance.setToolTip(
            "Of two candidates closer than this, only the one with the higher score is kept "
            "(minimum inter-particle distance in RELION)."
        )
        self.length.setToolTip(self.distance.toolTip())
        self.own = button(
            "Reset to automatic threshold",
            "Use the threshold and minimum distance that training chose.",
            self._reset,
        )
        self.scope = QComboBox()
        self.scope.addItems([HERE, ALL])
        self.scope.setToolTip("Micrographs that the histogram and the precision refer to.")
        self.histogram = Histogram(session.viewer)
        self.legend = QLabel(LEGEND)
        self.legend.setToolTip("Colours of rings and crosses in the micrograph.")
        self.counts, self.expected, self.note = hint(), hint(), hint()
        self._build()
        self._set_threshold = qthrottled(session.selection.set_threshold, EVERY_MS, parent=self)
        self._set_distance = qthrottled(session.selection.set_min_distance, EVERY_MS, parent=self)
        self.threshold.valueChanged.connect(lambda value: self._set_threshold(value))
        self.distance.valueChanged.connect(lambda value: self._set_distance(value))
        self.distance.valueChanged.connect(lambda _: self._show_length())
        self.length.valueChanged.connect(self._length_typed)
        self.histogram.dragged.connect(self._dragged)
        self.scope.currentTextChanged.connect(lambda _: self.refresh())
        self._count_soon = qthrottled(self._count, EVERY_MS, leading=False, parent=self)
        self._another = qdebounced(self.refresh, EVERY_MS, parent=self)

    def _build(self) -> None:
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        for line, (label, slider) in enumerate(
            ((QLabel("Threshold"), self.threshold), (QLabel("Minimum distance"), self.distance))
        ):
            label.setToolTip(slider.toolTip())
            grid.addWidget(label, line, 0)
            grid.addWidget(slider, line, 1)
        grid.addWidget(self.length, 2, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(grid)
        for widget in (self.own, self.scope, self.histogram, self.legend):
            layout.addWidget(widget)
        for label in (self.counts, self.expected, self.note):
            layout.addWidget(label)

    # -- what the dock calls -------------------------------------------------------------------

    def refresh(self) -> None:
        """Show candidates, threshold and distance as they are now."""
        self.selection_changed()
        scores = self._scores()
        for widget in (self.histogram, self.legend):
            widget.setVisible(bool(len(scores)))
        if len(scores):
            model = self.session.selection.model
            self.histogram.draw(scores, model.threshold_now, MEANINGS[model.calibration.kind])
        self._count()

    def current_changed(self) -> None:
        """Show another micrograph's candidates soon, where those of one alone are shown.

        The micrograph itself is drawn first.
        """
        if self._is_here:
            self._another()

    def selection_changed(self) -> None:
        """Show threshold and distance as they are now; numbers follow a moment later."""
        model = self.session.selection.model
        _put(self.threshold, model.threshold_now)
        _put(self.distance, model.min_distance_now)
        self._show_length()
        self.own.setEnabled(model.threshold is not None or model.min_distance is not None)
        self.histogram.move(model.threshold_now)
        self._count_soon()

    # -- within --------------------------------------------------------------------------------

    def _show_length(self) -> None:
        """Show the minimum distance in A; while it is dragged, where the slider stands."""
        diameter, fraction = self.session.project.diameter, self.distance.value()
        unit, of_one = describe_fraction(fraction), diameter or 1.0
        self.length.blockSignals(True)
        self.length.setDecimals(0 if diameter else 2)
        self.length.setSingleStep(max(1.0, round(0.01 * diameter)) if diameter else 0.01)
        self.length.setRange(NEAREST * of_one, FARTHEST * of_one)
        self.length.setSuffix(f" Å ({unit})" if diameter else " x diameter")
        self.length.setValue(fraction * of_one)
        self.length.blockSignals(False)

    def _length_typed(self, length: float) -> None:
        self.distance.setValue(length / (self.session.project.diameter or 1.0))

    def _dragged(self, threshold: float) -> None:
        self._set_threshold(min(max(threshold, 0.0), 1.0))

    def _reset(self) -> None:
        self.session.selection.set_min_distance(None)
        self.session.selection.set_threshold(None)

    @property
    def _is_here(self) -> bool:
        return bool(self.scope.currentText() == HERE)

    def _scores(self) -> Floats:
        """Scores of the candidates that are looked at."""
        if not self._is_here:
            return self.table.scores.values
        key = self.session.browser.current
        if not key or key in self.session.candidates.previews:
            return np.empty(0)
        try:
            chosen = self.session.selection.of(key)
        except UnetPickError as error:
            say(self.note, error.in_viewer)
            return np.empty(0)
        return np.empty(0) if chosen is None else chosen.scores

    def _count(self) -> None:
        """Say how many are picks, and how many of them are particles."""
        session, model = self.session, self.session.selection.model
        threshold, scores = model.threshold_now, self._scores()
        above = scores[scores >= threshold]
        if self._is_here and session.browser.current in session.candidates.previews:
            self._say("", "", PREVIEW)
            return
        where = "here" if self._is_here else self._where()
        accepted = self._accepted()
        if not len(scores):
            counts = f"{tell_count(accepted, 'pick')} {where}." if accepted else ""
            self._say(counts, "", self._nothing())
            return
        counts = (
            f"{tell_count(len(above), 'candidate')} of {len(scores):,} above the threshold {where}"
        )
        counts += f", {accepted:,} accepted." if accepted else "."
        found = expected_precision(above, evidence_of(model.card))
        expected = describe_expected(found, model.calibration.kind)
        if found is None and accepted:
            expected = ""
        self._say(counts, expected, self._other_model())

    def _say(self, counts: str, expected: str, note: str) -> None:
        say(self.counts, counts)
        say(self.expected, expected)
        say(self.note, note)

    def _where(self) -> str:
        count = tell_count(len(self.table.scores.keys), "micrograph")
        return f"in {count}" + (" so far" if self.table.collecting else "")

    def _accepted(self) -> int:
        entries = self.session.project.entries
        if self._is_here:
            entry = entries.get(self.session.browser.current)
            return 0 if entry is None else entry.picks
        return sum(entries[key].picks for key in self.table.scores.keys if key in entries)

    def _nothing(self) -> str:
        key = self.session.browser.current
        if not key or not self._is_here:
            return "" if not self.session.project.entries else NOTHING
        try:
            found = self.session.candidates.of(key)
        except UnetPickError as error:
            return error.in_viewer
        if found is None:
            return NOTHING
        return "No candidates found in this micrograph." if not len(found) else ACCEPTED

    def _other_model(self) -> str:
        """Say where the candidates here are another model's: their scores mean little then."""
        now, key = self.session.selection.model.name, self.session.browser.current
        found = self.session.candidates.of(key) if key and self._is_here else None
        if found is None or not now or found.model in ("", now):
            return ""
        return f"These candidates come from {found.model}. Pick again to see those of {now}."


def _slider(kind: Any, low: float, high: float) -> Any:
    made = kind(Qt.Orientation.Horizontal)
    made.setRange(low, high)
    made.setSingleStep(0.01)
    return made


def _put(slider: Any, value: float) -> None:
    """Move a slider without an echo."""
    if abs(slider.value() - value) > 1e-9:
        slider.blockSignals(True)
        slider.setValue(value)
        slider.blockSignals(False)
