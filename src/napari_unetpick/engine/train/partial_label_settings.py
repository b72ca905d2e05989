"""The numbers of training with partial labels, with where each comes from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PartialLabelSettings:
    """How partial labels train, set the threshold and label; fixed, so no recipe holds it.

    Where nothing else is said, a value served the development sets (simulated, thirty clicks) and
    was not varied; figures are in the lab notes (docs/development/lab-notes.md).

    Parameters
    ----------
    folds
        Parts that the labelled micrographs are dealt into: each network keeps two thirds of a few
        clicks.
    fold_share
        Of the recipe's epochs, for each of the cross-fitted networks. Twice as long gave F1 0.853
        for 0.850 on one set and 0.724 for 0.763 on another.
    final_share
        The same for the network that is kept: it starts from cleaner labels.
    general_share
        The same where training starts from the general model.
    back
        How far the result lies back to the model that training starts from: a few corrections cost
        less of it.
    general_back
        The same where that is the general model. Thirty clicks on it gave F1 0.849, 0.856 and 0.860
        on one set with 0.5, 0.25 (two seeds) and 0, and 0.749, 0.755 and 0.744 on another.
    clean_weight
        Of unmarked background once it holds next to no particles; 0.25 before that, the setting
        `unknown_weight`.
    least_recall
        Of the clicks found at all, that a threshold keeps: one confident pick would have the
        highest r^2 / P(pick).
    least_width
        Of the kernel over the clicks' logits, which is Silverman's else: thirty clicks alone make
        coarse steps.
    resamples
        Of the clicks' bootstrap: it takes the 2.5 % and the 97.5 % quantile.
    bandwidth
        Of the density of scores, in logits. 0.5 gave F1 0.915 in fifteen trainings, 0.3, 0.8 and
        1.2 gave 0.913, 0.914 and 0.907.
    widest
        Upper over lower end of the interval of picks a micrograph: beyond it the clicks do not set
        a threshold.
    fewest_clicks
        That are found: with fewer, precision against the score cannot be estimated.
    quantiles
        Of the clicks' scores, tried as limits of what becomes a particle: from the median down to
        the 10 % quantile.
    doubtful
        Of a model's picks that training goes on from: as many of the best candidates below them
        may be particles. With 0.3, F1 of 35 corrected models rose by 1.13 points, with 0 by 1.01.
    corrections
        How much a missed and a rejected pick count: nobody shows every mistake. Counted whole they
        gave 0.52 points, half 0.60, not at all 0.66, falling five, five and seven times.
    """

    folds: int = 3
    fold_share: float = 0.25
    final_share: float = 0.6
    general_share: float = 0.2
    back: float = 0.5
    general_back: float = 0.25
    clean_weight: float = 0.5
    least_recall: float = 0.5
    least_width: float = 0.2
    resamples: int = 200
    bandwidth: float = 0.5
    widest: float = 4.0
    fewest_clicks: int = 10
    quantiles: tuple[float, ...] = tuple(np.arange(0.5, 0.09, -0.05).tolist())
    doubtful: float = 0.3
    corrections: float = 0.5


PARTIAL_LABELS = PartialLabelSettings()
