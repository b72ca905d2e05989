"""Comparisons of a session's models: submitted to the engine, their result kept for the dock.

It continues whichever docks are open; `comparing_of(session)` is the one of a session.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_unetpick.errors import InputError
from napari_unetpick.picking.scale import EDGE
from napari_unetpick.project.evaluations import missing_for_comparison
from napari_unetpick.protocol.requests import CompareRequest
from napari_unetpick.widgets.qt.preferences import read_preferences
from napari_unetpick.widgets.session.follower import JobFollower
from napari_unetpick.widgets.session.session import Session


class Comparing(JobFollower):
    """Jobs that compare models.

    Attributes
    ----------
    result
        What the last one of this project ended with (docs/reference/engine-process.md), or None.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.result: dict[str, Any] | None = None

    def obstacle(self, *, final: bool) -> str:
        """Say what keeps a comparison from starting, and the next step; "" where nothing does."""
        project = self.session.project
        if project.read_only:
            return "The project is open read-only. Save it as another project, then compare."
        missing = missing_for_comparison(project.entries, project.diameter, final=final)
        return missing or self.session.jobs.busy

    def start(
        self, models: Mapping[str, Path], picks: Mapping[str, Path], *, final: bool, border: bool
    ) -> None:
        """Compare models and pick files, by name, on the project's fully labelled micrographs.

        Parameters
        ----------
        final
            Score the test split, which counts as an evaluation of it.
        border
            Exclude a border of half a diameter.

        Raises
        ------
        InputError
            Something is missing; the line says what to do.
        """
        project = self.session.project
        if missing := self.obstacle(final=final):
            raise InputError(missing)
        if not models and not picks:
            raise InputError("tick a model, or add picks of another program")
        self.follow(
            CompareRequest(
                project.folder,
                dict(models),
                dict(picks),
                final=final,
                border=EDGE * (project.diameter or 0.0) if border else 0.0,
                device=read_preferences().device,
            )
        )

    def _started(self, request: CompareRequest) -> None:
        self.result = None

    def _done(self, result: dict[str, Any]) -> None:
        if self.belongs:  # else another project was opened meanwhile
            self.result = result

    def _error(self, text: str) -> None:
        if self.belongs:
            self.say(text)

    def _project_changed(self) -> None:
        self.job, self.result = None, None
        self.say("")
        super()._project_changed()


def comparing_of(session: Session) -> Comparing:
    """Return the comparing of a session, made at the first call."""
    if "comparing" not in session.extras:
        session.extras["comparing"] = Comparing(session)
    made: Comparing = session.extras["comparing"]
    return made
