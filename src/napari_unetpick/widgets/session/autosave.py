"""Writes what changed within two seconds, a few micrographs at a time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress

from qtpy.QtCore import QTimer

from napari_unetpick.adapters.notify import tell
from napari_unetpick.errors import UnetPickError
from napari_unetpick.project.project import View
from napari_unetpick.widgets.session.annotations import AnnotationStore
from napari_unetpick.widgets.session.open_project import OpenProject

SAVE_AFTER_MS = 1000  # of an edit; the promise is two seconds
SAVE_BUDGET = 0.015  # s of the main thread at a time
MANY = 100  # micrographs: from here on they are written at once, to keep the promise


class Autosave:
    """Saves annotations, the table of micrographs, and where the user is.

    Parameters
    ----------
    view
        Returns where the user is.

    Attributes
    ----------
    saving
        Whether it is in the midst of many micrographs: who changes many waits.
    """

    def __init__(
        self, project: OpenProject, annotations: AnnotationStore, view: Callable[[], View]
    ) -> None:
        self._project, self._annotations, self._view = project, annotations, view
        self.saving = False
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(lambda: self.save(SAVE_BUDGET))
        project.edited.connect(self.later)
        annotations.changed.connect(self.later)

    def later(self, *_: object) -> None:
        """Save soon."""
        if not self._timer.isActive():
            self._timer.start(SAVE_AFTER_MS)
        elif len(self._annotations.unsaved) >= MANY and self._timer.interval() == SAVE_AFTER_MS:
            self._timer.start(0)

    def stop(self) -> None:
        """Save no more by itself."""
        with suppress(RuntimeError):  # at the very end Qt has deleted it: there is still to save
            self._timer.stop()

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
        project = self._project.files
        project.view = self._view()
        self.stop()
        self.saving = False
        if project.read_only:
            return False
        end = time.perf_counter() + budget
        try:
            for key in list(self._annotations.unsaved):
                self._annotations.write(key)
                if time.perf_counter() >= end:
                    self.saving = True
                    self._timer.start(0)
                    return False
            project.save()  # last: its numbers of picks are those of the files
        except UnetPickError as error:
            tell(f"not saved: {error.in_viewer}", "error")
            self._timer.start(10 * SAVE_AFTER_MS)
            return False
        return True
