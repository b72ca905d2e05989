"""Messages to the viewer: one line of JSON each, on a pipe that nothing else writes to."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from napari_unetpick.events import (
    PROTOCOL,
    Done,
    Event,
    Failed,
    FoundCandidates,
    Message,
    Metrics,
    Progress,
)

NAMES: dict[type, str] = {
    Message: "message",
    Progress: "progress",
    Metrics: "metrics",
    Failed: "failed",
    Done: "done",
}


class Channel:
    """The way to the viewer.

    Parameters
    ----------
    pipe
        Binary, writable.
    arrays
        Local folder for what does not fit a line; the viewer removes what it has read.

    Attributes
    ----------
    broken
        Set once the viewer does not read any more.
    """

    def __init__(self, pipe: BinaryIO, arrays: Path) -> None:
        self.arrays = arrays
        self.broken = threading.Event()
        self._pipe = pipe
        self._lock = threading.Lock()

    def send(self, event: str, number: str | None = None, **fields: Any) -> None:
        """Send one message; `number` is the job's id."""
        message = {"v": PROTOCOL, **({"id": number} if number is not None else {}), "event": event}
        line = json.dumps({**message, **fields}, default=_plain).encode("ascii") + b"\n"
        with self._lock:
            try:
                self._pipe.write(line)
                self._pipe.flush()
            except (OSError, ValueError):  # the viewer has gone, or closed the pipe
                self.broken.set()

    def send_event(self, number: str, event: Event, **fields: Any) -> None:
        """Send what a job says."""
        if isinstance(event, FoundCandidates):
            self._send_candidates(number, event, **fields)
        else:
            self.send(NAMES[type(event)], number, **asdict(event), **fields)

    def _send_candidates(self, number: str, found: FoundCandidates, **fields: Any) -> None:
        each = found.candidates
        table = np.column_stack([each.coords, each.raw, each.nearness]).astype(np.float64)
        self.arrays.mkdir(mode=0o700, exist_ok=True)  # something may have tidied the folder away
        handle, name = tempfile.mkstemp(dir=self.arrays, suffix=".npy")
        with os.fdopen(handle, "wb") as file:
            np.save(file, table, allow_pickle=False)
        self.send(
            "candidates",
            number,
            key=found.key,
            file=Path(name).name,
            count=len(table),
            diameter_px=each.diameter_px,
            preview=found.preview,
            threshold=found.threshold,
            **fields,
        )


def _plain(value: object) -> object:
    """Turn a NumPy number or a path into what JSON has."""
    return value.item() if isinstance(value, np.generic) else str(value)
