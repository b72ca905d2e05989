"""The acceptance test of self-training: is a round no worse than the supervised model?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.evaluation.intervals import Difference, paired_difference
from napari_unetpick.evaluation.metrics import score_counts

Counts = NDArray[np.int64]
Decision = Literal["accepted", "refused", "undecided", "ungated"]
HARM = -0.01  # F1: a round may be this much worse, with a chance of 5 %
ENOUGH = 20  # true particles: fewer could not show harm, so they cannot exclude it
LEVEL = 0.9  # of the interval: 5 % lie below it
NUMBERS: dict[Decision, int] = {"accepted": 1, "refused": 0, "undecided": -1, "ungated": 2}


@dataclass(frozen=True)
class Tally:
    """What was found in each unit, a micrograph or a block of one.

    Parameters
    ----------
    hits, picks, truths
        (U,) int64 counts.
    """

    hits: Counts
    picks: Counts
    truths: Counts


@dataclass(frozen=True)
class AcceptanceResult:
    """Result of the test: F1 of the supervised model and of the round, and their difference.

    Parameters
    ----------
    change
        The difference, round minus supervised; by clicks an estimate, relative.
    low, high
        Its 5 % and 95 % quantile.
    clicks
        How many held-out clicks decided, 0 where complete labels did.
    """

    decision: Decision
    f1_before: float | None = None
    f1: float | None = None
    change: float | None = None
    low: float | None = None
    high: float | None = None
    clicks: int = 0


def compare_on_labels(before: Tally, after: Tally, rng: np.random.Generator) -> AcceptanceResult:
    """Compare two models on the same units by the paired bootstrap of their pooled F1.

    Easy and hard units cancel, as both models are resampled alike. A round is accepted only if
    the lower bound is above `HARM`: what may do harm is refused, too, not only what does.
    Undecided (inconclusive): with fewer than two units that hold anything, fewer than
    `ENOUGH` true particles, or where neither model finds one (no change, but no merit either).

    Example: F1 0.80 -> 0.83, difference between -0.004 and +0.06: accepted.
    """
    anything = (before.picks + before.truths + after.picks) > 0
    found = before.hits.any() or after.hits.any()
    if np.count_nonzero(anything) < 2 or before.truths.sum() < ENOUGH or not found:
        return AcceptanceResult("undecided")
    first, second = (
        [
            score_counts(int(h), int(p), int(t))
            for h, p, t in zip(
                each.hits[anything], each.picks[anything], each.truths[anything], strict=True
            )
        ]
        for each in (before, after)
    )
    difference = paired_difference(first, second, rng, level=LEVEL)
    return AcceptanceResult(
        "accepted" if difference.low > HARM else "refused",
        pooled_f1(before),
        pooled_f1(after),
        difference.value,
        difference.low,
        difference.high,
    )


def decide_by_clicks(difference: Difference, clicks: int) -> AcceptanceResult:
    """Decide by held-out clicks: accepted if a loss is unlikely, refused if it is very likely.

    In between, and with fewer than `ENOUGH` clicks, it is inconclusive.
    """
    decision: Decision = "undecided"
    if clicks >= ENOUGH and difference.low > HARM:
        decision = "accepted"
    elif clicks >= ENOUGH and difference.high < 0:
        decision = "refused"
    return AcceptanceResult(
        decision,
        change=difference.value,
        low=difference.low,
        high=difference.high,
        clicks=clicks,
    )


def pooled_f1(tally: Tally) -> float:
    """F1 over all units: 2 hits / (picks + truths)."""
    return float(2 * tally.hits.sum() / max(tally.picks.sum() + tally.truths.sum(), 1))


def join(parts: list[Tally]) -> Tally:
    """Put the units of several tallies one after the other."""
    hits, picks, truths = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("hits", "picks", "truths")
    )
    return Tally(hits, picks, truths)


def tally_blocks(
    picks: NDArray[np.float64],
    true: NDArray[np.bool_],
    truths: NDArray[np.float64],
    shape: tuple[int, int],
    side: float,
) -> Tally:
    """Count in square blocks of a micrograph, which lie the same for every model.

    Parameters
    ----------
    picks, true
        (N, 2) (row, col) pixels of the file, and whether each found a particle.
    truths
        (M, 2) true particles.
    shape, side
        (rows, cols) of the micrograph, and the blocks' side, pixels; infinite: one block.
    """
    rows, cols = (max(1, int(np.ceil(length / side))) for length in shape)

    def count(coords: NDArray[np.float64]) -> Counts:
        row = np.clip(coords[:, 0] // side, 0, rows - 1).astype(np.int64)
        col = np.clip(coords[:, 1] // side, 0, cols - 1).astype(np.int64)
        return np.bincount(row * cols + col, minlength=rows * cols).astype(np.int64)

    return Tally(count(picks[true]), count(picks), count(truths))
