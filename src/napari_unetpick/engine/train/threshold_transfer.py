"""The threshold at which another network makes as many picks, and how near these may lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.engine.train.partial_label_settings import PARTIAL_LABELS
from napari_unetpick.io.logits import logit, sigmoid
from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.picking.candidates import Candidates

Floats = NDArray[np.float64]
ANY = (0.0, np.inf)  # picks a micrograph
CLICKS_ALONE = Calibration(kind="rank")
"""Where clicks are all that is known: no pick within half a diameter of a better one."""


def transfer_threshold(
    found: list[Candidates],
    picks: float,
    deviation: float = 0.0,
    between: tuple[float, float] = ANY,
    neighbours: Calibration = CLICKS_ALONE,
) -> float:
    """Threshold at which another network makes about `picks` picks a micrograph.

    Two trainings give scores on different scales; how many picks they make can be compared. The
    clicks leave that number open by a standard deviation: within it the cut is made where few
    candidates lie, between particles and others if the network tells them apart. Few lie among the
    very highest scores as well, though nothing ends there. Where the density falls by a constant
    factor a logit towards them, the best cut is above half of `picks`, or else the very first
    candidate. So a cut below half, or not `between` (picks a micrograph), is none, and `picks`
    are made. `neighbours` says how near picks may be, and what that costs of their scores.
    """
    scores = np.concatenate([scores_of_picks(f, neighbours) for f in found])
    if not len(scores):
        return 0.5
    scores = np.sort(scores)[::-1]
    least, most = max(between[0], picks / 2) * len(found), between[1] * len(found)
    count = round(picks * len(found))
    if deviation > 0 and count < len(scores):
        sparsest = _sparsest(logit(scores), picks * len(found), deviation * len(found))
        count = sparsest if least <= sparsest <= most else count
    return cut_after(scores, count, least, most)


def _sparsest(scores: Floats, count: float, deviation: float) -> int:
    """How many of the best scores to keep, normally distributed, to cut where fewest lie.

    Parameters
    ----------
    scores
        (N,) logits, descending.
    """
    low, high = max(count - 2 * deviation, 1), min(count + 2 * deviation, len(scores) - 1)
    counts = np.arange(round(low), round(high) + 1)
    cuts = (scores[counts - 1] + scores[counts]) / 2
    apart = (cuts[:, None] - scores[None, :]) / PARTIAL_LABELS.bandwidth
    density = np.exp(-(apart**2) / 2).sum(axis=1)
    cost = ((counts - count) / deviation) ** 2 / 2 + np.log(density)
    return int(counts[cost.argmin()])


def scores_of_picks(found: Candidates, neighbours: Calibration) -> Floats:
    """Return (N,) the scores of the candidates that could all be picks together."""
    chosen, scores = found.picked(neighbours, threshold=0.0)
    return np.asarray(scores[chosen])


def cut_after(best: Floats, count: int, least: float = 0.0, most: float = np.inf) -> float:
    """Threshold for the first `count` of (N,) descending scores, at least one.

    Of equal scores all are kept, unless only without them the number is between `least` and `most`.
    A card keeps six decimals, and picking clips scores: the last one is kept all the same.
    """
    count = min(max(count, 1), len(best))
    above, tied = (int(np.sum(each)) for each in (best > best[count - 1], best >= best[count - 1]))
    if tied > most and above >= max(least, 1):
        count = above
    threshold = float((best[count - 1] + best[count]) / 2 if count < len(best) else best[-1])
    last = float(sigmoid(logit(best[count - 1])))
    return threshold if round(threshold, 6) <= last else float(np.floor(1e6 * last - 0.01)) / 1e6


def rules_for_neighbours(calibration: Calibration) -> Calibration:
    """Return what another calibration says of neighbours, for raw scores.

    Its shadow is in units of its slope; rounded, as a card keeps it.
    """
    shadow = round(calibration.shadow / calibration.slope, 6)
    return replace(CLICKS_ALONE, shadow=shadow, min_distance=calibration.min_distance)
