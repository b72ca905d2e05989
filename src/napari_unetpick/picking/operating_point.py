"""Operating points: thresholds for an expected precision, or for the best expected F1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.picks import tell_count
from napari_unetpick.picking.calibration import best_threshold

Keep = Literal["more", "balanced", "clean"]
KEEPS: tuple[Keep, ...] = get_args(Keep)
LEAST_PRECISION = {"more": 0.6, "clean": 0.95}


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold, with what it is expected to give.

    Parameters
    ----------
    count
        Candidates that reach it.
    precision
        Their mean calibrated score, or None without any.
    """

    threshold: float
    count: int
    precision: float | None


def check_choice(keep: str | None, threshold: float | None, max_picks: int | None) -> None:
    """Refuse what cannot choose picks: an unknown operating point, one beside a threshold, none."""
    if keep is not None and keep not in KEEPS:
        raise InputError(
            f"operating point {keep}: unknown",
            f"give {', '.join(KEEPS[:-1])} or {KEEPS[-1]} (--keep)",
            viewer=f"choose {', '.join(KEEPS[:-1])} or {KEEPS[-1]}",
        )
    if keep is not None and threshold is not None:
        raise InputError(
            "a threshold and an operating point exclude each other",
            "give --threshold or --keep",
            viewer="choose one of them",
        )
    if max_picks is not None and max_picks < 1:
        raise InputError(
            f"at most {tell_count(max_picks, 'pick')} per micrograph leave none",
            "give 1 or more (--max-picks)",
            viewer="choose 1 or more",
        )


def operating_point(scores: NDArray[np.float64], keep: Keep) -> OperatingPoint:
    """Choose the threshold of an operating point.

    Parameters
    ----------
    scores
        (N,) calibrated scores (probabilities) of candidates after the minimum distance.
    keep
        "balanced": the best expected F1. "more": the lowest threshold of an expected precision of
        at least 0.6. "clean": the same with 0.95, and never below "balanced". Where nothing is so
        precise the threshold is 1.
    """
    ordered = np.sort(scores)[::-1]
    balanced = best_threshold(ordered, float(ordered.sum()))[0]
    if keep == "balanced":
        threshold = balanced
    else:
        threshold = _threshold_of_precision(ordered, LEAST_PRECISION[keep])
    if keep == "clean":
        threshold = max(threshold, balanced)
    above = ordered[ordered >= threshold]
    return OperatingPoint(threshold, len(above), float(above.mean()) if len(above) else None)


def _threshold_of_precision(ordered: NDArray[np.float64], least: float) -> float:
    """Lowest threshold at which the mean of the scores (descending) above it is at least `least`.

    It lies half way to the next score below, so that rounding changes nothing.
    """
    means = np.cumsum(ordered) / np.arange(1, len(ordered) + 1)
    count = int((means >= least).sum())  # the means fall with the scores
    if not count:
        return 1.0
    below = ordered[count] if count < len(ordered) else 0.0
    return float((ordered[count - 1] + below) / 2)
