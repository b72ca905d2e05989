"""The acceptance test of self-training: is a round no worse than the supervised model?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.evaluation.intervals import Difference, paired_difference
from napari_unetpick.evaluation.metrics import Score, pool, score_counts

Decision = Literal["accepted", "refused", "undecided", "ungated"]
HARM = -0.01  # F1: a round may be this much worse, with a chance of 5 %
ENOUGH = 20  # true particles: fewer could not show harm, so they cannot exclude it
LEVEL = 0.9  # of the interval: 5 % lie below it
NUMBERS: dict[Decision, int] = {"accepted": 1, "refused": 0, "undecided": -1, "ungated": 2}


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


def compare_on_labels(
    before: Sequence[Score], after: Sequence[Score], rng: np.random.Generator
) -> AcceptanceResult:
    """Compare two models on the same units by the paired bootstrap of their pooled F1.

    Units are micrographs, or blocks of them.

    Easy and hard units cancel, as both models are resampled alike. A round is accepted only if
    the lower bound is above `HARM`: what may do harm is refused, too, not only what does.
    Undecided (inconclusive): with fewer than two units that hold anything, fewer than
    `ENOUGH` true particles, or where neither model finds one (no change, but no merit either).

    Example: F1 0.80 -> 0.83, difference between -0.004 and +0.06: accepted.
    """
    units = zip(before, after, strict=True)
    pairs = [(b, a) for b, a in units if b.n_picks + b.n_truth + a.n_picks]
    found = any(score.n_matched for score in (*before, *after))
    if len(pairs) < 2 or sum(score.n_truth for score in before) < ENOUGH or not found:
        return AcceptanceResult("undecided")
    first, second = ([pair[i] for pair in pairs] for i in (0, 1))
    difference = paired_difference(first, second, rng, level=LEVEL)
    return AcceptanceResult(
        "accepted" if difference.low > HARM else "refused",
        pool(before).f1,
        pool(after).f1,
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


def tally_blocks(
    picks: NDArray[np.float64],
    true: NDArray[np.bool_],
    truths: NDArray[np.float64],
    shape: tuple[int, int],
    side: float,
) -> list[Score]:
    """Score square blocks of a micrograph, which lie the same for every model.

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

    def count(coords: NDArray[np.float64]) -> list[int]:
        row = np.clip(coords[:, 0] // side, 0, rows - 1).astype(np.int64)
        col = np.clip(coords[:, 1] // side, 0, cols - 1).astype(np.int64)
        counted: list[int] = np.bincount(row * cols + col, minlength=rows * cols).tolist()
        return counted

    counts = zip(count(picks[true]), count(picks), count(truths), strict=True)
    return [score_counts(*each) for each in counts]
