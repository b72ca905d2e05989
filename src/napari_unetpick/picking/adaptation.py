"""The general model's scores, calibrated for the set at hand by how they are distributed there.

What a raw score means differs from set to set: with little signal a particle scores less, and in a
crowd more of what scores little is particles. The distribution of all candidates' scores tells how
it is. How slope and offset of the calibration follow from it is learned on simulated sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from napari_unetpick.errors import ModelError
from napari_unetpick.io.logits import logit, sigmoid
from napari_unetpick.picking.calibration import Calibration, best_threshold
from napari_unetpick.picking.candidates import Candidates

Floats = NDArray[np.float64]
QUANTILES = (10, 25, 50, 75, 90, 97)
FEWEST = 8  # candidates that have a distribution
FARTHEST = 2.5  # standard deviations of the sets that were learned from
UNFOUND = 0.05  # of the particles that score too little to be candidates
RIDGE = 1.0


@dataclass(frozen=True, eq=False)
class ScoredSet:
    """All candidates of one or several micrographs of one kind.

    Parameters
    ----------
    raw, near
        (N,) raw scores and `calibration.nearness`, at the minimum distance of picks.
    area
        Of the micrographs, in squares of the diameter.
    """

    raw: Floats
    near: Floats
    area: float


def as_set(found: Sequence[tuple[Candidates, tuple[int, int]]], distance: float) -> ScoredSet:
    """Pool the candidates of micrographs, each with its shape (rows, cols) in the file's pixels."""
    raw, near, area = [np.empty(0)], [np.empty(0)], 0.0
    for candidates, (rows, cols) in found:
        keep = candidates.distant(distance)
        raw.append(candidates.raw[keep])
        near.append(candidates.nearness[keep])
        area += rows * cols / candidates.diameter_px**2
    return ScoredSet(np.concatenate(raw), np.concatenate(near), area)


@dataclass(frozen=True)
class Adaptation:
    """How the calibration follows from the distribution of scores.

    Parameters
    ----------
    centre, spread
        (F,) mean and standard deviation of the features over the sets learned from.
    base
        (3,) slope, offset and shadow of a set like the mean of those.
    slopes, offsets
        (F,) change of slope and offset with each feature, in its standard deviations.
    """

    centre: tuple[float, ...]
    spread: tuple[float, ...]
    base: tuple[float, ...]
    slopes: tuple[float, ...]
    offsets: tuple[float, ...]

    def calibrate(self, scored: ScoredSet, usual: Calibration) -> Calibration:
        """Return the calibration of a set; `usual` where it has too few candidates."""
        if len(scored.raw) < FEWEST:
            return usual
        features = standardised(scored, np.array(self.centre), np.array(self.spread))
        slope = max(self.base[0] + float(features @ self.slopes), 0.05)
        offset = self.base[1] + float(features @ self.offsets)
        own = replace(usual, slope=slope, offset=offset, shadow=self.base[2])
        scores = own.apply(scored.raw, scored.near)
        truths = float(scores.sum()) / (1 - UNFOUND)
        threshold, precision, recall, f1 = best_threshold(scores, truths)
        return replace(
            own,
            threshold=threshold,
            expected_precision=precision,
            expected_recall=recall,
            expected_f1=f1,
        )

    def to_dict(self) -> dict[str, list[float]]:
        """Plain data for a model's card."""
        return {name: [round(v, 6) for v in values] for name, values in asdict(self).items()}


def read_adaptation(card: dict[str, Any], name: str) -> Adaptation | None:
    """Return what a model's card says of adapting to a set; None where it says nothing.

    Raises
    ------
    ModelError
        It cannot be used.
    """
    table = card.get("adaptation")
    if table is None:
        return None
    try:
        made = Adaptation(**{key: tuple(map(float, values)) for key, values in table.items()})
        count = len(QUANTILES) + 4
        lengths = [len(v) for v in (made.centre, made.spread, made.slopes, made.offsets)]
        numbers = np.concatenate([np.asarray(v) for v in asdict(made).values()])
        if lengths != [count] * 4 or len(made.base) != 3 or not np.isfinite(numbers).all():
            raise ValueError("wrong numbers")
    except (TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            f"{name}: the model's card is of another version ('adaptation': {error}); "
            "update napari-unetpick"
        ) from error
    return made


def features_of(scored: ScoredSet) -> Floats:
    """Return (F,) how the scores are distributed: quantiles, density, sum, best ones, crowding."""
    logits = np.sort(logit(scored.raw))[::-1]
    best = logits[: max(1, round(0.05 * scored.area))].mean()
    return np.array(
        [
            *np.percentile(logits, QUANTILES),
            np.log(len(logits) / scored.area),
            np.log((scored.raw.sum() + 0.05) / scored.area),
            best,
            scored.near.mean(),
        ]
    )


def standardised(scored: ScoredSet, centre: Floats, spread: Floats) -> Floats:
    """Return the features in standard deviations from the mean, not beyond what was seen."""
    return np.clip((features_of(scored) - centre) / spread, -FARTHEST, FARTHEST)


def fit_adaptation(sets: Sequence[tuple[ScoredSet, NDArray[np.bool_]]]) -> Adaptation:
    """Learn from sets whose candidates are known to be particles or not.

    Logistic regression with a ridge; a set of n candidates counts as the square root of n.

    Parameters
    ----------
    sets
        Each with (N,) whether its candidates are particles.
    """
    usable = [(scored, true) for scored, true in sets if len(scored.raw) >= FEWEST]
    features = np.array([features_of(scored) for scored, _ in usable])
    centre, spread = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    rows, weights = [], []
    for scored, _ in usable:
        own = standardised(scored, centre, spread)
        x = logit(scored.raw)
        changes = np.outer(np.ones_like(x), own)
        rows.append(
            np.column_stack([x, np.ones_like(x), -scored.near, x[:, None] * changes, changes])
        )
        weights.append(np.full(len(x), len(x) ** -0.5))
    design, weight = np.concatenate(rows), np.concatenate(weights)
    weight /= weight.mean()
    truth = np.concatenate([true for _, true in usable]).astype(float)
    prior = np.zeros(design.shape[1])
    prior[[0, 2]] = 1.0

    def cost(values: Floats) -> tuple[float, Floats]:
        z = design @ values
        loss = float((weight * (np.logaddexp(0, z) - truth * z)).sum())
        away = values - prior
        slope = design.T @ (weight * (sigmoid(z) - truth)) + RIDGE * away
        return loss + RIDGE / 2 * float(away @ away), slope

    best = scipy.optimize.minimize(cost, prior, jac=True, method="L-BFGS-B").x
    count = features.shape[1]
    return Adaptation(
        centre=tuple(map(float, centre)),
        spread=tuple(map(float, spread)),
        base=tuple(map(float, best[:3])),
        slopes=tuple(map(float, best[3 : 3 + count])),
        offsets=tuple(map(float, best[3 + count :])),
    )
