"""What is marked on the micrographs: changed here, undone, and written by the autosave."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.labels import State
from napari_unetpick.project.annotations import add_picks, new_picks, remove_at
from napari_unetpick.project.project import Annotations
from napari_unetpick.widgets.session.open_project import OpenProject
from napari_unetpick.widgets.session.undo import UndoStacks

Floats = NDArray[np.float64]


class AnnotationStore:
    """Picks, negatives and areas by micrograph.

    Signals (psygnal)
    -----------------
    changed(key, origin)
        What is marked on a micrograph changed; origin is "layer", "undo" or "session".

    Attributes
    ----------
    loaded
        Those in memory, by key; the others are in the project's files.
    unsaved
        Keys of those that are not written, the oldest change first.
    """

    changed = Signal(str, str)

    def __init__(self, project: OpenProject) -> None:
        self._project = project
        self.loaded: dict[str, Annotations] = {}
        self.unsaved: dict[str, None] = {}
        self._undo: UndoStacks[Annotations] = UndoStacks()
        self._made_partial: set[str] = set()  # keys whose first mark made them so, not the user
        self._states: dict[object, dict[str, State]] = {}  # before an action on many
        self._current = ""
        self._reviewed: set[str] = set()  # shown since an action on many last changed them
        project.states_set.connect(self._states_set)

    def of(self, key: str) -> Annotations:
        """Return what is marked on a micrograph; an InputError where a file is damaged."""
        if key not in self.loaded:
            self.loaded[key] = self._project.files.annotations(key)
        return self.loaded[key]

    def set(
        self, key: str, marks: Annotations, *, origin: str = "session", action: object = None
    ) -> None:
        """Replace what is marked on a micrograph; it can be undone.

        `action` stands for one change of many micrographs, which is undone as one.
        """
        self._undo.push(key, self.of(key), action)
        if action is not None:
            self._not_reviewed(key)
        self._put(key, marks, origin)

    def add(
        self,
        key: str,
        coords: Floats,
        scores: Floats | None,
        source: str,
        action: object = None,
    ) -> None:
        """Add picks to a micrograph, (N, 2) (row, col) in pixels of the file."""
        marks = self.of(key)
        more = new_picks(coords, source, scores)
        self.set(key, replace(marks, picks=add_picks(marks.picks, more)), action=action)

    def accept(self, key: str, coords: Floats, scores: Floats, action: object = None) -> None:
        """Move candidates to the picks, (N, 2) (row, col) in pixels of the file."""
        if len(coords):
            self.add(key, coords, scores, "model", action)

    def reject(self, key: str, coords: Floats) -> None:
        """Mark places as no particles: they are not shown again and teach the next training."""
        if len(coords):
            marks = self.of(key)
            places = np.concatenate([marks.negatives, np.asarray(coords, float).reshape(-1, 2)])
            self.set(key, replace(marks, negatives=places))

    def label_fully(self, keys: Sequence[str], action: object) -> None:
        """Count micrographs as fully labelled, as the first part of an action on them.

        Undoing it gives back their states, where they were not changed since.
        """
        self._states[action] = {key: self._project.entry(key).state for key in keys}
        self._change_states(dict.fromkeys(keys, "full"))

    # -- undo ----------------------------------------------------------------------------------

    def undo(self, key: str) -> int:
        """Take back the last change of a micrograph; return how many micrographs it changed."""
        action = self._undo.action(key)
        if action is not None:
            return self.undo_action(action)
        return int(self._travel(key, self._undo.undo))

    def undo_action(self, action: object) -> int:
        """Take back an action on many micrographs; return how many it changed.

        Where one was edited since, the edits stay: what the action added goes, and what it removed
        comes back.
        """
        keys = self._undo.changed_by(action)
        with self._project.entries_changed.paused(_joined):
            for key in keys:
                if self._undo.action(key) is action:
                    self._travel(key, self._undo.undo)
                else:
                    marks = self.of(key)
                    before, after = self._undo.around(key, action, marks)
                    self.set(key, _taken_back(marks, before, after), origin="undo")
        states = self._states.get(action, {})
        self._change_states({k: s for k, s in states.items() if self._is_full(k)})
        return len(keys)

    def redo(self, key: str) -> int:
        """Bring back what was undone last; return how many micrographs that changed."""
        action = self._undo.action(key, undone=True)
        if action is None:
            return int(self._travel(key, self._undo.redo))
        keys = self._undo.undone_of(action)
        with self._project.entries_changed.paused(_joined):
            for each in keys:
                self._not_reviewed(each)
                self._travel(each, self._undo.redo)
        self._change_states(dict.fromkeys(self._states.get(action, {}), "full"))
        return len(keys)

    def undo_depth(self, key: str) -> tuple[int, int]:
        """How many changes can be undone and redone."""
        return self._undo.depth(key)

    def _travel(self, key: str, move: Callable[[str, Annotations], Annotations | None]) -> bool:
        found = None
        if key and any(self._undo.depth(key)):  # else it may be unreadable
            found = move(key, self.of(key))
            if found is not None:
                self._put(key, found, "undo")
        return found is not None

    # -- what nobody has looked at -------------------------------------------------------------

    def review(self, key: str) -> None:
        """Note that a micrograph is shown: the user sees the picks that it has now."""
        self._current = key
        self._reviewed.add(key)

    def unreviewed(self, keys: Sequence[str]) -> list[str]:
        """Return those of some micrographs with picks of a model that nobody has looked at.

        What was looked at before the project was opened is not known: it counts as not looked at.
        """
        found = []
        for key in keys:
            if key in self._reviewed or not self._project.entry(key).picks:
                continue
            try:
                sources = self.of(key).picks.columns()["sources"]
            except UnetPickError:  # a damaged file: nobody can have seen its picks
                found.append(key)
                continue
            if (sources == "model").any():
                found.append(key)
        return found

    def _not_reviewed(self, key: str) -> None:
        if key != self._current:
            self._reviewed.discard(key)

    # -- within --------------------------------------------------------------------------------

    def _states_set(self, keys: list[str]) -> None:
        self._made_partial.difference_update(keys)

    def _put(self, key: str, marks: Annotations, origin: str) -> None:
        before = self.loaded.get(key)
        self.loaded[key] = marks
        self.unsaved.setdefault(key)
        fields = self._state_after(key, marks, origin)
        if before is None or len(before.picks) != len(marks.picks) or fields:
            self._project.files.change(key, picks=len(marks.picks), **fields)
            self._project.entries_changed.emit([key])
        self.changed.emit(key, origin)

    def _is_full(self, key: str) -> bool:
        entry = self._project.entries.get(key)
        return entry is not None and entry.state == "full"

    def _change_states(self, states: Mapping[str, State]) -> None:
        """Change label states as part of an action."""
        there = {key: state for key, state in states.items() if key in self._project.entries}
        for key, state in there.items():
            self._project.files.change(key, state=state)
        if there:
            self._project.edited.emit()
            self._project.entries_changed.emit(list(there))

    def _state_after(self, key: str, marks: Annotations, origin: str) -> dict[str, Any]:
        """Return the label state that a change brings with it: the first mark makes it partial."""
        marked = len(marks.picks) or len(marks.negatives) or len(marks.complete)
        if marked and self._project.entry(key).state == "none":
            self._made_partial.add(key)
            return {"state": "partial"}
        if origin == "undo" and not marked and key in self._made_partial:
            self._made_partial.remove(key)
            return {"state": "none"}
        return {}

    def write(self, key: str) -> None:
        """Write what is marked on a micrograph; an error where that cannot be."""
        self._project.files.save_annotations(key, self.loaded[key])
        del self.unsaved[key]

    def forget(self) -> None:
        """Another project is open."""
        self.loaded.clear()
        self.unsaved.clear()
        self._made_partial.clear()
        self._reviewed.clear()
        self._states.clear()
        self._current = ""
        self._undo.clear()


def _joined(first: tuple[list[str]], second: tuple[list[str]]) -> tuple[list[str]]:
    """Return what two signals told, as one."""
    first[0].extend(second[0])
    return first


def _taken_back(marks: Annotations, before: Annotations, after: Annotations) -> Annotations:
    """Return marks without what a change from `before` to `after` added, with what it removed."""
    old, new = set(_places(before)), set(_places(after))
    left = remove_at(marks.picks, new - old)
    gone = (old - new) - set(map(tuple, left.coords.tolist()))
    back = np.array([tuple(place) in gone for place in before.picks.coords.tolist()], bool)
    had, has = (set(map(tuple, each.negatives.tolist())) for each in (before, after))
    now = [tuple(place) for place in marks.negatives.tolist()]
    negatives = [place for place in now if place not in has - had]
    negatives += [place for place in sorted(had - has) if place not in now]
    return replace(
        marks,
        picks=add_picks(left, before.picks.select(back)),
        negatives=np.array(negatives, np.float64).reshape(-1, 2),
    )


def _places(marks: Annotations) -> list[tuple[float, ...]]:
    return [tuple(place) for place in marks.picks.coords.tolist()]
