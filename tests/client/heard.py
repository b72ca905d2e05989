"""Requests of any name, and what a job's signals said, in order."""

from __future__ import annotations

from typing import Any

from napari_unetpick.client import Job
from napari_unetpick.protocol.messages import plain
from napari_unetpick.protocol.requests import Request

SIGNALS = ("progress", "message", "metrics", "found", "failed", "done", "error", "stopped")


class Ask(Request):
    """A request that only the stand-in of the engine knows."""

    def __init__(self, do: str, **args: Any) -> None:
        self.do, self.args = do, args  # type: ignore[misc]

    def to_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = plain(self.args)
        return fields


class Heard:
    """All that a job says, in order."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        for name in (*SIGNALS, "finished"):
            getattr(job, name).connect(lambda *each, name=name: self.calls.append((name, each)))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def of(self, wanted: str) -> list[tuple[Any, ...]]:
        return [values for name, values in self.calls if name == wanted]

    @property
    def over(self) -> bool:
        return "finished" in self.names
