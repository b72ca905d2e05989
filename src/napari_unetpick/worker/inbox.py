"""Requests from the viewer: a thread reads them while a job runs."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from napari_unetpick.protocol.messages import VERSION, decode
from napari_unetpick.protocol.requests import PreviewRequest

Complain = Callable[[str | None, str], None]


@dataclass(frozen=True)
class Order:
    """A job that was asked for: its id, its name, and what it is told, not checked yet."""

    id: str
    do: str
    args: dict[str, Any] = field(default_factory=dict)


class Inbox:
    """What the viewer has asked for and was not done yet.

    Parameters
    ----------
    pipe
        Binary, readable; its end means that the viewer has gone.
    complain
        Told the job's id (or None) and a line, where a request cannot be read.
    """

    def __init__(self, pipe: BinaryIO, complain: Complain) -> None:
        self.closed = threading.Event()
        self._pipe, self._complain = pipe, complain
        self._jobs: queue.Queue[Order | None] = queue.Queue()
        self._lock = threading.Lock()
        self._stops: set[str] = set()
        self._previews: dict[str, list[PreviewRequest]] = {}

    def listen(self, on_close: Callable[[], None] = lambda: None) -> None:
        """Start reading, in a thread of its own; `on_close` is called in that thread."""

        def read() -> None:
            try:
                for line in self._pipe:
                    if line.strip() and not self._take(line):
                        break
            except (OSError, ValueError):
                pass  # a broken pipe is an end like any other
            self.closed.set()
            self._jobs.put(None)
            on_close()

        threading.Thread(target=read, name="inbox", daemon=True).start()

    def next(self, timeout: float) -> Order | None:
        """Return the next job, or None where the viewer has gone.

        Raises
        ------
        queue.Empty
            Nothing came within `timeout` seconds.
        """
        return self._jobs.get(timeout=timeout)

    def is_stopped(self, number: str) -> bool:
        """Whether the viewer wants a job to stop."""
        return self.closed.is_set() or number in self._stops

    def take_previews(self, number: str) -> list[PreviewRequest]:
        """Return the previews that were asked for since, the last of each micrograph."""
        if number not in self._previews:  # between all steps: cheap where there are none
            return []
        with self._lock:
            return self._previews.pop(number, [])

    def forget(self, number: str) -> None:
        """Drop what belongs to a job that has ended."""
        with self._lock:
            self._stops.discard(number)
            self._previews.pop(number, None)

    def _take(self, line: bytes) -> bool:
        """File one request; False for `quit`."""
        try:
            message = decode(line, "do", "v")
        except ValueError:
            self._complain(None, "a request that is no JSON object with 'v' and 'do'")
            return True
        number, do, version = str(message.get("id", "")), message["do"], message["v"]
        if version != VERSION:
            self._complain(
                number or None,
                f"the viewer speaks version {version!r} of the messages, this engine {VERSION}; "
                "restart napari",
            )
        elif do == "quit":
            return False
        elif not number:
            self._complain(None, f"a request '{do}' without a job's id")
        elif do == "stop":
            with self._lock:
                self._stops.add(number)
        elif do == "preview":
            self._file_preview(number, str(message.get("key", "")), str(message.get("reply", "")))
        else:
            args = {k: v for k, v in message.items() if k not in ("v", "id", "do")}
            self._jobs.put(Order(number, str(do), args))
        return True

    def _file_preview(self, number: str, key: str, reply: str) -> None:
        with self._lock:
            waiting = [each for each in self._previews.get(number, []) if each.key != key]
            self._previews[number] = [*waiting, PreviewRequest(key, reply)]
