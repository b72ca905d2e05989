"""Picking of a session: micrographs handed to the engine, candidates taken over as they come.

It goes on whichever docks are open; `picking_of(session)` is the one of a session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_unetpick.adapters.notify import tell
from napari_unetpick.errors import InputError
from napari_unetpick.events import Failed, FoundCandidates, Progress
from napari_unetpick.io.picks import tell_count
from napari_unetpick.project.project import Project
from napari_unetpick.widgets.qt.preferences import read_preferences
from napari_unetpick.widgets.session.pixel_sizes import size_obstacle

if TYPE_CHECKING:
    from napari_unetpick.client import Job
    from napari_unetpick.widgets.session.session import Session

FIRST_FAILURES = 3  # that are named; the others are counted


class Picking:
    """Jobs that find candidates, one at a time.

    Signals (psygnal)
    -----------------
    changed()
        A picking began, went on or ended.

    Attributes
    ----------
    job
        The running one, or None.
    found, total
        Micrographs picked so far, and those that were asked for.
    failed
        (micrograph, reason) of those that could not be picked.
    trouble
        One line of what ended the last one early, or "".
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        self.session = session
        self.job: Job | None = None
        self.found, self.total = 0, 0
        self.failed: list[tuple[str, str]] = []
        self.trouble = ""
        self._model = ""
        self._project: Project | None = None

    @property
    def running(self) -> bool:
        """Whether a picking runs or waits for the engine."""
        return self.job is not None

    def start(self, keys: Sequence[str]) -> None:
        """Find the candidates of some micrographs with the session's model.

        Raises
        ------
        InputError
            There is no model, nothing to pick, or the engine is at work.
        """
        session = self.session
        if missing := obstacle(session, keys):
            raise InputError(missing)
        if not keys:
            raise InputError("no micrograph is chosen")
        self.found, self.total, self.failed, self.trouble = 0, len(keys), [], ""
        self._model, self._project = session.model.name, session.project
        job = session.start(
            "pick",
            keys=list(keys),
            models=[str(session.model.path)],
            # the project's where it is set: a model finds particles of another size, too
            diameter=session.diameter,
            device=read_preferences().device,
        )
        self.job = job
        job.found.connect(self._take)
        job.failed.connect(self._failed)
        job.progress.connect(self._progress)
        job.error.connect(self._error)
        job.finished.connect(lambda: self._finished(job))
        self.changed.emit()

    def _take(self, event: FoundCandidates) -> None:
        session = self.session
        # another project may have been opened meanwhile, with micrographs of the same names
        if session.project is not self._project or event.key not in session.project.entries:
            return
        made = replace(event.candidates, model=self._model)
        self.found += 1
        session.put_candidates(event.key, made)

    def _failed(self, event: Failed) -> None:
        self.failed.append((event.micrograph, event.reason))
        self.changed.emit()

    def _progress(self, _: Progress) -> None:
        self.changed.emit()

    def _error(self, _: str, text: str) -> None:
        self.trouble = text

    def _finished(self, job: Job) -> None:
        if job is not self.job:
            return
        self.job = None
        if job.state == "done" and self.total > 1:
            failed = f", {len(self.failed):,} failed" if self.failed else ""
            tell(f"{tell_count(self.found, 'micrograph')} picked{failed}")
        self.changed.emit()


def picking_of(session: Session) -> Picking:
    """Return the picking of a session, made at the first call."""
    if "picking" not in session.parts:
        session.parts["picking"] = Picking(session)
    made: Picking = session.parts["picking"]
    return made


def obstacle(session: Session, keys: Sequence[str]) -> str:
    """Say what keeps a picking of some micrographs from starting, and the next step, or ""."""
    if not session.project.entries:
        return "Open micrographs first, in Micrographs."
    if session.model.path is None:
        return "Train a model first, in Train, or choose a model file above."
    return session.busy or size_obstacle(session, keys)


def describe_failures(failed: Sequence[tuple[str, str]]) -> str:
    """Name the first micrographs that failed and why, one a line; count the others."""
    if not failed:
        return ""
    lines = [f"{tell_count(len(failed), 'micrograph')} could not be picked:"]
    for name, reason in failed[:FIRST_FAILURES]:
        lines.append(reason if reason.startswith(name) else f"{name}: {reason}")
    if len(failed) > FIRST_FAILURES:
        lines.append(f"and {len(failed) - FIRST_FAILURES:,} more")
    return "\n".join(lines)
