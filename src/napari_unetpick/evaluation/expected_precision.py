"""How many candidates above a threshold are particles, as far as can be known; no Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.evaluation.intervals import binomial_interval
from napari_unetpick.io.picks import tell_count

Kind = Literal["probability", "rank"]

UNCALIBRATED = "Uncalibrated scores. Label one micrograph completely to estimate precision."
NONE_ABOVE = "No candidate reaches the threshold. Lower it."


@dataclass(frozen=True)
class Expected:
    """The expected precision: mean probability of `count` candidates, and its range (95 %).

    `evidence` is the number of labelled particles that the calibration rests on; where it is
    unknown (None), as of a general model, there is no range.
    """

    mean: float
    low: float
    high: float
    count: int
    evidence: int | None


def expected_precision(scores: NDArray[np.float64], evidence: int | None = None) -> Expected | None:
    """Return the expected precision of candidates, or None without any.

    The mean of calibrated scores is the expected share of particles. How far it can be off hangs
    on the labels that the scores were calibrated on: ten thousand candidates make it no surer than
    the two hundred validated ones behind them. So the range is Wilson's for the smaller of the
    two numbers. Example: mean 0.9 of 10,000 candidates, calibrated on 200: 0.85 to 0.93.

    Parameters
    ----------
    scores
        (N,) calibrated scores of the candidates above the threshold.
    evidence
        Labelled particles that the calibration rests on, or None where it is unknown.
    """
    if not len(scores):
        return None
    mean = float(np.clip(np.mean(scores), 0.0, 1.0))
    if evidence is None:
        return Expected(mean, mean, mean, len(scores), None)
    trials = min(len(scores), evidence)
    found = binomial_interval(round(mean * trials), trials)
    low, high = min(found.low, mean), max(found.high, mean)
    return Expected(mean, low, high, len(scores), evidence)


def evidence_of(card: Mapping[str, Any]) -> int | None:
    """Estimate on how many labelled particles a model's calibration rests, from its card.

    The card counts the micrographs that validate and the particles of those that train: they are
    taken to be as crowded as each other.
    """
    training, validation = card.get("training") or {}, card.get("validation") or {}
    try:
        held_out = int(validation["micrographs"])
        crowd = float(training["particles"]) / int(training["micrographs"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return max(1, round(held_out * crowd)) if held_out > 0 and crowd > 0 else None


def describe_expected(found: Expected | None, kind: Kind) -> str:
    """Say the expected precision as a range, or why there is none."""
    if found is None:
        return NONE_ABOVE
    if kind == "rank":
        return UNCALIBRATED
    low, high = f"{100 * found.low:.0f}", f"{100 * found.high:.0f}"
    share = f"{high} %" if low == high else f"{low} to {high} %"
    if found.evidence is None:
        return (
            f"Expected precision about {high} % of {tell_count(found.count, 'candidate')} (from "
            "the scores; no labels of yours are behind them)."
        )
    return (
        f"Expected precision {share} of {tell_count(found.count, 'candidate')} (scores calibrated "
        f"on about {tell_count(found.evidence, 'labelled particle')})."
    )
