"""The one job of a viewer's engine: started, shown, stopped.

The middle of a `Session`: it knows project and marks, but neither layers nor candidates.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from psygnal import Signal

from napari_unetpick.client import EngineClient, Job
from napari_unetpick.errors import InputError
from napari_unetpick.project.folder import real_folder
from napari_unetpick.widgets.session.annotations import Marking

READS_LABELS = ("train", "self-train", "compare")  # from the disk
UNSAVED = (
    "What you marked cannot be saved, and the engine reads it from the disk: free some space there "
    "or save the project elsewhere, then try again."
)


class Working(Marking):
    """Jobs for the engine process; signals as `Session` lists them."""

    engine: EngineClient
    job_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.job: Job | None = None
        self._gives_way = False  # that job, to the user's next one

    @property
    def busy(self) -> str:
        """Say why no job can start now, and what to do; "" where one can."""
        running = self.job is not None and self.job.state in ("queued", "running")
        if not running or self._gives_way:
            return ""
        return "The engine is at work: wait until it is done, or press Stop."

    def start(self, do: str, *, gives_way: bool = False, **args: Any) -> Job:
        """Save, then hand a job to the engine process; `job` is the one the run panel shows.

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
        if not self.save() and do in READS_LABELS:
            raise InputError(UNSAVED)
        if self._gives_way:
            self.stop_job()
        job = self.engine.submit(do, project=str(self.project.folder), **args)
        self.job, self._gives_way = job, gives_way
        job.finished.connect(lambda: self._ended(job))
        self.job_changed.emit()
        return job

    def picks_with(self, run: Path) -> bool:
        """Whether the running job picks with a model of a run, whichever is chosen by now."""
        models = {} if self.job is None else self.job.args.get("models", {})
        paths = models.values() if isinstance(models, dict) else models  # by name to compare them
        return any(real_folder(path).is_relative_to(real_folder(run)) for path in paths)

    def stop_job(self) -> None:
        """Stop the running job, if there is one."""
        if self.job is not None:
            self.job.stop()

    def _ended(self, job: Job) -> None:
        if self.job is job:
            self.job, self._gives_way = None, False
            self.job_changed.emit()
