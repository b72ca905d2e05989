"""What a job says as it runs: every job is a generator of these, whoever listens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Message:
    """A line for the user; a warning is shown as one."""

    text: str
    level: Literal["info", "warning"] = "info"


@dataclass(frozen=True)
class Progress:
    """How far a job is: `step` of `total` steps of the `stage`, with the seconds left if known."""

    stage: str
    step: int
    total: int
    seconds_left: float | None = None


@dataclass(frozen=True)
class Metrics:
    """Figures of one training epoch (loss, validation F1, ...), as logged to metrics.jsonl."""

    epoch: int
    values: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """One micrograph could not be done; the job goes on with the others."""

    micrograph: str
    reason: str


@dataclass(frozen=True)
class Done:
    """The last event of a job that finished, with what it made (paths, counts, figures)."""

    result: dict[str, Any] = field(default_factory=dict)


Event = Message | Progress | Metrics | Failed | Done
