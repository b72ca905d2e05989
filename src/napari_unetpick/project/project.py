"""The project folder: micrographs, what was said about them, candidates and runs; one writer.

- `project.toml`: schema, diameter, micrographs with states and splits: see `io.project_table`;
- `view.json`: where it was left: see `io.project_view`;
- `picks/<key>.star`, `.extra.csv`, `.areas.json`: see `io.project_marks`;
- `candidates/<key>.npz`: of the last picking; `candidates/models.json`: see `io.project_models`;
- `runs/<name>/`: as training writes them;
- `comparisons/comparison-N/`: reports of comparisons of models; see `io.project_comparisons`;
- `test_looks.csv`: evaluations of test micrographs: see `project.evaluations`;
- `project.lock`: who has it open: see `io.project_lock`.
"""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_unetpick.errors import InputError, UnetPickError
from napari_unetpick.io.atomic import explain_os_error, write_text
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.labels import Labels
from napari_unetpick.io.picks import tell_count
from napari_unetpick.io.sizes import check_diameter
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project import runs as project_runs
from napari_unetpick.project.annotations import Marks, read_marks, write_marks
from napari_unetpick.project.candidate_models import model_renamed, settle_names
from napari_unetpick.project.candidates import SUFFIX, read_candidates, write_candidates
from napari_unetpick.project.entries import absent, merge_micrographs
from napari_unetpick.project.folder import (
    CANDIDATES,
    PICKS,
    RUNS,
    copy_parts,
    make_folder,
    real_folder,
    recount,
    remove_parts,
    remove_temporary,
)
from napari_unetpick.project.images import copy_images, remove_images
from napari_unetpick.project.lock import Lock, take_lock
from napari_unetpick.project.pick_table import PickTable
from napari_unetpick.project.runs import RunInfo
from napari_unetpick.project.scratch import is_scratch, leave, make_scratch_folder
from napari_unetpick.project.table import (
    PROJECT_FILE,
    Entry,
    Split,
    check_entry,
    format_project,
    read_project,
    read_test_looks,
)
from napari_unetpick.project.view import View, read_view, write_view

__all__ = ["Entry", "Marks", "PickTable", "Project", "RunInfo", "Split", "View"]


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
        A scratch project without a place of the user's own: see `io.scratch`.
    test_looks
        Evaluations of the test split that earlier versions counted: see `project.evaluations`.
    dirty
        Whether `save` would write project.toml.
    view
        Where it was left; `save` writes it as well.
    messages
        What the user should be told, one line each; more may come with `marks`.
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
        project = cls._make(real_folder(folder))
        project.entries, project.diameter, project.dirty = entries, diameter, True
        try:
            project.save()
        except UnetPickError:
            project.close()
            raise
        return project

    @classmethod
    def create_temporary(cls) -> Project:
        """Make an empty scratch project in the temporary folder."""
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
            project.test_looks = read_test_looks(folder)
            project.view = project._saved_view = read_view(folder)
            project._tidy()
        except UnetPickError:
            project.close()
            raise
        return project

    @classmethod
    def _make(cls, folder: Path) -> Project:
        """Lock a folder for a project that is to come."""
        make_folder(folder)
        lock, holder = take_lock(folder)
        if lock is None:
            why = f"{holder} makes a project there" if holder else "it cannot be written to"
            raise InputError(f"{folder}: no project can be made ({why}); choose another folder")
        return cls(folder, lock)

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self, discard: bool = False) -> None:
        """Give the lock back; unsaved changes are lost.

        A temporary project is removed if it holds no work, or with `discard`.
        """
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
        entry = check_entry(replace(self._entry(key), **fields))
        if entry.micrograph.key != key:
            raise InputError(f"{key}: a micrograph keeps its name in a project")
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
            rows = self.entries.values()
            text = format_project(self.diameter, rows, self.folder, self.test_looks)
            write_text(self.folder / PROJECT_FILE, text)
            self.dirty = False
        if self.view != self._saved_view:
            self._check_writable()
            write_view(self.folder, self.view)
            self._saved_view = self.view

    # what belongs to one micrograph

    def marks(self, key: str) -> Marks:
        """Read what the user said about a micrograph; an InputError where a file is damaged."""
        self._entry(key)
        told: list[str] = []
        marks = read_marks(self.folder / PICKS, key, told)
        self.messages += [line for line in told if line not in self.messages]
        self._count(key, len(marks.picks))
        return marks

    def save_marks(self, key: str, marks: Marks) -> None:
        """Write what the user said about a micrograph; its number of picks waits for `save`."""
        self._entry(key)
        self._check_writable()
        write_marks(self.folder / PICKS, key, marks)
        self.change(key, picks=len(marks.picks))

    def labels(self, only_labelled: bool = True) -> dict[str, Labels]:
        """Read the labels by micrograph key.

        Parameters
        ----------
        only_labelled
            What a training uses: micrographs that are labelled and not rejected. False: all.
        """
        return {
            key: self.marks(key).as_labels(entry.state)
            for key, entry in list(self.entries.items())
            if not only_labelled or (entry.kept and entry.state != "none")
        }

    def candidates(self, key: str) -> Candidates | None:
        """Read the candidates of the last picking, or None where it was not picked."""
        return read_candidates(self._candidates_file(key))

    def picked(self) -> list[str]:
        """Keys of the micrographs that have candidates; no file is opened."""
        names = {
            path.name.removesuffix(SUFFIX) for path in (self.folder / CANDIDATES).glob(f"*{SUFFIX}")
        }
        return [key for key in self.entries if key in names]

    def save_candidates(self, key: str, candidates: Candidates) -> None:
        """Write the candidates of a micrograph."""
        self._check_writable()
        write_candidates(self._candidates_file(key), candidates)

    def forget_candidates(self, keys: Iterable[str] | None = None) -> None:
        """Delete the candidates of some micrographs, or of all."""
        self._check_writable()
        for key in list(self.entries if keys is None else keys):
            path = self._candidates_file(key)
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise explain_os_error(error, path) from error

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
        with model_renamed(self.folder / CANDIDATES, old, new):
            project_runs.rename(self.runs_folder, old, new)

    def delete_run(self, name: str) -> None:
        """Delete a run with its model."""
        self._check_writable()
        project_runs.delete(self.runs_folder, name)

    def copy_to(
        self,
        folder: str | Path,
        marks: Mapping[str, Marks] | None = None,
        candidates: Mapping[str, Candidates] | None = None,
    ) -> Project:
        """Copy everything, unsaved changes too, to a new place; return the copy, open.

        This project stays open as it is.

        Parameters
        ----------
        marks, candidates
            What could not be saved here, by micrograph key: the copy has it in place of the files.

        Raises
        ------
        InputError, EngineError
            The place holds a project, lies in this one or cannot be written to; the disk is full.
        """
        target = real_folder(folder)
        if target.is_relative_to(self.folder):
            raise InputError(f"{target}: lies in the project itself; choose another folder")
        was_there = target.exists()
        copy = Project._make(target)
        entries, images = dict(self.entries), list[Path]()
        try:
            copy_parts(self.folder, target)
            if self.temporary:
                entries, images = copy_images(entries, self.folder, target)
            copy.diameter, copy.entries, copy.dirty = self.diameter, entries, True
            copy.test_looks, copy.view = self.test_looks, self.view
            for key, each in (marks or {}).items():
                copy.save_marks(key, each)
            for key, found in (candidates or {}).items():
                copy.save_candidates(key, found)
            copy.save()  # last: half a copy is no project
        except UnetPickError:
            remove_parts(target)
            remove_images(images)
            copy.close()
            if not was_there:
                shutil.rmtree(target, ignore_errors=True)
            raise
        return copy

    # within

    def _entry(self, key: str) -> Entry:
        try:
            return self.entries[key]
        except KeyError:
            raise InputError(f"{self.folder}: has no micrograph {key!r}; add it first") from None

    def _candidates_file(self, key: str) -> Path:
        self._entry(key)
        return self.folder / CANDIDATES / f"{key}{SUFFIX}"

    def _check_writable(self) -> None:
        if self.read_only:
            why = f"{self.holder} has it open" if self.holder else "it is open to be read only"
            raise InputError(f"{self.folder}: not saved, since {why}; save it as another project")

    def _tidy(self) -> None:
        """Remove what a killed process left, count the picks that it did, say what is missing."""
        if not self.read_only:
            for name in ("", PICKS, CANDIDATES):
                remove_temporary(self.folder / name)
            project_runs.remove_deleted(self.runs_folder)
            settle_names(self.folder / CANDIDATES, self.runs_folder)
        emptied = 0
        for key, count in recount(self.folder, self.entries).items():
            emptied += self.entries[key].picks > count == 0
            self._count(key, count)
        if emptied:
            self.messages.append(
                f"the picks of {tell_count(emptied, 'micrograph')} are gone from "
                f"{self.folder / PICKS}; restore the files from a copy if you miss them"
            )
        if missing := self.missing:
            self.messages.append(
                f"{tell_count(len(missing), 'micrograph')} of {len(self.entries):,} not found "
                f"(such as {self.entries[missing[0]].micrograph.path}); add them from their new "
                "place to go on with them"
            )

    def _count(self, key: str, picks: int) -> None:
        """Note how many picks a file was found to hold."""
        if self.entries[key].picks != picks:
            self.entries[key] = replace(self.entries[key], picks=picks)
            self.dirty |= not self.read_only
