"""The engine of one viewer: starts the process when it is needed, queues jobs, survives crashes."""

from __future__ import annotations

import itertools
import logging
import shutil
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from qtpy.QtCore import QCoreApplication, QObject, QTimer, Signal

from napari_unetpick.client.job import Job
from napari_unetpick.client.process import COMMAND, EngineProcess
from napari_unetpick.protocol.messages import ARRAYS, VERSION
from napari_unetpick.protocol.requests import PreviewRequest, Request

log = logging.getLogger(__name__)

State = Literal["off", "starting", "ready", "busy"]
BUTTONS = {"train": "Train", "pick": "Pick", "self-train": "Self-train"}
MOST_STARTS = 2  # without a word of readiness, after which no further one would help
MOST_TRIES = 3  # to send a job that the engine never started
PATIENCE_MS = 2000  # for the engine to go when the viewer closes
STOP_PATIENCE_MS = 30_000  # for a job to reach its next step or tile


class EngineClient(QObject):
    """Runs jobs in the engine process, one after the other.

    Attributes
    ----------
    gpus
        Names of the CUDA GPUs, as the engine sees them; known before `device_changed`.

    Signals
    -------
    state_changed(str)
        off, starting, ready or busy.
    device_changed(badge, why)
        "CPU" or which GPU, and one line that says why.
    memory_changed(str)
        Memory in use while a job runs, "" when none does.
    """

    state_changed = Signal(str)
    device_changed = Signal(str, str)
    memory_changed = Signal(str)

    def __init__(self, parent: QObject | None = None, command: Sequence[str] = COMMAND) -> None:
        super().__init__(parent)
        self.state: State = "off"
        self.badge, self.why, self.memory = "", "", ""
        self.gpus: tuple[str, ...] = ()
        self._command = command
        self._process: EngineProcess | None = None
        self._arrays: Path | None = None
        self._complaint = ""  # what the engine itself said before it ended
        self._queue: deque[Job] = deque()
        self._current: Job | None = None
        self._numbers = itertools.count(1)
        self._starts = 0
        self._wake = QTimer(self)
        self._wake.setSingleShot(True)
        self._wake.timeout.connect(self._advance)
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.timeout.connect(self._lose_patience)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.shutdown)

    @property
    def pid(self) -> int:
        """The engine's process id, 0 where it does not run."""
        return self._process.pid if self._process is not None else 0

    def submit(self, request: Request) -> Job:
        """Queue a job; the engine is started where it does not run."""
        number = str(next(self._numbers))
        job = Job(number, request, ask_stop=self._stop, ask_preview=self._preview)
        self._queue.append(job)
        self._wake.start(0)  # not now: the caller still has to connect its signals
        return job

    def warm_up(self) -> None:
        """Start the engine ahead of the first job."""
        if self._process is None:
            self._start()

    def shutdown(self) -> None:
        """Stop everything and end the engine; a later job would start a fresh one."""
        self._wake.stop()
        self._patience.stop()
        process, self._process = self._process, None
        if process is not None:
            process.close(PATIENCE_MS)
            process.deleteLater()
        self._forget_arrays()
        jobs = [*([self._current] if self._current is not None else []), *self._queue]
        self._current = None
        self._queue.clear()
        for job in jobs:
            job.end("stopped")
        self._set_memory("")
        self._set_state("off")

    # -- the process -------------------------------------------------------------------------

    def _start(self) -> None:
        self._starts += 1
        self._complaint = ""
        process = EngineProcess(self._command, self)
        process.received.connect(self._receive)
        process.ended.connect(self._ended)
        self._process = process
        self._set_state("starting")
        process.start()

    def _advance(self) -> None:
        """Hand the next job over, if the engine is there and free."""
        if self._current is not None or not self._queue:
            return
        if self._process is None:
            self._start()
        elif self.state == "ready":
            job = self._current = self._queue.popleft()
            job.state, job.tries = "running", job.tries + 1
            self._set_state("busy")
            self._send(job)

    def _stop(self, job: Job) -> None:
        if job in self._queue:
            self._queue.remove(job)
            job.end("stopped")
        elif job is self._current and self._process is not None:
            self._process.send({"do": "stop", "id": job.id})
            if not self._patience.isActive():
                self._patience.start(STOP_PATIENCE_MS)

    def _preview(self, job: Job, key: str) -> None:
        if job is self._current and self._process is not None:
            self._send(job, PreviewRequest(key, f"preview-{next(self._numbers)}"))

    def _send(self, job: Job, request: Request | None = None) -> None:
        """Send a job's request, or another one about it."""
        assert self._process is not None
        request = request or job.request
        self._process.send({"id": job.id, "do": request.do, **request.to_fields()})

    def _lose_patience(self) -> None:
        if self._process is not None and self._current is not None and self._current.stopping:
            log.warning("the engine did not stop within %d s; ending it", STOP_PATIENCE_MS // 1000)
            self._process.kill()

    # -- what it says ------------------------------------------------------------------------

    def _receive(self, message: dict[str, Any]) -> None:
        name, number = message["event"], message.get("id")
        if message.get("v") != VERSION:
            self._refuse(message)
        elif name == "hello":
            self._arrays = Path(str(message.get("arrays", "")))
        elif name == "device":
            self.gpus = tuple(map(str, message.get("gpus", ())))
            self._set_device(str(message.get("badge", "")), str(message.get("why", "")))
            if self.state == "starting":
                self._starts = 0
                self._set_state("ready")
                self._advance()
        elif name == "memory":
            if self._current is not None:  # it may come after the job's last word
                self._set_memory(str(message.get("text", "")))
        elif self._current is not None and number == self._current.id:
            self._tell_job(self._current, message)
        elif number is None and name == "error":
            self._complaint = str(message.get("text", ""))
            log.warning("the engine says: %s", self._complaint)
        else:
            log.debug("a message of no running job: %s", message)

    def _tell_job(self, job: Job, message: dict[str, Any]) -> None:
        if message["event"] in ("done", "error", "stopped"):
            # a listener of the last signals may submit the next job: be ready for it
            self._current = None
            self._patience.stop()
            self._set_memory("")
            self._set_state("ready")
            if self._queue:
                self._wake.start(0)
        job.receive(message, self._arrays)

    def _refuse(self, message: dict[str, Any]) -> None:
        """End an engine of another version: the package was changed while the viewer ran."""
        self._complaint = (
            f"it speaks version {message.get('v')!r} of the messages, this viewer {VERSION}; "
            "restart napari"
        )
        if self._process is not None:
            self._process.received.disconnect(self._receive)  # whatever follows means nothing
            self._process.kill()

    def _ended(self, how: str) -> None:
        """Clear up after an engine that is gone, whatever it died of."""
        was_ready = self.state in ("ready", "busy")
        job, self._current = self._current, None
        if self._process is not None:
            self._process.deleteLater()
        self._process = None
        self._patience.stop()
        self._forget_arrays()
        self._set_memory("")
        self._set_state("off")
        if job is not None:
            self._bury(job, how)
        if not was_ready and (self._complaint or self._starts >= MOST_STARTS or not self._queue):
            self._give_up(self._complaint or how)
        elif self._queue:
            self._wake.start(0)

    def _bury(self, job: Job, how: str) -> None:
        """Say what became of the job that was handed over."""
        if job.stopping:
            job.end("stopped")
        elif not job.started and job.tries < MOST_TRIES:
            job.state = "queued"  # the engine went (idle) before it read the request
            self._queue.appendleft(job)
        else:
            again = BUTTONS.get(job.do, "the button")
            job.end(
                "error",
                "engine",
                f"the engine stopped unexpectedly ({how or 'it went away'}); "
                f"your picks are safe; press {again} again",
            )

    def _give_up(self, how: str) -> None:
        """Tell all who wait that no engine will come."""
        text = f"the engine does not start ({how or 'it ended at once'}); see `unetpick doctor`"
        log.warning("%s", text)
        self._starts = 0
        self._set_device("no engine", text)
        waiting, self._queue = self._queue, deque()
        for job in waiting:
            job.end("error", "engine", text)

    def _forget_arrays(self) -> None:
        """Remove what an engine that was killed could not remove itself."""
        if self._arrays is not None and self._arrays.name.startswith(ARRAYS):
            shutil.rmtree(self._arrays, ignore_errors=True)
        self._arrays = None

    def _set_state(self, state: State) -> None:
        if state != self.state:
            self.state = state
            self.state_changed.emit(state)

    def _set_device(self, badge: str, why: str) -> None:
        if (badge, why) != (self.badge, self.why):
            self.badge, self.why = badge, why
            self.device_changed.emit(badge, why)

    def _set_memory(self, text: str) -> None:
        if text != self.memory:
            self.memory = text
            self.memory_changed.emit(text)
