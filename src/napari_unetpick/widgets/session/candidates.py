"""The model's candidates of the micrographs: in memory, as previews, and in the project's files."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_unetpick.adapters.notify import tell
from napari_unetpick.errors import UnetPickError
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.picking.junk import keep_painted
from napari_unetpick.widgets.session.open_project import OpenProject


class CandidateStore:
    """Candidates by micrograph.

    Signals (psygnal)
    -----------------
    changed(key)
        A micrograph has new candidates, or none any more.

    Attributes
    ----------
    previews
        Raw thresholds, by key, of candidates that are shown for now and never written.
    unwritten
        Keys of those that could not be written.
    """

    changed = Signal(str)

    def __init__(self, project: OpenProject) -> None:
        self._project = project
        self.previews: dict[str, float] = {}
        self.unwritten: set[str] = set()
        self._loaded: dict[str, Candidates | None] = {}

    def of(self, key: str) -> Candidates | None:
        """Return the model's candidates of a micrograph, or None where it was not picked.

        A damaged file is told once, and the micrograph counts as not picked.
        """
        if key not in self._loaded:
            try:
                self._loaded[key] = self._project.files.candidates(key)
            except UnetPickError as error:
                self._loaded[key] = None
                tell(error.in_viewer, "error")
        return self._loaded[key]

    def put(self, key: str, candidates: Candidates) -> None:
        """Take over the candidates of a picking, and write them to the project.

        Where the user painted or erased junk, it stays as it is.
        """
        if key in self.previews:
            del self.previews[key], self._loaded[key]
        with suppress(UnetPickError):  # a damaged file is replaced
            before = self._loaded.get(key)
            if before is None:
                before = self._project.files.candidates(key)
            if before is not None:
                candidates = replace(candidates, junk=keep_painted(before.junk, candidates.junk))
        self._store(key, candidates)

    def _store(self, key: str, candidates: Candidates) -> None:
        self._loaded[key] = candidates
        self.unwritten.add(key)
        self._write(key, candidates)
        self.changed.emit(key)

    def set_junk(self, key: str, cells: NDArray[np.bool_]) -> None:
        """Correct the junk of a micrograph, (rows, cols) of its map, and write it.

        Previews, and micrographs whose map has other cells by now, stay as they are.
        """
        found = self.of(key) if key in self._project.entries else None
        old = None if found is None or key in self.previews else found.junk
        if found is None or old is None or cells.shape != old.cells.shape:
            return
        if not np.array_equal(cells, old.cells):
            self._store(key, replace(found, junk=old.painted(cells)))

    def put_preview(self, key: str, candidates: Candidates, shown_from: float) -> None:
        """Show candidates from a raw score on, until `end_previews`; they are not written."""
        self._loaded[key], self.previews[key] = candidates, shown_from
        self.changed.emit(key)

    def end_previews(self) -> None:
        """Go back to the candidates of the last picking."""
        keys = list(self.previews)
        self.previews.clear()
        for key in keys:
            self._loaded.pop(key, None)
            if key in self._project.entries:
                self.changed.emit(key)

    @property
    def loaded(self) -> dict[str, Candidates | None]:
        """Those in memory, by key; a thread reads others from the files. No previews."""
        return {key: each for key, each in self._loaded.items() if key not in self.previews}

    @property
    def count(self) -> int:
        """How many micrographs have candidates."""
        known = sum(each is not None for each in self._loaded.values())
        return known or len(self._project.files.picked())

    def of_other_models(self, model: str) -> int:
        """Count the micrographs in memory whose candidates are of another model than this one."""
        found = (each for key, each in self._loaded.items() if key not in self.previews)
        return sum(each is not None and each.model not in ("", model) for each in found)

    def rename_model(self, old: str, new: str) -> None:
        """Say that a run has another name now."""
        for key, found in self._loaded.items():
            if found is not None and found.model == old:
                self._loaded[key] = replace(found, model=new)

    def in_memory_alone(self) -> dict[str, Candidates]:
        """Return those that could not be written, by key."""
        found = {key: self._loaded[key] for key in self.unwritten}
        return {key: each for key, each in found.items() if each is not None}

    def forget(self) -> None:
        """Another project is open."""
        self._loaded.clear()
        self.unwritten.clear()
        self.previews.clear()

    def _write(self, key: str, candidates: Candidates) -> None:
        if self._project.read_only:
            return
        try:
            self._project.files.save_candidates(key, candidates)
        except UnetPickError as error:
            tell(error.in_viewer, "error")
        else:
            self.unwritten.discard(key)
