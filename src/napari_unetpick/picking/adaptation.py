"""The general model's scores, calibrated for the set at hand by how they are distributed there.

What a raw score means differs from set to set: with little signal a particle scores less, and in a
crowd more of what scores little is particles. How many candidates score how much tells how it is,
and so do decoys: the candidates of the negative image, in which noise looks the same and no
particle is. How slope and offset of the calibration follow from both is learned on simulated sets.
Decoys: Elias and Gygi 2007 (Nature Methods 4, 207), for peptides.
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
LEVELS = (0.1, 0.3)
"""Raw scores above which decoys are counted, beside candidates."""
LOGITS = (-1.5, 0.0, 1.0, 2.0)
"""Logits of raw scores above which candidates are counted, in squared diameters."""
FEWEST = 8  # candidates that have a distribution
FARTHEST = 2.5  # standard deviations of the sets that were learned from
UNFOUND = 0.05  # of the particles that score too little to be candidates
RIDGE = 0.1  # for each set


@dataclass(frozen=True, eq=False)
class ScoredSet:
    """All candidates of one or several micrographs of one kind.

    Parameters
    ----------
    raw, near
        (N,) raw scores and `calibration.nearness`, at the minimum distance of picks.
    decoys
        (M,) raw scores of the candidates of the negative image.
    area
        Of the micrographs, in squares of the diameter.
    """

    raw: Floats
    near: Floats
    decoys: Floats
    area: float


@dataclass(frozen=True, eq=False)
class Scored:
    """One micrograph of shape (rows, cols): its candidates and those of its negative."""

    candidates: Candidates
    decoys: Candidates
    shape: tuple[int, int]


def as_set(found: Sequence[Scored], distance: float) -> ScoredSet:
    """Pool the candidates of some micrographs, at a minimum distance in diameters."""
    kept = [each.candidates.distant(distance) for each in found]
    return ScoredSet(
        raw=np.concatenate([each.candidates.raw[k] for each, k in zip(found, kept, strict=True)]),
        near=np.concatenate(
            [each.candidates.nearness[k] for each, k in zip(found, kept, strict=True)]
        ),
        decoys=np.concatenate([each.decoys.raw[each.decoys.distant(distance)] for each in found]),
        area=sum(each.shape[0] * each.shape[1] / each.candidates.diameter_px**2 for each in found),
    )


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
        count = len(LEVELS) + len(LOGITS)
        lengths = [len(v) for v in (made.centre, made.spread, made.slopes, made.offsets)]
        numbers = np.concatenate([np.asarray(v) for v in asdict(made).values()])
        if lengths != [count] * 4 or len(made.base) != 3 or not np.isfinite(numbers).all():
            raise ValueError("wrong numbers")
    except (TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            f"{name}: the model's card is of another version ('adaptation': {error}); "
            "update napari-unetpick, or calibrate the model again"
        ) from error
    return made


def features_of(scored: ScoredSet) -> Floats:
    """Return (F,) logarithms: decoys over candidates at each level, candidates in an area."""
    decoys, found = (count_above(each, LEVELS) for each in (scored.decoys, scored.raw))
    dense = count_above(logit(scored.raw), LOGITS)
    return np.concatenate([np.log((decoys + 1) / (found + 1)), np.log((dense + 0.5) / scored.area)])


def count_above(values: Floats, levels: Sequence[float]) -> Floats:
    """Count the values at or above each level."""
    return np.asarray((values[:, None] >= np.array(levels)).sum(axis=0), dtype=np.float64)


def standardised(scored: ScoredSet, centre: Floats, spread: Floats) -> Floats:
    """Return the features in standard deviations from the mean, not beyond what was seen."""
    return np.clip((features_of(scored) - centre) / spread, -FARTHEST, FARTHEST)


def fit_adaptation(
    sets: Sequence[tuple[ScoredSet, NDArray[np.bool_]]], ridge: float = RIDGE
) -> Adaptation:
    """Learn from sets whose candidates are known to be particles or not.

    Logistic regression with a ridge; a set of n candidates counts as the square root of n.

    Parameters
    ----------
    sets
        Each with (N,) whether its candidates are particles.
    ridge
        How strongly slope and offset are held to those of the mean set, for each set.
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
    ridge *= len(usable)

    def cost(values: Floats) -> tuple[float, Floats]:
        z = design @ values
        loss = float((weight * (np.logaddexp(0, z) - truth * z)).sum())
        away = values - prior
        slope = design.T @ (weight * (sigmoid(z) - truth)) + ridge * away
        return loss + ridge / 2 * float(away @ away), slope

    best = scipy.optimize.minimize(cost, prior, jac=True, method="L-BFGS-B").x
    count = features.shape[1]
    return Adaptation(
        centre=tuple(map(float, centre)),
        spread=tuple(map(float, spread)),
        base=tuple(map(float, best[:3])),
        slopes=tuple(map(float, best[3 : 3 + count])),
        offsets=tuple(map(float, best[3 + count :])),
    )
