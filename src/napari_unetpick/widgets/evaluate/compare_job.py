"""Comparisons of a session's models: handed to the engine, their result kept for the dock.

It goes on whichever docks are open; `comparing_of(session)` is the one of a session.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_unetpick.errors import InputError
from napari_unetpick.picking.scale import EDGE
from napari_unetpick.project.evaluations import obstacle as lacking
from napari_unetpick.widgets.qt.preferences import read_preferences

if TYPE_CHECKING:
    from napari_unetpick.client import Job
    from napari_unetpick.widgets.session.session import Session


class Comparing:
    """Jobs that compare models, one at a time.

    Signals (psygnal)
    -----------------
    changed()
        A comparison began or ended, or another project was opened.

    Attributes
    ----------
    job
        The running one, or None.
    result
        What the last one of this project ended with (docs/reference/engine-process.md), or None.
    trouble
        One line of what ended the last one early, or "".
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        self.session = session
        self.job: Job | None = None
        self.result: dict[str, Any] | None = None
        self.trouble = ""
        session.project_changed.connect(self._forget)

    @property
    def running(self) -> bool:
        """Whether a comparison runs or waits for the engine."""
        return self.job is not None

    def start(
        self, models: Mapping[str, Path], picks: Mapping[str, Path], *, final: bool, border: bool
    ) -> None:
        """Compare models and pick files, by name, on the project's fully labelled micrographs.

        Parameters
        ----------
        final
            Score the test split, which counts as a look at it.
        border
            Leave out a border of half a diameter.

        Raises
        ------
        InputError
            Something is missing; the line says what to do.
        """
        session = self.session
        if missing := obstacle(session, final=final):
            raise InputError(missing)
        if not models and not picks:
            raise InputError("tick a model, or add the picks of another program")
        self.result, self.trouble = None, ""
        job = session.start(
            "compare",
            models={name: str(path) for name, path in models.items()},
            picks={name: str(path) for name, path in picks.items()},
            final=final,
            border=EDGE * (session.diameter or 0.0) if border else 0.0,
            device=read_preferences().device,
        )
        self.job = job
        # another project may be opened meanwhile, to which a late result does not belong
        job.done.connect(lambda result: self._done(job, result))
        job.error.connect(lambda _, text: self._error(job, text))
        job.finished.connect(lambda: self._finished(job))
        self.changed.emit()

    def _done(self, job: Job, result: dict[str, Any]) -> None:
        if job is self.job:
            self.result = result

    def _error(self, job: Job, text: str) -> None:
        if job is self.job:
            self.trouble = text

    def _finished(self, job: Job) -> None:
        if job is self.job:
            self.job = None
            self.changed.emit()

    def _forget(self) -> None:
        self.job, self.result, self.trouble = None, None, ""
        self.changed.emit()


def comparing_of(session: Session) -> Comparing:
    """Return the comparing of a session, made at the first call."""
    if "comparing" not in session.parts:
        session.parts["comparing"] = Comparing(session)
    made: Comparing = session.parts["comparing"]
    return made


def obstacle(session: Session, *, final: bool) -> str:
    """Say what keeps a comparison from starting, and the next step; "" where nothing does."""
    project = session.project
    if project.read_only:
        return "The project is open read-only: save it as another project, then compare."
    return lacking(project.entries, project.diameter, final=final) or session.busy
