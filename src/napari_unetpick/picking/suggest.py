"""What to label next: micrographs unlike those that are labelled, on which the model is uncertain.

Greedy: the first suggestion is the micrograph with the largest sum of "far from everything
labelled" (defocus, brightness as a stand-in for ice thickness, place in the list) and "the model
is uncertain"; it then counts as labelled, and the next one is looked for (farthest-point sampling;
Sener and Savarese 2018, "Active learning for convolutional neural networks: a core-set approach").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_SCORE = 0.1  # candidates below it are confident background
FEATURES = ("defocus", "brightness", "place")
WEIGHTS = (1.0, 1.0, 0.5)  # of the features; micrographs taken at one time are alike
UNSURE_WEIGHT = 1.0  # of the model's doubt against distance
CLEARLY = 0.1  # of the range: how much more of something makes it "the most yet"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Features:
    """What is known of a micrograph; None where it isn't.

    Parameters
    ----------
    defocus
        A.
    brightness
        Mean grey value: lower where the ice is thicker.
    unsure
        `uncertainty` of its candidates, in [0, 1].
    labelled
        Whether it has labels.
    open
        Whether it can be suggested: kept, and not labelled.
    """

    defocus: float | None = None
    brightness: float | None = None
    unsure: float | None = None
    labelled: bool = False
    open: bool = True


@dataclass(frozen=True)
class Suggestion:
    """Index of a micrograph to label, and why, in a few words."""

    index: int
    reason: str


def uncertainty(scores: Floats) -> float:
    """Mean of 4 s (1 - s) over (N,) scores: 1 where all are 0.5, 0 where all are clear.

    Example: scores 0.5 and 1.0 give (1 + 0) / 2 = 0.5.
    """
    told = scores[scores >= LEAST_SCORE]
    return float(np.mean(4 * told * (1 - told))) if len(told) else 0.0


def suggest(features: Sequence[Features], count: int = 3) -> list[Suggestion]:
    """Return the micrographs to label next, best first.

    Parameters
    ----------
    features
        Of all micrographs looked at, in the order of the list.
    count
        How many to suggest at most.
    """
    known = _columns(features)
    unsure = np.array([np.nan if f.unsure is None else f.unsure for f in features])
    doubt = np.nan_to_num(unsure) / max(float(np.nanmax(np.append(unsure, 0.0))), 1e-9)
    doubt = doubt * float(np.nanmax(np.append(unsure, 0.0)) > 0)
    labelled = [i for i, each in enumerate(features) if each.labelled]
    can = np.array([each.open and not each.labelled for each in features], dtype=bool)
    found: list[Suggestion] = []
    while can.any() and len(found) < count:
        far = _distance(known, labelled)
        worth = np.where(can, far + UNSURE_WEIGHT * doubt, -np.inf)
        best = int(np.argmax(worth))
        found.append(Suggestion(best, _reason(best, known, labelled, far[best], doubt[best])))
        can[best] = False
        labelled.append(best)
    return found


def _columns(features: Sequence[Features]) -> Floats:
    """Return the features as (N, 3), each over its own range; NaN where unknown."""
    count = len(features)
    table = np.full((count, len(FEATURES)), np.nan)
    for row, each in enumerate(features):
        table[row, 0] = np.nan if each.defocus is None else each.defocus
        table[row, 1] = np.nan if each.brightness is None else each.brightness
        table[row, 2] = row
    for column in range(len(FEATURES)):
        values = table[:, column]
        good = values[np.isfinite(values)]
        span = float(np.ptp(good)) if len(good) else 0.0
        table[:, column] = (values - good.min()) / span if span > 0 else np.nan
    return table


def _distance(known: Floats, labelled: Sequence[int]) -> Floats:
    """Distance (N,) in [0, 1] of each micrograph to the nearest labelled one.

    With none labelled it is the nearness to the middle: a typical micrograph is first.
    """
    weights = np.where(np.isfinite(known), np.array(WEIGHTS), 0.0)
    if not len(labelled):
        away = np.nan_to_num(np.abs(known - 0.5)) * weights
        return np.asarray(1 - away.sum(axis=1) / max(float(weights.sum(axis=1).max()), 1e-9))
    nearest = np.full(len(known), np.inf)
    for index in labelled:
        both = weights * weights[index] > 0
        square = np.where(both, (np.nan_to_num(known) - np.nan_to_num(known[index])) ** 2, 0.0)
        total = np.maximum((weights * both).sum(axis=1), 1e-9)
        nearest = np.minimum(nearest, np.sqrt((weights * square).sum(axis=1) / total))
    return nearest


def _reason(best: int, known: Floats, labelled: Sequence[int], far: float, doubt: float) -> str:
    if not labelled:
        return "a typical micrograph to start with"
    if UNSURE_WEIGHT * doubt > far:
        return "the model is uncertain here"
    words = (("smallest defocus yet", "largest defocus yet"), ("darker than", "brighter than"))
    shifts = known[best] - known[list(labelled)]
    for column, (less, more) in enumerate(words):
        shift = shifts[:, column][np.isfinite(shifts[:, column])]
        if len(shift) and (shift > CLEARLY).all():
            return more if column == 0 else f"{more} any labelled micrograph (thinner ice)"
        if len(shift) and (shift < -CLEARLY).all():
            return less if column == 0 else f"{less} any labelled micrograph (thicker ice)"
    apart = np.nan_to_num(np.abs(shifts)).min(axis=0)
    weighted = apart * np.array(WEIGHTS)
    if weighted.argmax() == 2:
        return "far from labelled micrographs in the list"
    return f"its {FEATURES[int(weighted.argmax())]} is between those of labelled micrographs"
