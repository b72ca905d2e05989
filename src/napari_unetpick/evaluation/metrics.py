"""Figures of merit of a set of picks: precision, recall, F1, their curves, and centring."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_unetpick.evaluation.matching import as_points

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """How well picks agree with truth; the protocol that counted the matches gives it meaning.

    Where nothing was to be found and nothing was picked, all three are 1; else an empty side
    counts as 0. So no value is undefined and an empty micrograph left empty is right.
    """

    precision: float
    recall: float
    f1: float
    n_picks: int
    n_truth: int
    n_matched: int


@dataclass(frozen=True)
class Macro:
    """Precision, recall and F1 averaged over micrographs, each weighing the same."""

    precision: float
    recall: float
    f1: float
    n_micrographs: int


@dataclass(frozen=True)
class PrecisionRecall:
    """Precision and recall of the candidates with a score >= each threshold (descending)."""

    thresholds: Floats
    precision: Floats
    recall: Floats

    @property
    def f1(self) -> Floats:
        """F1 at each threshold."""
        total = self.precision + self.recall
        return np.divide(
            2 * self.precision * self.recall, total, out=np.zeros_like(total), where=total > 0
        )


def score_counts(n_matched: int, n_picks: int, n_truth: int) -> Score:
    """Make a score from counts: precision = TP / picks, recall = TP / truth, F1 = 2 TP / both.

    Example: 8 matches of 10 picks and 16 particles: 0.8, 0.5 and 16 / 26 = 0.615.
    """
    if n_picks == 0 and n_truth == 0:
        return Score(1.0, 1.0, 1.0, 0, 0, 0)
    precision = n_matched / n_picks if n_picks else 0.0
    recall = n_matched / n_truth if n_truth else 0.0
    f1 = 2.0 * n_matched / (n_picks + n_truth)
    return Score(precision, recall, f1, int(n_picks), int(n_truth), int(n_matched))


def pool(scores: Iterable[Score]) -> Score:
    """Pool micrographs: add up their counts, so that each particle weighs the same."""
    rows = list(scores)
    return score_counts(
        sum(row.n_matched for row in rows),
        sum(row.n_picks for row in rows),
        sum(row.n_truth for row in rows),
    )


def macro(scores: Sequence[Score]) -> Macro:
    """Average micrographs, so that each micrograph weighs the same (0 where there is none)."""
    if not scores:
        return Macro(0.0, 0.0, 0.0, 0)
    precision, recall, f1 = np.mean([(s.precision, s.recall, s.f1) for s in scores], axis=0)
    return Macro(float(precision), float(recall), float(f1), len(scores))


def precision_recall_curve(scores: ArrayLike, labels: ArrayLike, n_truth: int) -> PrecisionRecall:
    """Give precision and recall at each distinct score, from the highest to the lowest.

    Parameters
    ----------
    scores
        (N,) of all candidates of all micrographs together.
    labels
        (N,) bool from `matching.label_candidates`.
    n_truth
        True particles in all micrographs, found or not.
    """
    values = np.asarray(scores, dtype=np.float64).reshape(-1)
    true = np.asarray(labels, dtype=bool).reshape(-1)
    if len(values) != len(true):
        raise ValueError(f"{len(values)} scores for {len(true)} labels")
    order = np.argsort(-values, kind="stable")
    values, true = values[order], true[order]
    # Candidates of equal score stand or fall together: only the last of each run is a threshold.
    last = np.flatnonzero(np.append(np.diff(values) != 0, len(values) > 0))
    found = np.cumsum(true)[last].astype(np.float64)
    recall = found / n_truth if n_truth else np.zeros(len(found))
    return PrecisionRecall(values[last], found / (last + 1), recall)


def best_threshold(scores: ArrayLike, labels: ArrayLike, n_truth: int) -> tuple[float, float]:
    """Give the threshold of the highest F1 and that F1; (inf, 0) where there is no candidate.

    The best of many thresholds is optimistic on the set it was chosen on: use validation data.
    """
    curve = precision_recall_curve(scores, labels, n_truth)
    if len(curve.thresholds) == 0:
        return float("inf"), 0.0
    best = int(np.argmax(curve.f1))
    return float(curve.thresholds[best]), float(curve.f1[best])


def average_precision(scores: ArrayLike, labels: ArrayLike, n_truth: int) -> float:
    """Area under the precision-recall steps, sum of precision x gain in recall (no interpolation).

    Example: true, false, true candidates and two particles: 1 x 1/2 + 2/3 x 1/2 = 0.833. What is
    never found at any threshold counts as 0.
    """
    curve = precision_recall_curve(scores, labels, n_truth)
    return float(np.sum(curve.precision * np.diff(curve.recall, prepend=0.0)))


def centring_errors(
    picks: ArrayLike, truth: ArrayLike, matched: NDArray[np.int64], diameter: ArrayLike
) -> Floats:
    """Distance of each matched pick from its particle's centre, as a fraction of the diameter."""
    points, true_points = as_points(picks), as_points(truth)
    hit = matched >= 0
    sizes = np.broadcast_to(np.asarray(diameter, dtype=np.float64), (len(true_points),))
    offsets = points[hit] - true_points[matched[hit]]
    errors: Floats = np.hypot(offsets[:, 0], offsets[:, 1]) / sizes[matched[hit]]
    return errors
