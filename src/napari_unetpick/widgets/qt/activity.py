"""The running job in napari's own activity panel, beside the run panel of the docks."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from napari_unetpick.adapters.notify import current_viewer
from napari_unetpick.events import Progress

if TYPE_CHECKING:
    from napari_unetpick.widgets.session.session import Session


class _Nowhere(io.TextIOBase):
    """Takes what tqdm would print on the terminal."""

    def write(self, text: str) -> int:
        return len(text)


class Activity:
    """One bar of `napari.utils.progress` for the stage that a session's job is in."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.bar: Any = None
        self._stage = ""
        session.jobs.changed.connect(self._job_changed)

    def _job_changed(self) -> None:
        self._close()
        if self.session.jobs.current is not None:
            self.session.jobs.current.progress.connect(self._progress)
            self.session.jobs.current.finished.connect(self._close)

    def _progress(self, event: Progress) -> None:
        if current_viewer() is None:  # napari's panel belongs to a window
            return
        if self.bar is None or event.stage != self._stage or self.bar.total != event.total:
            self._close()
            self._open(event)
        if event.step > self.bar.n:
            self.bar.update(event.step - self.bar.n)

    def _open(self, event: Progress) -> None:
        from napari.utils import progress

        self._stage = event.stage
        self.bar = progress(
            total=event.total, desc=f"UNetPick: {event.stage}", file=_Nowhere(), mininterval=0.3
        )

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None
