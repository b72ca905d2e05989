"""Reject the micrographs whose usable area, picks, CTF fit or defocus is out of bounds."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QPushButton, QVBoxLayout, QWidget
from superqt.utils import qthrottled

from napari_unetpick.io.picks import tell_count
from napari_unetpick.widgets.micrographs.out_of_bounds import (
    QUANTITIES,
    OutOfBounds,
    needs_candidates,
    out_of_bounds,
)
from napari_unetpick.widgets.micrographs.row_scores import Summary
from napari_unetpick.widgets.qt.controls import button, hint, row, say
from napari_unetpick.widgets.qt.lazy_values import LateValues
from napari_unetpick.widgets.session.session import Session

COUNT_MS = 100
BELOW, ABOVE = "is below", "is above"


class RejectForm(QWidget):
    """A quantity and a limit; says how many micrographs are out of bounds, and rejects them."""

    wanted = Signal()
    """More summaries of candidates are missing, see `missing`."""

    def __init__(self, session: Session, summaries: LateValues[Summary | None]) -> None:
        super().__init__()
        self.session, self.summaries = session, summaries
        self.is_open = False
        self._done: list[tuple[str, ...]] = []  # what was rejected, step by step
        self._out = OutOfBounds((), 0, 0)
        self.quantity, self.side = QComboBox(), QComboBox()
        self.quantity.addItems(list(QUANTITIES))
        self.quantity.setToolTip("What the limit is for: a column of the list.")
        self.side.addItems([BELOW, ABOVE])
        self.side.setToolTip("Whether low or high values are rejected.")
        self.limit = QDoubleSpinBox()
        self.limit.setKeyboardTracking(False)
        self.limit.setToolTip("A micrograph with this very value is kept.")
        self.preview = hint()
        self.reject: QPushButton = button(
            "Reject",
            "Exclude these micrographs from training and picking. They stay in the list with "
            "their picks.",
            self._reject,
        )
        self.undo: QPushButton = button("Undo", "Keep what was rejected last here.", self._undo)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(row(self.quantity, self.side, self.limit))
        layout.addWidget(self.preview)
        layout.addWidget(row(self.reject, self.undo))
        self.look_again = qthrottled(self._look, COUNT_MS, leading=False, parent=self)
        self.quantity.currentTextChanged.connect(lambda _: self._other_quantity())
        self.side.currentTextChanged.connect(lambda _: self._look())
        self.limit.valueChanged.connect(lambda _: self._look())
        self._other_quantity()

    def open(self, is_open: bool) -> None:
        """Count while the form is open; summaries of all micrographs are read then."""
        self.is_open = is_open
        if is_open:
            self._look()
            self.wanted.emit()

    def forget(self) -> None:
        """Another project is open: nothing can be undone any more."""
        self._done.clear()
        self.look_again()

    def missing(self) -> list[str]:
        """Return the keys of kept micrographs whose candidates are still to be summarised."""
        if not self.is_open or not needs_candidates(QUANTITIES[self.quantity.currentText()]):
            return []
        entries = self.session.project.entries
        return [k for k, each in entries.items() if each.kept and k not in self.summaries]

    def _other_quantity(self) -> None:
        quantity = QUANTITIES[self.quantity.currentText()]
        for widget in (self.side, self.limit):
            widget.blockSignals(True)
        self.side.setCurrentText(BELOW if quantity.below else ABOVE)
        self.limit.setDecimals(quantity.decimals)
        self.limit.setRange(0, quantity.most)
        self.limit.setSingleStep(quantity.step)
        self.limit.setSuffix(quantity.suffix)
        self.limit.setValue(quantity.start)
        for widget in (self.side, self.limit):
            widget.blockSignals(False)
        self._look()
        self.wanted.emit()

    def _summary(self, key: str) -> Summary | None:
        found = self.summaries.get(key)
        return found if isinstance(found, Summary) else None

    def _look(self) -> None:
        """Count the micrographs out of bounds, as far as they are known."""
        if not self.is_open:
            return
        quantity, entries = QUANTITIES[self.quantity.currentText()], self.session.project.entries
        below = self.side.currentText() == BELOW
        self._out = out_of_bounds(entries, quantity, self.limit.value(), self._summary, below=below)
        left = len(self.missing())
        say(
            self.preview,
            f"Reading candidates: {tell_count(left, 'micrograph')} left."
            if left
            else str(self._out),
        )
        count = len(self._out.keys)
        ready = bool(count) and not left
        self.reject.setText(f"Reject {tell_count(count, 'micrograph')}" if ready else "Reject")
        self.reject.setEnabled(ready)
        self.undo.setEnabled(bool(self._done))

    def _reject(self, *_: Any) -> None:
        self._look()  # the list may have changed since
        if keys := self._out.keys:
            self._done.append(keys)
            self.session.project.change(keys, kept=False)
            self._look()

    def _undo(self, *_: Any) -> None:
        keys = [key for key in self._done.pop() if key in self.session.project.entries]
        self.session.project.change(keys, kept=True)
        self._look()
