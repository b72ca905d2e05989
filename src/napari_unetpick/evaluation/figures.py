"""Every figure of an evaluation with its interval, for tables that compare sets or programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_unetpick.evaluation.intervals import RESAMPLES, Interval, bootstrap
from napari_unetpick.evaluation.metrics import Macro, Score, centring_errors
from napari_unetpick.evaluation.results import Evaluation, MicrographResult

DIGITS = 4
LEVEL = 0.95
RATIOS = ("precision", "recall", "f1")

Value = tuple[float, float | None, float | None]
"""A figure with its interval, whose ends are None where too few micrographs give none."""
Figures = dict[str, Value]
"""By `<row>.<ratio>`, such as `particle.f1`; see `figures_of`."""


def figures_of(evaluation: Evaluation) -> Figures:
    """Give every figure with its 95 % interval over micrographs.

    Rows are `particle` (pooled), `particle_macro` (mean of the micrographs'), `iou0.6` (pooled),
    `pixel` (mean) and `quarter` (pooled, within a quarter of the diameter), each with precision,
    recall and f1; and `centring.median`, the median centring error of matched picks in diameters.
    """
    rows = evaluation.micrographs
    half = [row.scores["particle"] for row in rows]
    quarter = [row.quarter for row in rows]

    def resample(scores: Sequence[Score], pooling: Any = "pooled") -> dict[str, Interval] | None:
        return bootstrap(scores, np.random.default_rng(evaluation.seed), pooling=pooling)

    protocols = evaluation.protocols
    found: Figures = {}
    for name, score, intervals in (
        ("particle", protocols["particle"].pooled, protocols["particle"].intervals),
        ("particle_macro", protocols["particle"].macro, resample(half, "mean")),
        ("iou0.6", protocols["iou0.6"].pooled, protocols["iou0.6"].intervals),
        ("pixel", protocols["pixel"].macro, protocols["pixel"].intervals),
        ("quarter", evaluation.quarter, resample(quarter)),
    ):
        found |= {f"{name}.{ratio}": _value(score, ratio, intervals) for ratio in RATIOS}
    if evaluation.centring is not None:
        low, high = centring_interval(rows, np.random.default_rng(evaluation.seed))
        found["centring.median"] = (round(evaluation.centring, DIGITS), low, high)
    return found


def centring_interval(
    rows: Sequence[MicrographResult], rng: np.random.Generator
) -> tuple[float | None, float | None]:
    """Bootstrap the median centring error over micrographs; (None, None) for fewer than two.

    A draw of micrographs gives each of them a weight; the median is where the weights of the
    sorted errors reach half their sum.
    """
    parts = [
        centring_errors(row.pair.picks, row.pair.truth, row.matches.matched, row.pair.diameters)
        for row in rows
    ]
    if len(parts) < 2:
        return None, None
    errors = np.concatenate(parts)
    owner = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    order = np.argsort(errors, kind="stable")
    errors, owner = errors[order], owner[order]
    medians = []
    for draw in rng.integers(0, len(parts), size=(RESAMPLES, len(parts))):
        weights = np.bincount(draw, minlength=len(parts))[owner].cumsum()
        if len(weights) and weights[-1]:
            medians.append(errors[np.searchsorted(weights, weights[-1] / 2)])
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(medians, [tail, 1.0 - tail])
    return round(float(low), DIGITS), round(float(high), DIGITS)


def _value(score: Score | Macro, ratio: str, intervals: Any) -> Value:
    value = round(float(getattr(score, ratio)), DIGITS)
    if intervals is None:
        return value, None, None
    return value, round(intervals[ratio].low, DIGITS), round(intervals[ratio].high, DIGITS)
