"""Picking of a session: micrographs handed to the engine, candidates taken over as they come.

It goes on whichever docks are open; `picking_of(session)` is the one of a session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from napari_unetpick.adapters.notify import tell
from napari_unetpick.client import Job
from napari_unetpick.errors import InputError
from napari_unetpick.events import Failed, FoundCandidates, Progress
from napari_unetpick.io.picks import tell_count
from napari_unetpick.protocol.requests import PickRequest
from napari_unetpick.widgets.qt.preferences import read_preferences
from napari_unetpick.widgets.session.follower import JobFollower
from napari_unetpick.widgets.session.session import Session

NO_DIAMETER = "The general model needs the particle diameter: measure a particle or type it."
FIRST_FAILURES = 3  # that are named; the others are counted


class Picking(JobFollower):
    """Jobs that find candidates.

    Attributes
    ----------
    found, total
        Micrographs picked so far, and those that were asked for.
    failed
        (micrograph, reason) of those that could not be picked.
    stopped
        Whether the last picking was.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.found, self.total = 0, 0
        self.failed: list[tuple[str, str]] = []
        self.stopped = False
        self._model, self._one_of_many = "", False

    def obstacle(self, keys: Sequence[str]) -> str:
        """Say what keeps a picking of some micrographs from starting, and the next step, or ""."""
        session = self.session
        if not session.project.entries:
            return "Open micrographs first (step Micrographs)."
        if session.selection.model.path is None:
            return "Train a model first (step Train), or choose a model file above."
        if session.selection.model.general and session.project.diameter is None:
            return NO_DIAMETER
        return session.jobs.busy or session.pixel_sizes.obstacle(keys)

    def start(self, keys: Sequence[str], surveyed: Sequence[str] = ()) -> None:
        """Find the candidates of some micrographs with the session's model.

        Parameters
        ----------
        surveyed
            Keys of the micrographs that contrast and calibration are found on; none means all of
            the project. A picking with them is one of many, of which no notification tells.

        Raises
        ------
        InputError
            There is no model, nothing to pick, or the engine is at work.
        """
        project, model = self.session.project, self.session.selection.model
        if missing := self.obstacle(keys):
            raise InputError(missing)
        if not keys or model.path is None:
            raise InputError("no micrograph is selected")
        # the project's diameter where it is set: a model finds particles of another size, too
        device = read_preferences().device
        request = PickRequest(project.folder, tuple(keys), (model.path,), project.diameter, device)
        self.follow(replace(request, surveyed=tuple(surveyed)))

    def _started(self, request: PickRequest) -> None:
        self.found, self.total, self.failed = 0, len(request.keys), []
        self._model = self.session.selection.model.name
        self._one_of_many, self.stopped = bool(request.surveyed), False

    def _found(self, event: FoundCandidates) -> None:
        # another project may have been opened meanwhile, with micrographs of the same names
        if self.belongs and event.key in self.session.project.entries:
            made = replace(event.candidates, model=self._model)
            self.found += 1
            self.session.candidates.put(event.key, made)

    def _failed(self, event: Failed) -> None:
        self.failed.append((event.micrograph, event.reason))
        self.changed.emit()

    def _progress(self, _: Progress) -> None:
        self.changed.emit()

    def _done(self, result: dict[str, Any]) -> None:
        found = result.get("found") or {}
        same_model = self._model == self.session.selection.model.name
        if self.belongs and same_model and "calibration" in found:
            self.session.selection.adapt(found["calibration"])

    def _ended(self, job: Job) -> None:
        self.stopped = job.state == "stopped"
        if job.state == "done" and self.total > 1 and not self._one_of_many:
            failed = f", {len(self.failed):,} failed" if self.failed else ""
            tell(f"{tell_count(self.found, 'micrograph')} picked{failed}")


def picking_of(session: Session) -> Picking:
    """Return the picking of a session, made at the first call."""
    if "picking" not in session.extras:
        session.extras["picking"] = Picking(session)
    made: Picking = session.extras["picking"]
    return made


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
