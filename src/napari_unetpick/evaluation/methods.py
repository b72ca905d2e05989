"""Several programs on one truth: thresholds chosen on validation micrographs, and on no others.

Where the validation micrographs are scored themselves, each one gets the threshold that the others
choose (leave-one-out): no threshold was chosen on the micrograph it is scored on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.evaluation.curves import Labelled, label_pair, make_curve
from napari_unetpick.evaluation.inputs.nms import thin
from napari_unetpick.evaluation.intervals import Difference, Pooling, paired_difference
from napari_unetpick.evaluation.metrics import Score, best_threshold
from napari_unetpick.evaluation.protocols import Comparison
from napari_unetpick.evaluation.results import Evaluation, PrecisionRecallCurve
from napari_unetpick.io.picks import Picks
from napari_unetpick.picking.calibration import DISTANCES
from napari_unetpick.picking.scale import MIN_DISTANCE

Floats = NDArray[np.float64]
CLEARLY = 0.002  # F1 by which another minimum distance must beat half a diameter
PAIRED: dict[str, tuple[Pooling, str]] = {
    "particle": ("pooled", "F1"),
    "quarter": ("pooled", "F1 at 0.25 d"),
    "iou0.6": ("pooled", "F1 iou0.6"),
    "pixel": ("mean", "F1 pixel"),
}
"""The F1 whose differences are given: how each is averaged, and what it is called."""


@dataclass(frozen=True)
class Thinned:
    """Candidates of one micrograph after a minimum distance.

    Parameters
    ----------
    coords, scores
        (N, 2) (row, col), pixels of the file, and (N,), best first.
    labelled
        Of those that count (see `borders`): whether each is true.
    """

    coords: Floats
    scores: Floats
    labelled: Labelled


@dataclass(frozen=True)
class LabelledMicrograph:
    """One micrograph's candidates by minimum distance (in diameters), and its particles."""

    key: str
    thinned: Mapping[float, Thinned]
    n_truth: int


@dataclass(frozen=True)
class OperatingPoint:
    """Where a method is operated: candidates that score `threshold` or more are picks.

    Parameters
    ----------
    threshold
        Infinite where there was no candidate to choose from.
    distance
        Minimum distance between picks, in diameters.
    f1
        By the protocol `particle`, on the micrographs that chose: it is optimistic.
    """

    threshold: float
    distance: float
    f1: float


def label_micrograph(
    pair: Comparison, candidates: Picks | None, distances: Sequence[float] = DISTANCES
) -> LabelledMicrograph:
    """Thin one micrograph's scored candidates to each distance and label them.

    Labels are greedy in descending score within half the true diameter (see `curves`), so that
    one labelling serves all thresholds.
    """
    rows = Picks(pair.key, scores=np.empty(0)) if candidates is None else candidates
    thinned = {}
    for distance in distances:
        coords, scores = thin(rows, distance * pair.diameter)
        labelled = Labelled(*label_pair(pair.with_picks(coords), scores))
        thinned[distance] = Thinned(coords, scores, labelled)
    return LabelledMicrograph(pair.key, thinned, int((~pair.left_out(pair.truth)).sum()))


def choose_threshold(micrographs: Sequence[LabelledMicrograph]) -> OperatingPoint:
    """Choose threshold and minimum distance by the highest pooled `particle` F1.

    Half a diameter is the minimum distance unless another one is clearly better.
    """
    n_truth = sum(each.n_truth for each in micrographs)
    found = {}
    for distance in micrographs[0].thinned:
        together = _together(micrographs, distance)
        found[distance] = best_threshold(together.scores, together.labels, n_truth)
    best = max(found, key=lambda distance: found[distance][1])
    if MIN_DISTANCE in found and found[best][1] <= found[MIN_DISTANCE][1] + CLEARLY:
        best = MIN_DISTANCE
    return OperatingPoint(found[best][0], best, found[best][1])


def choose_without_each(micrographs: Sequence[LabelledMicrograph]) -> list[OperatingPoint]:
    """For each micrograph, what the others choose; a single one has only itself to ask."""
    if len(micrographs) == 1:
        return [choose_threshold(micrographs)]
    return [
        choose_threshold([*micrographs[:i], *micrographs[i + 1 :]]) for i in range(len(micrographs))
    ]


def select_at(micrograph: LabelledMicrograph, choice: OperatingPoint) -> Picks:
    """Give the picks of one micrograph at a choice; the micrograph is named by its key."""
    rows = micrograph.thinned[choice.distance]
    keep = rows.scores >= choice.threshold
    return Picks(micrograph.key, rows.coords[keep], rows.scores[keep])


def curve_of(
    micrographs: Sequence[LabelledMicrograph], choice: OperatingPoint, everything: bool
) -> PrecisionRecallCurve:
    """Give the precision-recall curve at the choice's minimum distance.

    Parameters
    ----------
    everything
        Whether these are all candidates, or only picks that a threshold has cut already.
    """
    together = _together(micrographs, choice.distance)
    n_truth = sum(each.n_truth for each in micrographs)
    return make_curve(together, picks=not everything, n_truth=n_truth, threshold=choice.threshold)


def draw_validation(
    keys: Iterable[str], share: float, seed: int
) -> tuple[frozenset[str], frozenset[str]]:
    """Draw the micrographs that validate; the others test.

    At least one validates, and where there are two or more, at least one tests. The draw depends
    on the names and the seed, not on the order.
    """
    names = sorted(keys)
    most = max(len(names) - 1, 1)
    count = min(max(round(share * len(names)), 1), most)
    drawn = np.random.default_rng(seed).permutation(len(names))[:count]
    validation = frozenset(names[i] for i in drawn)
    return validation, frozenset(names) - validation


def f1_differences(first: Evaluation, second: Evaluation, seed: int) -> dict[str, Difference]:
    """Give F1 of the second minus F1 of the first, by the rows of `PAIRED`.

    Both must have scored the same micrographs. With a single one there is no interval: its ends
    are not a number.
    """
    found = {}
    for name, (pooling, _) in PAIRED.items():
        scores = _scores(first, name), _scores(second, name)
        if len(scores[0]) < 2:
            value = scores[1][0].f1 - scores[0][0].f1
            found[name] = Difference(value, float("nan"), float("nan"))
        else:
            rng = np.random.default_rng(seed)  # the same draws for each figure
            found[name] = paired_difference(*scores, rng, pooling=pooling)
    return found


def _scores(evaluation: Evaluation, name: str) -> list[Score]:
    if name == "quarter":
        return [row.quarter for row in evaluation.micrographs]
    tag = next(tag for tag in evaluation.protocols if tag == name)
    return [row.scores[tag] for row in evaluation.micrographs]


def _together(micrographs: Sequence[LabelledMicrograph], distance: float) -> Labelled:
    parts = [each.thinned[distance].labelled for each in micrographs]
    return Labelled(
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )
