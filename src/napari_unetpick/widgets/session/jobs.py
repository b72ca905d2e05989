"""The one job of a viewer's engine: started, shown, stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from psygnal import Signal

from napari_unetpick.client import EngineClient, Job
from napari_unetpick.errors import InputError
from napari_unetpick.project.folder import real_folder
from napari_unetpick.protocol.requests import LABELS_ARE_READ, Request

UNSAVED = (
    "Your labels cannot be saved, and the engine reads them from disk. Free some disk space, or "
    "save the project elsewhere, then try again."
)


class Jobs:
    """Jobs for the engine process.

    Signals (psygnal)
    -----------------
    changed()
        A job began or ended.

    Parameters
    ----------
    save
        Writes what the engine reads from the disk; tells whether all is written.

    Attributes
    ----------
    engine
        The engine process.
    current
        The job that the run panel shows, or None.
    """

    changed = Signal()

    def __init__(self, engine: EngineClient, save: Callable[[], bool]) -> None:
        self.engine = engine
        self.current: Job | None = None
        self._save = save
        self._gives_way = False  # the current one, to the user's next one

    @property
    def busy(self) -> str:
        """Say why no job can start now, and what to do; "" where one can."""
        running = self.current is not None and self.current.state in ("queued", "running")
        if not running or self._gives_way:
            return ""
        return "Another job is running. Wait for it, or press Stop."

    def start(self, request: Request, *, gives_way: bool = False) -> Job:
        """Save, then hand a job to the engine process.

        One at a time: a second one would take Stop and the progress of the first out of sight.

        Parameters
        ----------
        gives_way
            Whether it is a short one that the user did not ask for: their next job stops it.

        Raises
        ------
        InputError
            The engine is at work; or the job reads labels that cannot be saved.
        """
        if waits := self.busy:
            raise InputError(waits)
        if not self._save() and request.do in LABELS_ARE_READ:
            raise InputError(UNSAVED)
        if self._gives_way:
            self.stop()
        job = self.engine.submit(request)
        self.current, self._gives_way = job, gives_way
        job.finished.connect(lambda: self._ended(job))
        self.changed.emit()
        return job

    def uses(self, run: Path) -> bool:
        """Whether the running job picks with a model of a run, whichever is chosen by now."""
        models = () if self.current is None else self.current.request.models_used
        return any(real_folder(path).is_relative_to(real_folder(run)) for path in models)

    def stop(self) -> None:
        """Stop the running job, if there is one."""
        if self.current is not None:
            self.current.stop()

    def _ended(self, job: Job) -> None:
        if self.current is job:
            self.current, self._gives_way = None, False
            self.changed.emit()
