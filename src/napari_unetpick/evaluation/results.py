"""What an evaluation found, as frozen data; `to_dict` is what --json prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.evaluation.calibration import ExpectedPrecision, ReliabilityCheck
from napari_unetpick.evaluation.intervals import Interval
from napari_unetpick.evaluation.metrics import Macro, PrecisionRecall, Score
from napari_unetpick.evaluation.protocols import (
    DESCRIPTIONS,
    POOLING,
    Comparison,
    Matches,
    Protocol,
)

_DIGITS = 4
_CURVE_POINTS = 101


@dataclass(frozen=True)
class MicrographResult:
    """One micrograph: its points, what became of them, and its scores by protocol.

    `matches` and `quarter` are by distance (half and a quarter of the diameter), whatever the
    protocol; `centring` is the median distance of matched picks in diameters, None without any.
    """

    pair: Comparison
    matches: Matches
    pick_scores: NDArray[np.float64] | None
    scores: Mapping[Protocol, Score]
    quarter: Score
    centring: float | None

    @property
    def key(self) -> str:
        """The micrograph's name without folder and image extension."""
        return self.pair.key


@dataclass(frozen=True)
class ProtocolResult:
    """All micrographs by one protocol; the headline is pooled or a mean, as the protocol says."""

    protocol: Protocol
    pooled: Score
    macro: Macro
    intervals: Mapping[str, Interval] | None

    @property
    def headline(self) -> Score | Macro:
        """Precision, recall and F1 as this protocol's users quote them."""
        return self.pooled if POOLING[self.protocol] == "pooled" else self.macro

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        other = self.macro if POOLING[self.protocol] == "pooled" else self.pooled
        return {
            "description": DESCRIPTIONS[self.protocol],
            "pooling": POOLING[self.protocol],
            **_ratios(self.headline),
            "intervals": _intervals(self.intervals),
            "mean" if POOLING[self.protocol] == "pooled" else "pooled": _ratios(other),
        }


@dataclass(frozen=True)
class PrecisionRecallCurve:
    """Precision and recall over thresholds, of all candidates or of the picks given."""

    source: Literal["candidates", "picks"]
    points: PrecisionRecall
    average_precision: float
    best_threshold: float
    best_f1: float
    threshold: float | None  # the lowest score among the picks

    def to_dict(self) -> dict[str, Any]:
        """Plain data, with at most about a hundred points."""
        n = len(self.points.thresholds)
        some = np.unique(np.linspace(0, max(n - 1, 0), min(n, _CURVE_POINTS)).astype(np.int64))
        return {
            "source": self.source,
            "average_precision": rounded(self.average_precision),
            "best_f1": rounded(self.best_f1),
            "best_threshold": rounded(self.best_threshold),
            "threshold": rounded(self.threshold),
            "thresholds": [rounded(x) for x in self.points.thresholds[some]],
            "precision": [rounded(x) for x in self.points.precision[some]],
            "recall": [rounded(x) for x in self.points.recall[some]],
        }


@dataclass(frozen=True)
class Evaluation:
    """Picks against truth: the headline by the chosen protocol, and everything behind it."""

    protocol: Protocol
    protocols: Mapping[Protocol, ProtocolResult]
    half: Score  # pooled, by distance, within half a diameter
    quarter: Score  # the same within a quarter
    centring: float | None
    micrographs: tuple[MicrographResult, ...]
    curve: PrecisionRecallCurve | None = None
    calibration: ReliabilityCheck | None = None
    expected: ExpectedPrecision | None = None
    seed: int = 42
    notes: tuple[str, ...] = ()

    @property
    def result(self) -> ProtocolResult:
        """The result by the chosen protocol."""
        return self.protocols[self.protocol]

    @property
    def headline(self) -> Score | Macro:
        """Precision, recall and F1 by the chosen protocol."""
        return self.result.headline

    @property
    def diameter_px(self) -> float:
        """The true particles' diameter, pixels: the median over micrographs."""
        return float(np.median([row.pair.diameter for row in self.micrographs]))

    @property
    def border_px(self) -> float:
        """The border left out, pixels: the median over micrographs."""
        return float(np.median([row.pair.border for row in self.micrographs]))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: stable keys, ratios to four digits, None for what is unknown.

        `n_picks`, `n_truth` and `n_matched` count particles (within half a diameter) whatever the
        protocol.
        """
        return {
            "protocol": self.protocol,
            **{k: v for k, v in self.result.to_dict().items() if k != "description"},
            "n_micrographs": len(self.micrographs),
            "diameter_px": round(self.diameter_px, 2),
            "border_px": round(self.border_px, 2),
            **_counts(self.half),
            "f1_at_half_diameter": rounded(self.half.f1),
            "f1_at_quarter_diameter": rounded(self.quarter.f1),
            "median_centring_error": rounded(self.centring),
            "protocols": {tag: result.to_dict() for tag, result in self.protocols.items()},
            "curve": self.curve.to_dict() if self.curve else None,
            "calibration": self._calibration_dict(),
            "micrographs": [self._row_dict(row) for row in self.micrographs],
            "notes": list(self.notes),
        }

    def _calibration_dict(self) -> dict[str, Any] | None:
        if self.calibration is None:
            return None
        found, expected = self.calibration, self.expected
        return {
            "error": rounded(found.error),
            "brier": rounded(found.brier),
            "n_candidates": found.n,
            "smallest_score": found.smallest_score,
            "threshold": rounded(expected.threshold if expected else None),
            "expected_precision": rounded(expected.expected if expected else None),
            "true_precision": rounded(expected.true if expected else None),
            "bins": [
                {
                    "low": rounded(row.low),
                    "high": rounded(row.high),
                    "n": row.n,
                    "mean_score": rounded(row.mean_score),
                    "fraction_true": rounded(row.fraction_true),
                }
                for row in found.bins
            ],
        }

    def _row_dict(self, row: MicrographResult) -> dict[str, Any]:
        return {
            "micrograph": row.key,
            "diameter_px": round(row.pair.diameter, 2),
            "border_px": round(row.pair.border, 2),
            **_ratios(row.scores[self.protocol]),
            **_counts(row.matches.score),
            "f1_at_quarter_diameter": rounded(row.quarter.f1),
            "median_centring_error": rounded(row.centring),
            "f1_by_protocol": {tag: rounded(score.f1) for tag, score in row.scores.items()},
        }


def _ratios(score: Score | Macro) -> dict[str, float | None]:
    return {
        "precision": rounded(score.precision),
        "recall": rounded(score.recall),
        "f1": rounded(score.f1),
    }


def _counts(score: Score) -> dict[str, int]:
    return {"n_picks": score.n_picks, "n_truth": score.n_truth, "n_matched": score.n_matched}


def _intervals(intervals: Mapping[str, Interval] | None) -> dict[str, Any] | None:
    if intervals is None:
        return None
    return {name: [rounded(i.low), rounded(i.high)] for name, i in intervals.items()}


def rounded(value: float | None) -> float | None:
    """Round for JSON, which knows neither infinity nor NaN."""
    return round(float(value), _DIGITS) if value is not None and np.isfinite(value) else None
