"""What the docks of one viewer share: project, current micrograph, marks, candidates, engine.

Docks read and change this object and listen to its signals; they never call each other. All of it
runs in the main thread. Marks are kept in memory and written within two seconds of a change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_unetpick.adapters.notify import tell
from napari_unetpick.client import EngineClient
from napari_unetpick.errors import InputError, UnetPickError
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.sizes import check_pixel_size
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project.copying import copy_project
from napari_unetpick.project.folder import real_folder
from napari_unetpick.project.project import Annotations, Project, View
from napari_unetpick.widgets.session.jobs import Working
from napari_unetpick.widgets.session.pixel_sizes import PixelSizes
from napari_unetpick.widgets.session.selection import Chosen, PickModel

Floats = NDArray[np.float64]
_sessions: WeakKeyDictionary[Any, Session] = WeakKeyDictionary()


def get_session(viewer: Any) -> Session:
    """Return the session of a viewer, made at the first call.

    Plugins get a proxy of the viewer, another one for each dock: the viewer behind it counts.
    """
    real = getattr(viewer, "__wrapped__", viewer)
    if real not in _sessions:
        _sessions[real] = Session(real)
    return _sessions[real]


class Session(Working):
    """The state of one viewer.

    Signals (psygnal), each emitted after the change
    ------------------------------------------------
    project_changed()
        Another project was opened, or this one was saved elsewhere: read everything anew.
    entries_changed(keys)
        State, kept, split or number of picks of these micrographs changed, or they were added
        (those the project had: anew, perhaps from another place).
    current_changed(key)
        Another micrograph is the current one ("" for none). Its layers follow when it is read.
    marks_changed(key, origin)
        What is marked on a micrograph changed; origin is "layer", "undo" or "session".
    candidates_changed(key)
        A micrograph has new candidates, or none any more.
    selection_changed()
        Model, threshold or minimum distance changed: which candidates are picks.
    selected_changed()
        Other rows are selected in the list of micrographs.
    diameter_changed(diameter)
        A, or None.
    job_changed()
        A job began or ended.
    """

    candidates_changed = Signal(str)

    def __init__(self, viewer: Any) -> None:
        from napari_unetpick.widgets.layers.stack import Layers
        from napari_unetpick.widgets.layers.tools import get_tools
        from napari_unetpick.widgets.qt.activity import Activity
        from napari_unetpick.widgets.train.job import Training

        super().__init__()
        self.viewer = viewer
        self.model = PickModel()
        self.engine = EngineClient()
        self.closed = False
        self.parts: dict[str, Any] = {}  # what docks share under a name and leave when closed
        self.previews: dict[str, float] = {}  # raw thresholds, by key, while a network trains
        self._candidates: dict[str, Candidates | None] = {}
        self._loose: set[str] = set()  # keys of candidates that could not be written
        self.sizes = PixelSizes()
        self.layers = Layers(self)
        self.training = Training(self)
        self.activity = Activity(self)
        get_tools(self)  # binds E, X and undo, whichever dock is opened

    # -- project ---------------------------------------------------------------------------------

    def open_project(self, folder: Path) -> None:
        """Open a project in place of the current one.

        Raises
        ------
        InputError
            The folder holds no project that can be opened, or is open here.
        """
        if real_folder(folder) == self.project.folder and not self.project.read_only:
            raise InputError(f"{folder.name} is the project that is open")
        self._take(Project.open(folder))
        if self.project.read_only:
            who = f" ({self.project.holder} has it open)" if self.project.holder else ""
            tell(f"{folder.name} is opened read-only{who}: changes are not saved", "warning")
        if self.project.missing:
            count = len(self.project.missing)
            tell(f"{count:,} micrographs of {folder.name} are not where they were", "warning")

    def save_project_as(self, folder: Path) -> None:
        """Copy the project to a folder, with what could not be saved so far, and go on there.

        Raises
        ------
        InputError, EngineError
            The engine works on this project; or it cannot be copied there.
        """
        if self.busy:
            raise InputError("the engine works on this project: save it when that is done, or Stop")
        self.save()
        marks = {key: self._marks[key] for key in self._unsaved}
        loose = {key: self._candidates[key] for key in self._loose}
        found = {key: each for key, each in loose.items() if each is not None}
        self._take(copy_project(self.project, folder, marks, found))

    def new_project(self, folder: Path, sources: str | Path | Sequence[str | Path] = ()) -> None:
        """Make a project of micrographs (or of none yet) in a folder and go on there."""
        self._take(Project.create(folder, list_micrographs(sources) if sources else ()))

    def _take(self, project: Project) -> None:
        """Go over to another project; what cannot be saved of the old one is lost."""
        self.save()
        self.stop_job()
        self.layers.clear()
        old, self.project = self.project, project
        old.close(discard=True)
        self._marks.clear()
        self._unsaved.clear()
        self._called_partial.clear()
        self._candidates.clear()
        self._loose.clear()
        self.sizes = PixelSizes()
        self.previews.clear()
        self.undo_stacks.clear()
        self.current, self.order, self.selected = "", [], []
        view = project.view  # as it was left: the next save replaces it
        self._choose_again(view)
        self.project_changed.emit()
        self.diameter_changed.emit(project.diameter)
        self.selection_changed.emit()
        if self.keys:
            self.go(view.current if view.current in project.entries else self.keys[0])

    def _choose_again(self, view: View) -> None:
        """Choose the model, threshold and distance that a project was left with."""
        newest = [run.path for run in self.project.runs() if run.finished][:1]
        left = [self.project.folder / view.model] if view.model else []
        for path in [*left, *newest, None]:
            try:
                self.model.choose(path)
            except UnetPickError as error:
                tell(str(error), "warning")
                continue
            if path in left:
                self.model.threshold = view.threshold
                self.model.min_distance = view.min_distance
            return

    @property
    def unsaved(self) -> bool:
        """Whether something is in memory alone: it cannot be written, or only just changed."""
        return bool(self._unsaved or self._loose or self.project.dirty)

    def save(self, budget: float = math.inf) -> bool:
        """Write what changed, and where the user is; tell in one line what cannot be written."""
        path, folder = self.model.path, self.project.folder
        if path is not None and path.is_relative_to(folder):
            path = path.relative_to(folder)
        self.project.view = View(
            self.current,
            "" if path is None else path.as_posix(),
            self.model.threshold,
            self.model.min_distance,
        )
        return super().save(budget)

    def pixel_size(self, key: str) -> float:
        """A/px of a micrograph; 1 where it is unknown."""
        return self.known_pixel_size(key) or 1.0

    def known_pixel_size(self, key: str) -> float | None:
        """A/px of a micrograph as it was given or as its header says, or None."""
        return self.sizes.of(self.entry(key).micrograph)

    def add_listed(self, micrographs: Sequence[Micrograph]) -> list[str]:
        """Add micrographs; what could not be read of those that are there is looked at anew."""
        before = self.project.entries
        self.sizes.forget_unknown()
        new = super().add_listed(micrographs)
        self.layers.show_again(deleted=False)
        if any(each.micrograph != self.entry(key).micrograph for key, each in before.items()):
            self.selection_changed.emit()  # pixel sizes may be known now
        return new

    def set_pixel_size(self, size: float) -> None:
        """Give all micrographs a pixel size (A/px), where their headers have none or a wrong one.

        Raises
        ------
        InputError
            No micrograph has such a pixel size.
        """
        check_pixel_size(size)
        for key, entry in self.project.entries.items():
            self.project.change(key, micrograph=replace(entry.micrograph, pixel_size=size))
        self._change_later()
        self.layers.reload()
        self.entries_changed.emit(self.keys)
        self.selection_changed.emit()

    def diameter_px(self, key: str) -> float | None:
        """Particle diameter in pixels of a micrograph's file, or None."""
        return None if self.diameter is None else self.diameter / self.pixel_size(key)

    def look_at(self, key: str, row: float, col: float) -> None:
        """Centre the view on (row, col), pixels of the file, as soon as the micrograph is shown."""
        self.layers.look_at(key, row, col)

    def loaded(self) -> tuple[dict[str, Annotations], dict[str, Candidates | None]]:
        """Return marks and candidates in memory by key: a thread reads others from the files.

        Previews of a network that is still training are not among them.
        """
        found = {key: each for key, each in self._candidates.items() if key not in self.previews}
        return dict(self._marks), found

    # -- candidates ----------------------------------------------------------------------------

    def candidates(self, key: str) -> Candidates | None:
        """Return the model's candidates of a micrograph, or None where it was not picked.

        A damaged file is told once, and the micrograph counts as not picked.
        """
        if key not in self._candidates:
            try:
                self._candidates[key] = self.project.candidates(key)
            except UnetPickError as error:
                self._candidates[key] = None
                tell(str(error), "error")
        return self._candidates[key]

    def put_candidates(
        self,
        key: str,
        candidates: Candidates,
        *,
        keep: bool = True,
        preview: float | None = None,
    ) -> None:
        """Take over new candidates.

        Those of a preview (`keep` False) are not written to the project; they are shown from
        the raw score `preview` on, until `end_previews`.
        """
        self._candidates[key] = candidates
        self.previews.pop(key, None)
        if preview is not None:
            self.previews[key] = preview
        if keep:
            self._loose.add(key)
            self._write(key, candidates)
        self.candidates_changed.emit(key)

    def _write(self, key: str, candidates: Candidates) -> None:
        if self.project.read_only:
            return
        try:
            self.project.save_candidates(key, candidates)
        except UnetPickError as error:
            tell(str(error), "error")
        else:
            self._loose.discard(key)

    def end_previews(self) -> None:
        """Go back to the candidates of the last picking."""
        keys = list(self.previews)
        self.previews.clear()
        for key in keys:
            self._candidates.pop(key, None)
            if key in self.project.entries:
                self.candidates_changed.emit(key)

    @property
    def picked_count(self) -> int:
        """How many micrographs have candidates."""
        seen = {key for key, found in self._candidates.items() if found is not None}
        return len(seen) or len(self.project.picked())

    def chosen(self, key: str) -> Chosen | None:
        """Return a micrograph's candidates as threshold and distance now choose them, or None."""
        found = self.candidates(key)
        if found is None:
            return None
        diameter = self.sizes.diameter_px(self.entry(key).micrograph, self.diameter)
        return self.model.choose_among(found, self.marks(key), diameter, self.previews.get(key))

    def accept(self, key: str, coords: Floats, scores: Floats) -> None:
        """Move candidates to the picks, (N, 2) (row, col) in pixels of the file."""
        if len(coords):
            self.add_picks(key, coords, scores, "model")

    def reject(self, key: str, coords: Floats) -> None:
        """Mark places as no particles: they are not shown again and teach the next training."""
        if len(coords):
            marks = self.marks(key)
            places = np.concatenate([marks.negatives, np.asarray(coords, float).reshape(-1, 2)])
            self.set_marks(key, replace(marks, negatives=places))

    def rename_run(self, old: str, new: str) -> None:
        """Rename a run of the project with what goes by its name.

        Raises
        ------
        UnetPickError
            It cannot be.
        """
        if self.picks_with(self.project.runs_folder / old):
            raise InputError(f"{old} is picking: rename it when that is done, or press Stop")
        self.project.rename_run(old, new)
        for key, found in self._candidates.items():
            if found is not None and found.model == old:
                self._candidates[key] = replace(found, model=new)

    def use_model(self, run: Path | None) -> None:
        """Choose the run or model file whose calibration gives candidates their score.

        Raises
        ------
        UnetPickError
            It cannot be read.
        """
        self.model.choose(run)
        self._selected()

    def set_threshold(self, threshold: float | None) -> None:
        """Set the score from which candidates are picks, or None for the model's."""
        self.model.threshold = threshold
        self._selected()

    def set_min_distance(self, fraction: float | None) -> None:
        """Set the minimum distance in diameters, or None for the model's."""
        self.model.min_distance = fraction
        self._selected()

    def _selected(self) -> None:
        self._change_later()
        self.selection_changed.emit()

    # -- the end -------------------------------------------------------------------------------

    def watch_window(self, widget: Any) -> None:
        """Close the session with the window that `widget` (a dock) will lie in."""
        from napari_unetpick.widgets.session.lifetime import close_with_window

        close_with_window(widget, self)

    def close(self) -> None:
        """Save, end the engine process and let go of the project; a second call does nothing."""
        if self.closed:
            return
        self.closed = True
        try:
            self.save()
        finally:
            self._stop_timer()
            with suppress(
                RuntimeError
            ):  # as for the timer; without its pipe the engine ends itself
                self.engine.shutdown()
            self.layers.close()
            self.project.close()
        _sessions.pop(self.viewer, None)  # else viewer and session would keep each other alive
