"""The project of a viewer and what is marked in it: changed here, written soon after, undone.

The lower half of a `Session`: it knows neither layers nor the engine.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_unetpick.adapters.notify import tell
from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.labels import State
from napari_unetpick.project.annotations import add_picks, new_picks
from napari_unetpick.project.project import Annotations, Entry, Project
from napari_unetpick.widgets.session.undo import UndoStacks

SAVE_AFTER_MS = 1000  # of an edit; the promise is two seconds
SAVE_BUDGET = 0.015  # s of the main thread at a time
MANY = 100  # micrographs: from here on they are written at once, to keep the promise

Floats = NDArray[np.float64]


class Marking:
    """Project, current micrograph, marks and their undo; signals as `Session` lists them."""

    project_changed = Signal()
    entries_changed = Signal(object)
    current_changed = Signal(str)
    marks_changed = Signal(str, str)
    diameter_changed = Signal(object)
    selection_changed = Signal()
    selected_changed = Signal()

    def __init__(self) -> None:
        self.project: Project = Project.create_temporary()
        self.current = ""
        self.undo_stacks: UndoStacks[Annotations] = UndoStacks()
        self.order: list[str] = []  # keys as the list of micrographs shows them, where it is open
        self.selected: list[str] = []  # keys of the rows that are selected there
        self._marks: dict[str, Annotations] = {}
        self.saving = False  # what changed, a few micrographs at a time: who changes many waits
        self._unsaved: dict[str, None] = {}  # keys, the oldest change first
        self._called_partial: set[str] = set()  # keys whose first mark made them so, not the user
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._save_some)

    # -- project and micrographs ---------------------------------------------------------------

    @property
    def keys(self) -> list[str]:
        """Keys of all micrographs, in the project's order."""
        return list(self.project.entries)

    def entry(self, key: str) -> Entry:
        """Return what is known of a micrograph."""
        return self.project.entries[key]

    def add_micrographs(self, sources: str | Path | Sequence[str | Path]) -> list[str]:
        """Add the micrographs of a file, folder, glob or STAR; return their new keys.

        Raises
        ------
        InputError
            Nothing is found.
        """
        return self.add_listed(list_micrographs(sources))

    def add_listed(self, micrographs: Sequence[Micrograph]) -> list[str]:
        """Add micrographs that were listed before (in a thread); return their new keys.

        Those that the project has may lie elsewhere now, or be better known.
        """
        new = self.project.add(micrographs)
        self._change_later()
        self.entries_changed.emit(list(dict.fromkeys(each.key for each in micrographs)))
        if not self.current and new:
            self.go(new[0])
        return new

    def change_entry(self, key: str, **fields: Any) -> None:
        """Change state, kept or split of a micrograph."""
        self.change_entries([key], **fields)

    def change_entries(self, keys: Sequence[str], **fields: Any) -> None:
        """Change state, kept or split of several micrographs."""
        if "state" in fields:
            self._called_partial.difference_update(keys)
        for key in keys:
            self.project.change(key, **fields)
        self._change_later()
        self.entries_changed.emit(list(keys))

    @property
    def diameter(self) -> float | None:
        """Particle diameter in A, or None where it is not set."""
        return self.project.diameter

    def set_diameter(self, diameter: float | None) -> None:
        """Set the particle diameter in A."""
        if diameter != self.project.diameter:
            self.project.set_diameter(diameter)
            self._change_later()
            self.diameter_changed.emit(diameter)
            self.selection_changed.emit()

    def go(self, key: str) -> None:
        """Make a micrograph the current one; its layers follow as soon as it is read."""
        if key == self.current or key not in self.project.entries:
            return
        self.current = key
        self.current_changed.emit(key)

    def step(self, by: int, *, kept_only: bool = False) -> None:
        """Go to the micrograph `by` places on (negative: back), as far as the list reaches."""
        every = self.order or self.keys
        keys = [k for k in every if not kept_only or self.entry(k).kept or k == self.current]
        if keys:
            here = keys.index(self.current) if self.current in keys else 0
            self.go(keys[min(max(here + by, 0), len(keys) - 1)])

    # -- marks ---------------------------------------------------------------------------------

    def marks(self, key: str) -> Annotations:
        """Return what is marked on a micrograph."""
        if key not in self._marks:
            self._marks[key] = self.project.annotations(key)
        return self._marks[key]

    def set_marks(self, key: str, marks: Annotations, *, origin: str = "session") -> None:
        """Replace what is marked on a micrograph; it can be undone."""
        self.undo_stacks.push(key, self.marks(key))
        self._put_marks(key, marks, origin)

    def undo(self) -> None:
        """Take back the last change of the current micrograph's marks."""
        self._travel(self.undo_stacks.undo)

    def redo(self) -> None:
        """Bring back what was undone last on the current micrograph."""
        self._travel(self.undo_stacks.redo)

    def _travel(self, move: Callable[[str, Annotations], Annotations | None]) -> None:
        if self.current and any(self.undo_stacks.depth(self.current)):  # else it may be unreadable
            found = move(self.current, self.marks(self.current))
            if found is not None:
                self._put_marks(self.current, found, "undo")

    def _put_marks(self, key: str, marks: Annotations, origin: str) -> None:
        before = self._marks.get(key)
        self._marks[key] = marks
        self._unsaved.setdefault(key)
        fields: dict[str, Any] = {"picks": len(marks.picks)}
        marked = len(marks.picks) or len(marks.negatives) or len(marks.complete)
        if marked and self.entry(key).state == "none":
            fields["state"] = "partial"
            self._called_partial.add(key)
        elif origin == "undo" and not marked and key in self._called_partial:
            fields["state"] = "none"
            self._called_partial.remove(key)
        counted = before is None or len(before.picks) != len(marks.picks)
        if counted or "state" in fields:
            self.project.change(key, **fields)
            self.entries_changed.emit([key])
        self._change_later()
        self.marks_changed.emit(key, origin)

    def add_picks(self, key: str, coords: Floats, scores: Floats | None, source: str) -> None:
        """Add picks to a micrograph, (N, 2) (row, col) in pixels of the file."""
        marks = self.marks(key)
        more = new_picks(coords, source, scores)
        self.set_marks(key, replace(marks, picks=add_picks(marks.picks, more)))

    def set_state(self, key: str, state: State) -> None:
        """Say how complete a micrograph's labels are."""
        self.change_entry(key, state=state)

    # -- saving --------------------------------------------------------------------------------

    def _change_later(self) -> None:
        if not self._timer.isActive():
            self._timer.start(SAVE_AFTER_MS)
        elif len(self._unsaved) >= MANY and self._timer.interval() == SAVE_AFTER_MS:
            self._timer.start(0)

    def _stop_timer(self) -> None:
        with suppress(RuntimeError):  # at the very end Qt has deleted it: there is still to save
            self._timer.stop()

    def _save_some(self) -> None:
        self.save(SAVE_BUDGET)

    def save(self, budget: float = math.inf) -> bool:
        """Write what changed, the oldest first; tell in one line what cannot be written.

        Parameters
        ----------
        budget
            Seconds after which the rest is left to the next turn of the event loop.

        Returns
        -------
        Whether all is written; the rest is tried again later.
        """
        self._stop_timer()
        self.saving = False
        if self.project.read_only:
            return False
        end = time.perf_counter() + budget
        try:
            for key in list(self._unsaved):
                self.project.save_annotations(key, self._marks[key])
                del self._unsaved[key]
                if time.perf_counter() >= end:
                    self.saving = True
                    self._timer.start(0)
                    return False
            self.project.save()
        except UnetPickError as error:
            tell(f"not saved yet: {error}", "error")
            self._timer.start(10 * SAVE_AFTER_MS)
            return False
        return True
