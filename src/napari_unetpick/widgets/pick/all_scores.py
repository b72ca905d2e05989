"""Scores of the candidates of all picked micrographs: for histogram, counts and precision.

They are collected in a thread where model, minimum distance, diameter or a pixel size changed, and
brought up to date one by one where a micrograph was picked or marked. The threshold changes none
of them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QObject
from superqt.utils import qthrottled

from napari_unetpick.errors import UnetPickError
from napari_unetpick.widgets.qt.workers import Background, Task
from napari_unetpick.widgets.session.session import Session
from napari_unetpick.widgets.session.snapshot import Snapshot, take_snapshot
from napari_unetpick.widgets.train.job import PREVIEW

Floats = NDArray[np.float64]
SOON_MS = 50
BUDGET = 0.012  # s of the main thread at a time, for micrographs that changed


@dataclass(frozen=True)
class Scores:
    """Candidates of several micrographs, those that the user has decided on left out.

    Parameters
    ----------
    keys
        Of the micrographs that are picked, in the project's order.
    values
        (M,) scores in [0, 1].
    rows
        (M,) the place in `keys` of each.
    """

    keys: tuple[str, ...]
    values: Floats
    rows: NDArray[np.intp]

    @classmethod
    def join(cls, by_key: dict[str, Floats], order: Sequence[str]) -> Scores:
        """Put the scores of micrographs together."""
        keys = tuple(key for key in order if key in by_key)
        counts = [len(by_key[key]) for key in keys]
        values = np.concatenate([by_key[key] for key in keys]) if keys else np.empty(0)
        return cls(keys, values, np.repeat(np.arange(len(keys)), counts))

    def above(self, threshold: float) -> Floats:
        """Return the scores that reach the threshold."""
        return self.values[self.values >= threshold]

    def counts(self, threshold: float) -> dict[str, int]:
        """Return how many reach the threshold, by key."""
        counts = np.bincount(self.rows[self.values >= threshold], minlength=len(self.keys))
        return dict(zip(self.keys, counts.tolist(), strict=True))


def collect(snapshot: Snapshot, keys: Sequence[str], task: Task) -> dict[str, Floats]:
    """Read and score the candidates of micrographs; damaged files and previews are left out."""
    found: dict[str, Floats] = {}
    for number, key in enumerate(keys):
        task.step(number, len(keys))
        try:
            candidates = snapshot.candidates_of(key)
            if candidates is None or candidates.model == PREVIEW:
                continue
            marks, diameter = snapshot.marks_of(key), snapshot.diameter_px(key)
            chosen = snapshot.model.choose_among(candidates, marks, diameter)
        except UnetPickError:
            continue  # it is reported when the micrograph is shown
        found[key] = chosen.scores
    return found


class ScoreTable(QObject):
    """Keeps `scores` up to date while it is wanted.

    Signals (psygnal)
    -----------------
    changed()
        There are other scores.
    """

    changed = Signal()

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self.session = session
        self.scores = Scores((), np.empty(0), np.empty(0, np.intp))
        self._by_key: dict[str, Floats] = {}
        self._made_with: Any = None
        self._changed_keys: dict[str, None] = {}
        self._newer: set[str] = set()  # brought up to date while the thread collects
        self._work = Background("scores-of-all")
        self._work.done.connect(self._collected)
        self._soon = qthrottled(self._catch_up, SOON_MS, leading=False, parent=self)

    @property
    def collecting(self) -> bool:
        """Whether more scores are on their way."""
        return self._work.busy or bool(self._changed_keys)

    def close(self) -> None:
        """End the thread."""
        self._soon.cancel()
        self._work.close()

    def refresh(self) -> None:
        """Collect again if model, minimum distance, diameter, pixel sizes or project are others."""
        session, model = self.session, self.session.selection.model
        made_with = (
            session.project.folder,
            model.calibration,
            model.min_distance_now,
            session.project.diameter,
            [entry.micrograph for entry in session.project.entries.values()],  # their pixel sizes
        )
        if made_with == self._made_with:
            if self._changed_keys:
                self._soon()
            return
        self._made_with = made_with
        self._by_key.clear()
        self._newer.clear()
        self._changed_keys.clear()
        self._join()
        seen = {key for key, found in session.candidates.loaded.items() if found is not None}
        keys = list(
            dict.fromkeys([session.browser.current, *session.project.files.picked(), *sorted(seen)])
        )
        keys = [key for key in keys if key in session.project.entries]
        snapshot = take_snapshot(session)
        self._work.start(lambda task: collect(snapshot, keys, task))

    def look_at(self, key: str, *, now: bool = True) -> None:
        """Bring one micrograph up to date soon: it was picked, or marked.

        With `now` False it waits for the next `refresh`: nobody sees the scores.
        """
        self._changed_keys[key] = None
        if now:
            self._soon()

    def _catch_up(self) -> None:
        end = time.perf_counter() + BUDGET
        while self._changed_keys and time.perf_counter() < end:
            self._take(next(iter(self._changed_keys)))
        self._join()
        if self._changed_keys:
            self._soon()

    def _take(self, key: str) -> None:
        session = self.session
        self._changed_keys.pop(key)
        self._newer.add(key)
        self._by_key.pop(key, None)
        if key not in session.project.entries or key in session.candidates.previews:
            return
        try:
            chosen = session.selection.of(key)
        except UnetPickError:
            return
        if chosen is not None:
            self._by_key[key] = chosen.scores

    def _collected(self, found: dict[str, Floats]) -> None:
        self._by_key |= {key: each for key, each in found.items() if key not in self._newer}
        self._newer.clear()
        self._join()

    def _join(self) -> None:
        self.scores = Scores.join(self._by_key, self.session.project.keys)
        self.changed.emit()
