"""Starts jobs of one kind, one at a time, and follows each to its end, whichever docks are open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from psygnal import Signal

from napari_unetpick.client import Job
from napari_unetpick.errors import InputError
from napari_unetpick.project.project import Project
from napari_unetpick.protocol.requests import Request
from napari_unetpick.widgets.session.session import Session

RUNS = "a job of this kind is running: wait for it, or stop it first"


class JobFollower:
    """Base of what trains, picks and compares; a subclass says what it does with what it hears.

    It overrides `_started`, `_progress`, `_metrics`, `_found`, `_failed`, `_done`, `_error` and
    `_ended`. They hear the job in `job` alone; whether its project is still open `belongs` tells.

    Signals (psygnal)
    -----------------
    changed()
        A job began, went on or ended, or another project was opened.
    troubled(text)
        One line of what went wrong, "" when a new attempt begins.

    Attributes
    ----------
    job
        The running one, or None.
    trouble
        The line that `troubled` told last.
    """

    changed = Signal()
    troubled = Signal(str)

    def __init__(self, session: Session) -> None:
        self.session = session
        self.job: Job | None = None
        self.trouble = ""
        self._project: Project | None = None  # which the job, or the last one, belongs to
        session.project.changed.connect(self._project_changed)

    @property
    def running(self) -> bool:
        """Whether a job runs or waits for the engine."""
        return self.job is not None

    @property
    def belongs(self) -> bool:
        """Whether the job, or the last one, is of the project that is open."""
        return self._project is self.session.project.files

    def follow(self, request: Request) -> None:
        """Start a job.

        Raises
        ------
        InputError
            One of this kind runs, or the engine is at work.
        """
        if self.running:
            raise InputError(RUNS)
        job = self.session.jobs.start(request)
        self.job, self._project = job, self.session.project.files
        self._started(request)
        self.say("")
        heard: dict[Any, Callable[..., None]] = {
            job.progress: self._progress,
            job.metrics: self._metrics,
            job.found: self._found,
            job.failed: self._failed,
            job.done: self._done,
        }
        for signal, call in heard.items():
            signal.connect(lambda event, call=call: call(event) if job is self.job else None)
        job.error.connect(lambda _, text: self._error(text) if job is self.job else None)
        job.finished.connect(lambda: self._finished(job))
        self.changed.emit()

    def say(self, text: str) -> None:
        """Tell what went wrong, or "" that nothing did."""
        self.trouble = text
        self.troubled.emit(text)

    def _finished(self, job: Job) -> None:
        if job is self.job:
            self.job = None
            self._ended(job)
            self.changed.emit()

    def _started(self, request: Any) -> None:
        """Note what a job begins with."""

    def _progress(self, event: Any) -> None:
        """Hear how far it is."""

    def _metrics(self, event: Any) -> None:
        """Hear figures of an epoch."""

    def _found(self, event: Any) -> None:
        """Hear of candidates."""

    def _failed(self, event: Any) -> None:
        """Hear of a micrograph that could not be done."""

    def _done(self, result: dict[str, Any]) -> None:
        """Hear how it ended."""

    def _error(self, text: str) -> None:
        """Hear why it could not go on."""
        self.say(text)

    def _ended(self, job: Job) -> None:
        """Clear up: it is over, one way or another."""

    def _project_changed(self) -> None:
        """Another project was opened."""
        self.changed.emit()
