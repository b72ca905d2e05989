"""A network on held-out micrographs: candidates against truth, validation F1, calibration."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.engine.data.training_set import Item, Region, whole_of
from napari_unetpick.evaluation.matching import label_candidates
from napari_unetpick.picking.calibration import (
    DISTANCES,
    Calibration,
    best_threshold,
    fit_probability,
)
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.picking.scale import EDGE, SAME_PARTICLE

Floats = NDArray[np.float64]
ENOUGH_HELD_OUT = 4  # micrographs: then they speak for the others
BY_HEART = 0.05  # F1 that training micrographs may be ahead and still be asked
SIMPLER = 0.002  # F1 by which another minimum distance must beat half a diameter


Pairs = list[tuple[Item, Candidates]]


@dataclass(frozen=True)
class PooledCandidates:
    """Candidates after a minimum distance, with what the truth says of them, pooled."""

    raw: Floats
    near: Floats
    true: NDArray[np.bool_]
    truths: int


def label_and_pool(pairs: Pairs, distance: float) -> PooledCandidates:
    """Thin to `distance` diameters and compare with the truth of the held-out regions.

    Matching sees all truth; only what lies in the region and off the border is counted, and a
    candidate there that found a truth outside of it is left out.
    """
    raw, near, true, truths = [], [], [], 0
    for item, found in pairs:
        region = item.held_out or whole_of(item)
        keep = np.sort(found.distant(distance))
        coords = found.coords[keep]
        labels = label_candidates(
            coords, found.raw[keep], item.labels.positives, SAME_PARTICLE * found.diameter_px
        )
        counted = counts(coords, region, item)
        raw.append(found.raw[keep][counted])
        near.append(found.nearness[keep][counted])
        true.append(labels[counted])
        truths += int(counts(item.labels.positives, region, item).sum())
    return PooledCandidates(np.concatenate(raw), np.concatenate(near), np.concatenate(true), truths)


def score_picks(pairs: Pairs, calibration: Calibration, border: float) -> dict[str, float]:
    """Score what would be picked, at the calibration's threshold and minimum distance, pooled.

    Parameters
    ----------
    border
        Picks and truths nearer to the edge, in diameters, are not counted; 0 counts all.

    Returns
    -------
    Precision, recall and F1, protocol `particle`.
    """
    hits = picks = truths = 0
    for item, found in pairs:
        region = item.held_out or whole_of(item)
        chosen, scores = found.picked(calibration)
        chosen = np.sort(chosen)
        coords, reach = found.coords[chosen], SAME_PARTICLE * found.diameter_px
        true = label_candidates(coords, scores[chosen], item.labels.positives, reach)
        counted = counts(coords, region, item, border)
        hits += int(true[counted].sum())
        picks += int(counted.sum())
        truths += int(counts(item.labels.positives, region, item, border).sum())
    return {
        "precision": hits / max(picks, 1),
        "recall": hits / max(truths, 1),
        "f1": 2 * hits / max(picks + truths, 1),
    }


def counts(coords: Floats, region: Region, item: Item, border: float = EDGE) -> NDArray[np.bool_]:
    """Tell which of (N, 2) lie in the region and at least `border` diameters from the edge."""
    margin = border * item.scale.diameter_px
    limit = np.asarray(item.scale.file_shape) - 1 - margin
    inner = ((coords >= margin) & (coords <= limit)).all(axis=1)
    return np.asarray((inner | (border <= 0)) & region.holds(coords))


def best_f1(pooled: PooledCandidates) -> float:
    """Highest F1 over all thresholds of the raw score."""
    order = np.argsort(-pooled.raw, kind="stable")
    found = np.cumsum(pooled.true[order])
    picks = np.arange(1, len(order) + 1)
    f1 = 2 * found / np.maximum(picks + pooled.truths, 1)
    return float(f1.max()) if len(f1) else 0.0


def calibrate(held_out: Pairs, trained: Pairs) -> Calibration:
    """Fit the score and choose threshold and minimum distance.

    Micrographs differ more from each other (defocus, ice, crowding) than a strongly augmented
    network's scores differ between those it has seen and those it has not, so where few are
    held out, the training ones are asked as well, unless it knows those by heart.
    Half a diameter is the minimum distance unless another one is clearly better.
    """
    pairs = held_out
    if trained and len(held_out) < ENOUGH_HELD_OUT:
        gain = best_f1(label_and_pool(trained, SAME_PARTICLE)) - best_f1(
            label_and_pool(held_out, SAME_PARTICLE)
        )
        pairs = held_out if gain > BY_HEART else [*held_out, *trained]
    fits: dict[float, tuple[float, Calibration]] = {}
    every = label_and_pool(pairs, 0.0)
    slope, offset, shadow = fit_probability(every.raw, every.near, every.true)
    base = Calibration(kind="probability", slope=slope, offset=offset, shadow=shadow)
    for distance in DISTANCES:
        pooled = label_and_pool(pairs, distance)
        scores = base.apply(pooled.raw, pooled.near)
        threshold, precision, recall, f1 = best_threshold(scores, pooled.truths)
        chosen = replace(
            base,
            threshold=threshold,
            min_distance=distance,
            expected_precision=precision,
            expected_recall=recall,
            expected_f1=f1,
        )
        fits[distance] = best_f1(pooled), chosen
    usual = fits[0.5][0]
    best = max(DISTANCES, key=lambda d: fits[d][0])
    return fits[best if fits[best][0] > usual + SIMPLER else 0.5][1]
