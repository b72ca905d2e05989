"""Messages to the viewer: one line of JSON each, on a pipe that nothing else writes to."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, BinaryIO

from napari_unetpick.events import Event
from napari_unetpick.protocol.messages import encode, message_of


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
        self._write({"event": event, **fields}, number)

    def send_event(self, number: str, event: Event, **fields: Any) -> None:
        """Send what a job says."""
        self._write({**message_of(event, self.arrays), **fields}, number)

    def _write(self, message: dict[str, Any], number: str | None) -> None:
        line = encode({**({"id": number} if number is not None else {}), **message}, strict=False)
        with self._lock:
            try:
                self._pipe.write(line)
                self._pipe.flush()
            except (OSError, ValueError):  # the viewer has gone, or closed the pipe
                self.broken.set()
