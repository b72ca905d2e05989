"""What a job says as it runs: every job is a generator of these, whoever listens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:  # the command line starts without NumPy
    from napari_unetpick.picking.candidates import Candidates


@dataclass(frozen=True)
class Message:
    """A line for the user; a warning is shown as one."""

    text: str
    level: Literal["info", "warning"] = "info"


@dataclass(frozen=True)
class Progress:
    """How far a job is: `step` of `total` steps of the `stage`, with the seconds left if known.

    `note` says it in words where the job has no end yet.
    """

    stage: str
    step: int
    total: int
    seconds_left: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Metrics:
    """Figures of one training epoch (loss, validation F1, ...), as logged to metrics.jsonl."""

    epoch: int
    values: dict[str, float] = field(default_factory=dict)
    stage: str = "training"


@dataclass(frozen=True)
class Failed:
    """One micrograph could not be done; the job continues with the others.

    `in_viewer` is the reason in the words of the viewer, where that is another one.
    """

    micrograph: str
    reason: str
    in_viewer: str = ""


@dataclass(frozen=True, eq=False)
class FoundCandidates:
    """The candidates of one micrograph, before any threshold.

    Parameters
    ----------
    key
        The micrograph's key (`Micrograph.key`).
    preview
        Whether they come from a network that is still in training.
    threshold
        Of a preview: a raw score from which candidates are worth showing.
    """

    key: str
    candidates: Candidates
    preview: bool = False
    threshold: float | None = None


@dataclass(frozen=True)
class Done:
    """The last event of a job that finished, with what it made (paths, counts, figures)."""

    result: dict[str, Any] = field(default_factory=dict)


Event = Message | Progress | Metrics | Failed | FoundCandidates | Done
