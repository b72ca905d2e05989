"""The running job: stage, progress bar, time left, Stop, last message, and what went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QProgressBar, QSizePolicy, QVBoxLayout, QWidget
from superqt.utils import qthrottled

from napari_unetpick.events import Failed, Message, Progress
from napari_unetpick.widgets.qt.controls import button, hint, row, say
from napari_unetpick.widgets.qt.dock import Unfollow
from napari_unetpick.widgets.qt.engine_badge import EngineBadge

if TYPE_CHECKING:
    from napari_unetpick.client import Job
    from napari_unetpick.widgets.session.session import Session

NAMES = {
    "train": "Training",
    "pick": "Picking",
    "self-train": "Self-training",
    "compare": "Comparing",
}
IDLE = "No job is running."
EVERY_MS = 500  # drawing each of six steps a second took a fifth of a core from the training
OF_MICROGRAPHS = ("preparing", "picking", "acceptance test", "supervised model")
"""How stages end that count micrographs; in others a network is trained, step by step."""
OUTCOMES = {
    "done": "{} finished.",
    "stopped": "{} stopped. Finished work is kept.",
    "error": "{} failed.",
}
ADVICE = {
    "memory": "Close other programs, or choose a smaller batch size in Advanced settings.",
    "engine": "The engine restarts with the next job.",
}


class RunPanel(QWidget):
    """Follows a session's job; several may be shown at once."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self._job: Job | None = None
        self._failures = 0
        self.badge = EngineBadge(session.jobs.engine)
        self.stop = button(
            "Stop",
            "Stop after the current step. Finished work is kept; a training can be resumed later.",
            self._stop,
        )
        self.stop.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.stage = hint(IDLE)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(10)
        self.bar.setToolTip("Progress of this stage.")
        self._calm = qthrottled(self._show, EVERY_MS, parent=self)
        self.words = hint()
        self.trouble = hint()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        for part in (row(self.badge, self.stop), self.stage, self.bar, self.words, self.trouble):
            layout.addWidget(part)
        session.jobs.changed.connect(self._job_changed)
        self.destroyed.connect(Unfollow([(session.jobs.changed, self._job_changed)]))
        self._idle()
        self._job_changed()

    def _job_changed(self) -> None:
        job = self.session.jobs.current
        if job is None or job is self._job:
            return
        if self._job is not None:
            self._drop(self._job)
        self._job, self._failures = job, 0
        job.progress.connect(self._progress)
        job.message.connect(self._message)
        job.failed.connect(self._failed)
        job.error.connect(self._error)
        job.finished.connect(self._finished)
        waits = self.session.jobs.engine.state == "busy"
        say(self.stage, f"{self._name}: {'waiting for the current job' if waits else 'starting'}…")
        say(self.words, "")
        say(self.trouble, "")
        self.bar.setRange(0, 0)
        self.bar.show()
        self.stop.setEnabled(True)

    @property
    def _name(self) -> str:
        return "" if self._job is None else NAMES.get(self._job.do, self._job.do.capitalize())

    def _drop(self, job: Job) -> None:
        job.progress.disconnect(self._progress)
        self._calm.cancel()
        self._calm.flush(restart_timer=False)  # the next job's first step is shown at once
        job.message.disconnect(self._message)
        job.failed.disconnect(self._failed)
        job.error.disconnect(self._error)
        job.finished.disconnect(self._finished)

    def _progress(self, event: Progress) -> None:
        self._calm(event)

    def _show(self, event: Progress) -> None:
        self.bar.setRange(0, event.total)
        self.bar.setValue(event.step)
        stage = (
            event.stage
            if event.stage.lower() in self._name.lower()
            else (f"{self._name}, {event.stage}")
        )
        left = time_left(event.seconds_left)
        text = f"{stage.capitalize()}: {event.step:,} of {event.total:,} {unit_of(event.stage)}"
        say(self.stage, f"{text}, {left}" if left else text)

    def _message(self, event: Message) -> None:
        say(self.words, f"Warning: {event.text}" if event.level == "warning" else event.text)

    def _failed(self, event: Failed) -> None:
        self._failures += 1
        more = f" ({self._failures:,} failed so far)" if self._failures > 1 else ""
        name = "" if event.reason.startswith(event.micrograph) else f"{event.micrograph}: "
        say(self.trouble, f"{name}{event.reason}{more}")

    def _error(self, kind: str, text: str) -> None:
        advice = ADVICE.get(kind, "")
        say(self.trouble, f"{text}. {advice}" if advice and advice not in text else text)

    def _finished(self) -> None:
        job = self._job
        if job is None:
            return
        say(self.stage, OUTCOMES.get(job.state, IDLE).format(self._name))
        self._drop(job)
        self._job = None
        self._idle()

    def _stop(self) -> None:
        if self._job is not None:
            self._calm.cancel()
            say(self.stage, f"{self._name}: stopping after this step…")
            self.stop.setEnabled(False)
            self._job.stop()

    def _idle(self) -> None:
        self.bar.hide()
        self.stop.setEnabled(False)


def alone(panel: RunPanel) -> None:
    """Show a dock's own panel only where the workspace has none below all docks."""
    above = panel.parent()
    while above is not None and not hasattr(above, "run_panel"):
        above = above.parent()
    panel.setVisible(above is None)


def unit_of(stage: str) -> str:
    """Return what a stage counts."""
    if stage == "scoring":
        return "methods"
    return "micrographs" if stage.endswith(OF_MICROGRAPHS) else "steps"


def time_left(seconds: float | None) -> str:
    """Return the time left in words: 95 -> "about 2 min left"; "" if it is unknown."""
    if seconds is None or not seconds >= 0:
        return ""
    if seconds < 10:
        return "a few seconds left"
    if seconds < 60:
        return f"about {10 * round(seconds / 10):.0f} s left"
    if seconds < 3600:
        return f"about {round(seconds / 60)} min left"
    return f"about {seconds / 3600:.1f} h left"
