"""One job of the engine process, as the docks see it: signals, Stop, previews."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from qtpy.QtCore import QObject, Signal

from napari_unetpick.events import Failed
from napari_unetpick.protocol.messages import event_of
from napari_unetpick.protocol.requests import ANSWERS_PREVIEWS, Request

log = logging.getLogger(__name__)

State = Literal["queued", "running", "done", "error", "stopped"]


class Job(QObject):
    """A job that was handed to `EngineClient.submit`; nothing is emitted before that returns.

    Signals
    -------
    progress(Progress), message(Message), metrics(Metrics), failed(Failed)
        As the job says them (`napari_unetpick.events`).
    found(FoundCandidates)
        The candidates of one micrograph, or a preview of them.
    done(dict), error(kind, text), stopped()
        How it ended: one of the three. `kind` is input, model, memory or engine.
    finished()
        Always last.
    """

    progress = Signal(object)
    message = Signal(object)
    metrics = Signal(object)
    found = Signal(object)
    failed = Signal(object)
    done = Signal(object)
    error = Signal(str, str)
    stopped = Signal()
    finished = Signal()

    def __init__(
        self,
        number: str,
        request: Request,
        *,
        ask_stop: Callable[[Job], None],
        ask_preview: Callable[[Job, str], None],
    ) -> None:
        super().__init__()
        self.id, self.request, self.do = number, request, request.do
        self.state: State = "queued"
        self.result: dict[str, Any] = {}
        self.stopping = False
        self.started = False  # the engine has said that it works on it
        self.tries = 0
        self._ask_stop, self._ask_preview = ask_stop, ask_preview

    def __repr__(self) -> str:
        return f"Job({self.id}, {self.do}, {self.state})"

    @property
    def over(self) -> bool:
        """Whether it has ended, one way or another."""
        return self.state in ("done", "error", "stopped")

    def stop(self) -> None:
        """Stop at the next step or tile; what was finished is kept. `stopped` follows."""
        if not self.over:
            self.stopping = True
            self._ask_stop(self)

    def preview(self, key: str) -> bool:
        """Ask a running training for the candidates of one micrograph; `found` brings them.

        Returns
        -------
        Whether it was asked: False where the job does not run, or has no previews.
        """
        if self.state != "running" or self.stopping or self.do not in ANSWERS_PREVIEWS:
            return False
        self._ask_preview(self, key)
        return True

    def receive(self, message: dict[str, Any], arrays: Path | None) -> None:
        """Emit what the engine says of this job."""
        name = message["event"]
        if name == "started":
            self.started = True
        elif name == "done":
            self.result = dict(message.get("result") or {})
            self.end("done")
        elif name == "stopped":
            self.end("stopped")
        elif name == "error":
            self.end("error", str(message.get("kind", "engine")), str(message.get("text", "")))
        else:
            self._pass_on(message, arrays)

    def end(
        self, state: Literal["done", "error", "stopped"], kind: str = "", text: str = ""
    ) -> None:
        """Emit the last signals, once."""
        if self.over:
            return
        self.state = state
        if state == "done":
            self.done.emit(self.result)
        elif state == "error":
            self.error.emit(kind, text)
        else:
            self.stopped.emit()
        self.finished.emit()

    def _pass_on(self, message: dict[str, Any], arrays: Path | None) -> None:
        signals = {
            "message": self.message,
            "progress": self.progress,
            "metrics": self.metrics,
            "failed": self.failed,
            "candidates": self.found,
        }
        name = message["event"]
        if name not in signals:
            log.debug("unknown event %r of job %s", name, self.id)
            return
        try:
            event = event_of(message, arrays)
        except ValueError as error:
            log.warning("%s", error)
            if name == "candidates":  # a result that is lost must not go unsaid
                reason = "the candidates were lost between engine and viewer; pick it again"
                self.failed.emit(Failed(str(message.get("key", "")), reason))
            return
        signals[name].emit(event)
