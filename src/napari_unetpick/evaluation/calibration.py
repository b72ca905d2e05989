"""Do scores mean what they say: is a candidate of score 0.8 true eight times in ten?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

SMALLEST_SCORE = 0.1  # nearly all peaks are near 0 and trivially right: they would hide the error
BINS = 10
FEWEST_IN_BIN = 10


@dataclass(frozen=True)
class ReliabilityBin:
    """Candidates of neighbouring scores: their mean score against the part that is true."""

    low: float
    high: float
    n: int
    mean_score: float
    fraction_true: float


@dataclass(frozen=True)
class ReliabilityCheck:
    """How far scores are from probabilities, over candidates with a score >= `smallest_score`.

    Parameters
    ----------
    error
        Expected calibration error with equal-count bins: mean |fraction true - mean score|.
    brier
        Mean squared difference of score and truth (0 or 1).
    bins
        The reliability table, from low to high scores.
    n
        Candidates looked at.
    """

    error: float
    brier: float
    bins: tuple[ReliabilityBin, ...]
    n: int
    smallest_score: float = SMALLEST_SCORE


@dataclass(frozen=True)
class ExpectedPrecision:
    """What scores promise at a threshold, against what is true."""

    threshold: float
    expected: float
    true: float
    n: int


def calibrate_check(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    smallest_score: float = SMALLEST_SCORE,
) -> ReliabilityCheck | None:
    """Measure calibration; None where no candidate reaches `smallest_score`.

    Bins hold equal counts (Nguyen and O'Connor 2015); there are fewer where they would hold under
    ten each, since a bin of n adds some sqrt(p (1 - p) / n) of pure chance to the error.

    Parameters
    ----------
    scores
        (N,) in [0, 1].
    labels
        (N,) bool, true or not (`matching.label_candidates`).

    Raises
    ------
    ValueError
        Scores are no probabilities, or the lengths differ.
    """
    values, true = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=bool)
    if values.shape != true.shape:
        raise ValueError(f"{values.size} scores for {true.size} labels")
    if not can_be_probabilities(values):
        raise ValueError("scores must lie in [0, 1]")
    keep = values >= smallest_score
    values, true = values[keep], true[keep].astype(np.float64)
    if len(values) == 0:
        return None
    order = np.argsort(values, kind="stable")
    values, true = values[order], true[order]
    count = max(1, min(BINS, len(values) // FEWEST_IN_BIN))
    # Equal scores stay together (isotonic calibration makes many), else chance would split them.
    ideal = np.arange(count) * len(values) // count
    starts = np.unique(np.searchsorted(values, values[ideal], side="left"))
    ends = np.append(starts[1:], len(values))
    table = tuple(_reliability(values[i:j], true[i:j]) for i, j in zip(starts, ends, strict=True))
    error = sum(row.n * abs(row.fraction_true - row.mean_score) for row in table) / len(values)
    brier = float(np.mean((values - true) ** 2))
    return ReliabilityCheck(float(error), brier, table, len(values), smallest_score)


def expected_precision(
    scores: ArrayLike, labels: ArrayLike, threshold: float
) -> ExpectedPrecision | None:
    """Compare the mean score of picks at or above the threshold with their true precision.

    None where no candidate reaches the threshold.
    """
    values, true = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=bool)
    keep = values >= threshold
    if not keep.any():
        return None
    return ExpectedPrecision(
        float(threshold), float(values[keep].mean()), float(true[keep].mean()), int(keep.sum())
    )


def can_be_probabilities(scores: ArrayLike) -> bool:
    """Tell whether all scores lie in [0, 1] (logits and correlations of other programs do not)."""
    values = np.asarray(scores, dtype=np.float64)
    return bool(((values >= 0.0) & (values <= 1.0)).all())


def _reliability(scores: NDArray[np.float64], true: NDArray[np.float64]) -> ReliabilityBin:
    return ReliabilityBin(
        float(scores.min()),
        float(scores.max()),
        len(scores),
        float(scores.mean()),
        float(true.mean()),
    )
