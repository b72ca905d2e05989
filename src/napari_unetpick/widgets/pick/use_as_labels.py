"""Makes candidates above the threshold picks: of the micrograph in view, or of many as labels."""

from __future__ import annotations

import time
from collections.abc import Sequence

from psygnal import Signal
from qtpy.QtCore import QObject, QTimer

from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.labels import inside_any
from napari_unetpick.widgets.session.session import Session

BUDGET = 0.012  # s of the main thread at a time


def accept_above(session: Session, key: str, threshold: float, action: object = None) -> int:
    """Move a micrograph's candidates above a threshold to its picks; return how many.

    Parameters
    ----------
    action
        Stands for one change of many micrographs that nobody looks at: areas that the user has
        labelled completely are left as they are. None: one step of this micrograph's undo.
    """
    chosen = session.selection.of(key)
    if chosen is None or key in session.candidates.previews:
        return 0
    above = chosen.scores >= threshold
    if action is not None:
        above &= ~inside_any(chosen.coords, session.annotations.of(key).complete)
    session.annotations.accept(key, chosen.coords[above], chosen.scores[above], action)
    return int(above.sum())


class LabelsFromCandidates(QObject):
    """Makes the candidates of many micrographs labels, a few micrographs at a time.

    Nobody looks at them: the picks keep the source "model", their micrographs are partly labelled
    at most, and fully labelled ones are left as they are. It is one action of undo.

    Signals (psygnal)
    -----------------
    progress(done, total)
    ended(picks, micrographs, trouble)
        How many picks were added, in how many micrographs; trouble is one line or "".

    Attributes
    ----------
    action
        What `session.annotations.undo_action` takes back, or None before the first.
    """

    progress = Signal(int, int)
    ended = Signal(int, int, str)

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self.session = session
        self.action: object = None
        self._keys: list[str] = []
        self._total = self._picks = self._micrographs = 0
        self._threshold = 0.5
        self._trouble = ""
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._continue)

    @property
    def running(self) -> bool:
        """Whether micrographs are still to be done."""
        return bool(self._keys)

    def start(self, keys: Sequence[str]) -> None:
        """Use the candidates of these micrographs, at the threshold of this moment."""
        self.action = object()
        self._keys = list(reversed(keys))
        self._total, self._picks, self._micrographs, self._trouble = len(keys), 0, 0, ""
        self._threshold = self.session.selection.model.threshold_now
        self._timer.start(0)

    def stop(self) -> None:
        """Leave the rest as it is."""
        if self._keys:
            self._keys.clear()
            self._end()

    def _continue(self) -> None:
        if (
            self.session.autosave.saving
        ):  # else a click made meanwhile would be saved after all of these
            return
        end = time.perf_counter() + BUDGET
        while self._keys and time.perf_counter() < end:
            self._accept(self._keys.pop())
        self.progress.emit(self._total - len(self._keys), self._total)
        if not self._keys:
            self._end()

    def _accept(self, key: str) -> None:
        entry = self.session.project.entries.get(key)
        if entry is None or entry.state == "full":
            return
        try:
            count = accept_above(self.session, key, self._threshold, self.action)
        except UnetPickError as error:
            self._trouble = self._trouble or error.in_viewer
            return
        self._picks += count
        self._micrographs += count > 0

    def _end(self) -> None:
        self._timer.stop()
        self.ended.emit(self._picks, self._micrographs, self._trouble)
