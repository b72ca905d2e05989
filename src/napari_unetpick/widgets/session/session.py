"""What the docks of one viewer share, put together of its parts.

Docks read and change these parts and listen to their signals; they never call each other. All of it
runs in the main thread. Annotations are kept in memory and written within two seconds of a change.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

from psygnal import Signal

from napari_unetpick.client import EngineClient
from napari_unetpick.errors import InputError
from napari_unetpick.project.project import Project, View
from napari_unetpick.widgets.layers.stack import Layers
from napari_unetpick.widgets.session.annotations import AnnotationStore
from napari_unetpick.widgets.session.autosave import Autosave
from napari_unetpick.widgets.session.browser import Browser
from napari_unetpick.widgets.session.candidates import CandidateStore
from napari_unetpick.widgets.session.jobs import Jobs
from napari_unetpick.widgets.session.open_project import OpenProject, Unwritten
from napari_unetpick.widgets.session.pixel_sizes import PixelSizes
from napari_unetpick.widgets.session.selection import Selection

IN_USE = "a job is running in this project: wait for it, or press Stop, then save the project"


class Session:
    """The state of one viewer.

    Signals (psygnal)
    -----------------
    ended()
        It was closed.

    Attributes
    ----------
    project
        The project that is open, and its micrographs.
    browser
        The current micrograph, and the list of micrographs as it is shown.
    annotations
        What is marked, with undo.
    candidates
        What the model found.
    selection
        Model, threshold and minimum distance: which candidates are picks.
    pixel_sizes
        Of the micrographs, as far as they are known.
    autosave
        Writes what changed.
    jobs
        The engine and its one job.
    layers
        What napari shows of all this.
    extras
        What docks share under a name beyond these parts, and leave when they are closed.
    """

    ended = Signal()

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self.closed = False
        self.extras: dict[str, Any] = {}
        self.project = OpenProject(self._switch, self._release)
        self.browser = Browser(self.project)
        self.annotations = AnnotationStore(self.project)
        self.project.unreviewed = self.annotations.unreviewed
        self.browser.current_changed.connect(self.annotations.review)
        self.candidates = CandidateStore(self.project)
        self.selection = Selection(self.project, self.annotations, self.candidates)
        self.selection.restore()
        self.pixel_sizes = PixelSizes(self.project)
        self.jobs = Jobs(EngineClient(), self.save)
        self.layers = Layers(self)
        self.autosave = Autosave(self.project, self.annotations, self._view)
        self.selection.edited.connect(self.autosave.later)
        self.layers.view_from.edited.connect(self.autosave.later)

    @property
    def unsaved(self) -> bool:
        """Whether something is in memory alone: it cannot be written, or only just changed."""
        waiting = self.annotations.unsaved or self.candidates.unwritten
        return bool(waiting or self.project.files.dirty)

    def save(self) -> bool:
        """Write what changed now; tell in one line what cannot be written, and whether all was."""
        return self.autosave.save()

    def close(self) -> None:
        """Save, end the engine process and let go of the project; a second call does nothing."""
        if self.closed:
            return
        self.closed = True
        try:
            self.save()
        finally:
            self.autosave.stop()
            with suppress(RuntimeError):  # Qt has deleted it; without its pipe it ends itself
                self.jobs.engine.shutdown()
            self.layers.close()
            self.project.files.close()
            self.ended.emit()

    def _view(self) -> View:
        """Return what is to be opened again with the project."""
        view = self.selection.view(self.browser.current)
        return replace(view, view_from=self.layers.view_from.folder)

    def _release(self) -> Unwritten:
        """Save for a copy of the project; return what cannot be saved."""
        if self.jobs.busy:
            raise InputError(IN_USE)
        self.save()
        marks = {key: self.annotations.loaded[key] for key in self.annotations.unsaved}
        return marks, self.candidates.in_memory_alone()

    def _switch(self, project: Project) -> None:
        """Go over to another project; what cannot be saved of the old one is lost."""
        self.save()
        self.jobs.stop()
        self.project.closing.emit()
        self.project.replace(project)
        for part in (self.annotations, self.candidates, self.browser):
            part.forget()
        view = project.view  # as it was left: the next save replaces it
        self.selection.restore()
        self.layers.view_from.restore()
        self.project.changed.emit()
        self.project.diameter_changed.emit(project.diameter)
        if keys := self.project.keys:
            self.browser.go(view.current if view.current in project.entries else keys[0])
