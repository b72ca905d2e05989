"""Intervals of scores: bootstrap over micrographs, paired differences, binomial, spread.

Micrographs are resampled, not particles, since particles of one micrograph share its defocus and
its ice. The percentile bootstrap (Efron 1979) is too narrow for a handful of micrographs: with
five, a nominal 95 % covers some 80 to 85 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_unetpick.evaluation.metrics import Score

Floats = NDArray[np.float64]
Pooling = Literal["pooled", "mean"]
RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """An interval that holds a value, by default with a probability of 95 %."""

    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """A difference of two F1 (second minus first) with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Spread:
    """Mean, standard deviation (n - 1) and extremes of repeats, for instance of several seeds."""

    mean: float
    deviation: float
    low: float
    high: float
    n: int


def bootstrap(
    scores: Sequence[Score],
    rng: np.random.Generator,
    *,
    pooling: Pooling = "pooled",
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> dict[str, Interval] | None:
    """Give intervals of precision, recall and F1, resampling micrographs.

    Parameters
    ----------
    scores
        One a micrograph (or a labelled area).
    rng
        Seeded by the caller, so that a report can be repeated.
    pooling
        "pooled" adds up counts, "mean" averages micrographs.

    Returns
    -------
    Intervals by name, or None for fewer than two micrographs, where nothing can be said.
    """
    if len(scores) < 2:
        return None
    draws = rng.integers(0, len(scores), size=(resamples, len(scores)))
    values = _resampled(scores, draws, pooling)
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail], axis=0)
    return {
        name: Interval(float(low[i]), float(high[i]))
        for i, name in enumerate(("precision", "recall", "f1"))
    }


def paired_difference(
    first: Sequence[Score],
    second: Sequence[Score],
    rng: np.random.Generator,
    *,
    pooling: Pooling = "pooled",
    level: float = 0.95,
) -> Difference:
    """Give F1 of the second minus F1 of the first on the same micrographs, with its interval.

    Both are resampled alike, so that easy and hard micrographs cancel: two pickers that differ by
    a point can be told apart where their own intervals overlap.

    Raises
    ------
    ValueError
        The lists differ in length or hold fewer than two micrographs (or labelled areas).
    """
    if len(first) != len(second) or len(first) < 2:
        raise ValueError("a paired difference needs the same micrographs twice, at least two")
    draws = rng.integers(0, len(first), size=(RESAMPLES, len(first)))
    everything = np.arange(len(first))[None, :]
    value = _resampled(second, everything, pooling) - _resampled(first, everything, pooling)
    changes = (_resampled(second, draws, pooling) - _resampled(first, draws, pooling))[:, 2]
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(changes, [tail, 1.0 - tail])
    return Difference(float(value[0, 2]), float(low), float(high))


def binomial_interval(successes: int, trials: int, level: float = 0.95) -> Interval:
    """Give Wilson's (1927) interval of a proportion, such as a recall from a few held-out clicks.

    Written out, since the window asks for it: importing `scipy.stats` would make it wait.

    Example: 8 of 10 found: 0.49 to 0.94. Ten clicks cannot see a change of half a point.
    """
    if trials <= 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf(0.5 + level / 2.0)
    share = successes / trials
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * np.sqrt(share * (1 - share) / trials + (z / (2 * trials)) ** 2)
    return Interval(max(0.0, float(centre - half)), min(1.0, float(centre + half)))


def spread(values: ArrayLike) -> Spread:
    """Summarise repeats; the deviation of a single one is 0."""
    numbers = np.asarray(values, dtype=np.float64).reshape(-1)
    if len(numbers) == 0:
        raise ValueError("no values to summarise")
    deviation = float(numbers.std(ddof=1)) if len(numbers) > 1 else 0.0
    return Spread(
        float(numbers.mean()), deviation, float(numbers.min()), float(numbers.max()), len(numbers)
    )


def _resampled(scores: Sequence[Score], draws: NDArray[np.int64], pooling: Pooling) -> Floats:
    """Give (resamples, 3) precision, recall and F1 of each draw of micrographs."""
    if pooling == "mean":
        each = np.array([(s.precision, s.recall, s.f1) for s in scores])
        mean: Floats = each[draws].mean(axis=1)
        return mean
    counts = np.array([(s.n_matched, s.n_picks, s.n_truth) for s in scores], dtype=np.float64)
    matched, picked, true = np.moveaxis(counts[draws].sum(axis=1), -1, 0)
    empty = (picked + true == 0).astype(np.float64)  # nothing there, nothing picked: right

    def ratio(top: Floats, bottom: Floats) -> Floats:
        result: Floats = np.divide(top, bottom, out=empty.copy(), where=bottom > 0)
        return result

    return np.stack(
        [ratio(matched, picked), ratio(matched, true), ratio(2 * matched, picked + true)], axis=1
    )
