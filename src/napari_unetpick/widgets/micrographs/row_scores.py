"""A micrograph's candidates in three numbers: picks, their median score, and usable area."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project.candidates import read_candidates

Diameter = Callable[[], float | None]  # may read a header, so it is asked in the thread


def _as_found() -> None:
    return None


@dataclass(frozen=True)
class Choice:
    """How picks are chosen: calibration, threshold, and minimum distance in diameters."""

    calibration: Calibration
    threshold: float
    min_distance: float


@dataclass(frozen=True)
class Summary:
    """What a picking found on a micrograph.

    Parameters
    ----------
    count
        Candidates at or above the threshold.
    median
        Their median score, or None where there are none.
    usable
        The share of the micrograph without junk, 0 to 1, or None where the model doesn't know.
    """

    count: int
    median: float | None
    usable: float | None = None


def summarise(found: Candidates, choice: Choice, diameter_px: Diameter = _as_found) -> Summary:
    """Count the candidates that become picks, before any is accepted or rejected by hand.

    `diameter_px` returns the particle's diameter in pixels of the file; None: as when picked.
    """
    distance = choice.min_distance * (diameter_px() or found.diameter_px) / found.diameter_px
    chosen, every = found.picked(choice.calibration, choice.threshold, distance)
    scores = every[chosen]
    median = float(np.median(scores)) if len(scores) else None
    return Summary(len(scores), median, None if found.junk is None else found.junk.usable)


def read_summary(path: Path, choice: Choice, diameter_px: Diameter = _as_found) -> Summary | None:
    """Summarise a candidates file, or return None where there is none.

    Raises
    ------
    InputError
        The file is damaged.
    """
    found = read_candidates(path)
    return None if found is None else summarise(found, choice, diameter_px)
