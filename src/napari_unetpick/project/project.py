"""The project folder: micrographs, what was said about them, candidates and runs; one writer.

- `project.toml`: schema, diameter, micrographs with states and splits: see `project.table`;
- `view.json`: where it was left: see `project.view`;
- `picks/<key>.json`: picks, negatives and areas of a micrograph: see `project.annotations`;
- `picks_index.json`: a cache of their numbers: see `project.pick_index`;
- `candidates/<key>.npz`, `candidates/models.json`: see `project.candidates`;
- `runs/<name>/`: as training writes them: see `project.runs`;
- `comparisons/comparison-N/`, `test_looks.csv`: see `project.evaluations`;
- `project.lock`: who has it open: see `project.lock`;
- `project.toml.schema1`: a copy from before it was first changed by this version.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_unetpick.errors import InputError, UnetPickError
from napari_unetpick.io.formats.annotation_file import Annotations
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.labels import Labels
from napari_unetpick.io.sizes import check_diameter
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project import candidates as found
from napari_unetpick.project import runs as project_runs
from napari_unetpick.project.annotations import read_annotations, write_annotations
from napari_unetpick.project.entries import absent, describe_absent, merge_micrographs
from napari_unetpick.project.folder import CANDIDATES, PICKS, RUNS, claim, real_folder, tidy
from napari_unetpick.project.lock import Lock, take_lock
from napari_unetpick.project.pick_index import PickIndex
from napari_unetpick.project.runs import RunInfo
from napari_unetpick.project.scratch import is_scratch, leave, make_scratch_folder
from napari_unetpick.project.table import (
    PROJECT_FILE,
    SCHEMA,
    Entry,
    Split,
    change_entry,
    read_head,
    read_project,
    write_project,
)
from napari_unetpick.project.view import View, read_view, write_view

__all__ = ["Annotations", "Entry", "Project", "RunInfo", "Split", "View"]


class Project:
    """An open project; made by `create`, `create_temporary` or `open`.

    Attributes
    ----------
    folder
        Absolute, without links.
    diameter
        Particle diameter in A, or None.
    entries
        The micrographs by key, in order. Change them through `add` and `change`.
    read_only
        Whether nothing can be written: somebody else has it open, or the folder is read-only.
    holder
        Who has it open ("process 123 on HOST since 14:05"), if that is why it is read-only.
    temporary
        A scratch project without a place of the user's own: see `project.scratch`.
    test_looks
        Evaluations of the test split that earlier versions counted: see `project.evaluations`.
    dirty
        Whether `save` would write project.toml.
    view
        Where it was left; `save` writes it as well.
    index
        The numbers of picks, kept between openings.
    messages
        Messages for the user, one line each; more may come with `annotations`.
    """

    def __init__(self, folder: Path, lock: Lock | None, holder: str | None = None) -> None:
        self.folder = folder
        self.diameter: float | None = None
        self.entries: dict[str, Entry] = {}
        self.read_only = lock is None
        self.holder = holder
        self.test_looks = 0
        self.dirty = False
        self.view = self._saved_view = View()
        self.messages: list[str] = []
        self._schema = SCHEMA  # of project.toml on the disk
        self.index = PickIndex(folder)
        self._lock = lock
        # a project that nobody closed gives its lock back, too
        self.temporary = lock is not None and is_scratch(folder)
        self._leave = weakref.finalize(self, leave, lock, folder if self.temporary else None)

    @classmethod
    def create(
        cls,
        folder: str | Path,
        micrographs: Iterable[Micrograph] = (),
        diameter: float | None = None,
    ) -> Project:
        """Make a project in a folder, which may exist, and open it.

        Raises
        ------
        InputError
            The folder holds a project or part of one, or cannot be written to; the diameter or a
            micrograph cannot be.
        """
        entries, _ = merge_micrographs({}, micrographs)
        diameter = None if diameter is None else check_diameter(diameter)
        project = cls(real_folder(folder), claim(real_folder(folder)))
        project.entries, project.diameter, project.dirty = entries, diameter, True
        try:
            project.save()
        except UnetPickError:
            project.close()
            raise
        return project

    @classmethod
    def create_temporary(cls) -> Project:
        """Make an empty scratch project, which lies in no place of the user's."""
        return cls.create(make_scratch_folder())

    @classmethod
    def open(cls, folder: str | Path, lock: bool = True) -> Project:
        """Open a project: to write, or read-only if somebody else has it open.

        Parameters
        ----------
        folder
            The project folder, or its project.toml.
        lock
            False: read only, whoever else has it open, and touch nothing.

        Raises
        ------
        InputError
            There is no project, or project.toml is damaged or of a newer version.
        """
        folder = real_folder(folder)
        folder = folder.parent if folder.name == PROJECT_FILE else folder
        if lock and (folder / PROJECT_FILE).is_file():
            project = cls(folder, *take_lock(folder))
        else:
            project = cls(folder, None)
        try:
            project.diameter, project.entries = read_project(folder)
            project._schema, project.test_looks = read_head(folder)
            project.view = project._saved_view = read_view(folder)
            project._tidy()
        except UnetPickError:
            project.close()
            raise
        return project

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self, discard: bool = False) -> None:
        """Give the lock back; unsaved changes are lost.

        A temporary project is removed if it holds no work, or with `discard`.
        """
        if not self.read_only and (self.folder / PROJECT_FILE).is_file():
            with suppress(UnetPickError):  # it is a cache
                self.index.write()
        if self._leave.detach():
            leave(self._lock, self.folder if self.temporary else None, discard)
        self.read_only = True

    # micrographs

    def add(self, micrographs: Iterable[Micrograph]) -> list[str]:
        """Add micrographs, in memory; a moved or better known one is brought up to date.

        Returns
        -------
        The keys of the new ones.

        Raises
        ------
        InputError
            Another micrograph of the project has that name but for folder and extension.
        """
        entries, new = merge_micrographs(self.entries, micrographs)
        self.dirty |= entries != self.entries
        self.entries = entries
        return new

    def change(self, key: str, **fields: Any) -> None:
        """Change fields of an entry, in memory."""
        entry = change_entry(self._entry(key), **fields)
        self.dirty |= entry != self.entries[key]
        self.entries[key] = entry

    def set_diameter(self, diameter: float | None) -> None:
        """Set the particle diameter in A, in memory."""
        diameter = None if diameter is None else check_diameter(diameter)
        self.dirty |= diameter != self.diameter
        self.diameter = diameter

    @property
    def has_work(self) -> bool:
        """Whether it holds what a user would miss: labels or runs."""
        labelled = any(e.picks or e.state != "none" for e in self.entries.values())
        return labelled or bool(self.runs())

    @property
    def missing(self) -> list[str]:
        """Keys of the micrographs whose images are not where they were."""
        return absent(self.entries)

    def save(self) -> None:
        """Write project.toml and view.json, each whole or not at all, if something changed."""
        if self.dirty:
            self._check_writable()
            self.index.write()  # first: what an earlier version has counted is not counted again
            write_project(self.folder, self.diameter, self.entries.values(), self.test_looks)
            self.dirty, self._schema = False, SCHEMA
        if self.view != self._saved_view:
            self._check_writable()
            write_view(self.folder, self.view)
            self._saved_view = self.view

    # what belongs to one micrograph

    def annotations(self, key: str) -> Annotations:
        """Read what the user said about a micrograph; an InputError where a file is damaged."""
        self._entry(key)
        messages: list[str] = []
        annotations = read_annotations(self.folder / PICKS, key, messages)
        self.messages += [line for line in messages if line not in self.messages]
        self._count(key, len(annotations.picks))
        return annotations

    def save_annotations(self, key: str, annotations: Annotations) -> None:
        """Write what the user said about a micrograph: its own file, and no other."""
        self._entry(key)
        self._check_writable()
        if self._schema < SCHEMA:  # first: an earlier version must not read what was there before
            self.dirty = True
            self.save()
        write_annotations(self.folder / PICKS, key, annotations)
        self._count(key, len(annotations.picks))

    def labels(self) -> dict[str, Labels]:
        """Read what a training uses, by micrograph key: labelled micrographs, not rejected."""
        return {
            key: self.annotations(key).as_labels(entry.state)
            for key, entry in list(self.entries.items())
            if entry.kept and entry.state != "none"
        }

    def candidates(self, key: str) -> Candidates | None:
        """Read the candidates of the last picking, or None where it was not picked."""
        return found.read_candidates(self._candidates_file(key))

    def picked(self) -> list[str]:
        """Keys of the micrographs that have candidates; no file is opened."""
        return found.picked_keys(self.folder / CANDIDATES, self.entries)

    def save_candidates(self, key: str, candidates: Candidates) -> None:
        """Write the candidates of a micrograph."""
        self._check_writable()
        found.write_candidates(self._candidates_file(key), candidates)

    # runs

    @property
    def runs_folder(self) -> Path:
        """Where the runs are; it may not exist yet."""
        return self.folder / RUNS

    def runs(self) -> list[RunInfo]:
        """List the runs, newest first."""
        return project_runs.list_runs(self.runs_folder)

    def new_run_name(self) -> str:
        """Return a name that no run has: "run-1", "run-2", ..."""
        return project_runs.next_name(self.runs_folder)

    def rename_run(self, old: str, new: str) -> None:
        """Rename a run; the candidates that it found go by its new name, too."""
        self._check_writable()
        with found.model_renamed(self.folder / CANDIDATES, old, new):
            project_runs.rename(self.runs_folder, old, new)

    def delete_run(self, name: str) -> None:
        """Delete a run with its model."""
        self._check_writable()
        project_runs.delete(self.runs_folder, name)

    # within

    def _entry(self, key: str) -> Entry:
        try:
            return self.entries[key]
        except KeyError:
            raise InputError(f"{self.folder}: has no micrograph {key!r}; add it first") from None

    def _candidates_file(self, key: str) -> Path:
        self._entry(key)
        return found.candidate_file(self.folder / CANDIDATES, key)

    def _check_writable(self) -> None:
        if self.read_only:
            why = f"{self.holder} has it open" if self.holder else "it is open read-only"
            raise InputError(f"{self.folder}: not saved, because {why}; save it as another project")

    def _tidy(self) -> None:
        """Remove what a killed process left, count the picks that it did, say what is missing."""
        if not self.read_only:
            tidy(self.folder)
        self.entries, message = self.index.count(self.entries, self._schema < SCHEMA)
        self.messages += [line for line in (message, describe_absent(self.entries)) if line]

    def _count(self, key: str, picks: int) -> None:
        """Note how many picks a file was found to hold."""
        self.index.note(key, picks)
        self.entries[key] = replace(self.entries[key], picks=picks)
