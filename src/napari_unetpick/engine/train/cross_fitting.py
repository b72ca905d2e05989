"""Partial labels: cross-fitting over the labelled micrographs finds what precision cannot tell.

Each micrograph is scored by a network that has not seen its clicks. The held-out clicks then say
how much of the particles a threshold keeps, the candidates how many picks it makes; r^2 / P(pick)
(Lee and Liu 2003) is highest where precision times recall is. A model's picks that the user has
gone over say both as well, and better.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.engine.data.training_set import Item, Region, whole_of
from napari_unetpick.engine.train.partial_label_settings import PARTIAL_LABELS
from napari_unetpick.engine.train.threshold_transfer import cut_after
from napari_unetpick.evaluation.intervals import Difference
from napari_unetpick.evaluation.matching import match_particles
from napari_unetpick.io.logits import logit, sigmoid
from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.picking.scale import MIN_DISTANCE, SAME_PARTICLE

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class HeldOut:
    """What held-out clicks and candidates say.

    Parameters
    ----------
    clicks
        (C,) raw score of each held-out click's candidate, 0 where none was found.
    candidates
        (N,) raw scores of all candidates half a diameter apart.
    micrographs
        How many micrographs they come from.
    """

    clicks: Floats
    candidates: Floats
    micrographs: int


@dataclass(frozen=True)
class ClickThreshold:
    """The chosen number of picks a micrograph and the share of the clicks they keep.

    `picks` lies within `low` and `high`, and is at least the number of clicks if there are as many
    candidates. `doubt` says why the clicks cannot tell, in words for the user; None where they can.
    """

    raw: float
    picks: float
    low: float
    high: float
    recall: float
    doubt: str | None = None


def make_folds(items: list[Item]) -> list[list[Item]]:
    """Return the items once a fold, with that fold's part held out.

    Whole micrographs are held out; a single one is halved.
    """
    if len(items) == 1:
        rows = items[0].scale.file_shape[0]
        halves = [Region(0, rows // 2), Region(rows // 2, rows)]
        return [[replace(items[0], held_out=half)] for half in halves]
    count = min(PARTIAL_LABELS.folds, len(items))
    return [
        [
            replace(item, held_out=whole_of(item) if number % count == fold else None)
            for number, item in enumerate(items)
        ]
        for fold in range(count)
    ]


def cross_fit_name(fold: int) -> str:
    """Return the name of the stage that trains a fold's network, folds counted from 0."""
    return f"cross-fit {fold + 1}"


def on_one_scale(folds: list[list[tuple[Item, Candidates]]]) -> list[tuple[Item, Candidates]]:
    """Put the raw scores of the folds' networks onto one scale, by their held-out clicks.

    Each network is trained on other clicks, and one may give all scores lower than another. Clicks
    are of the same kind everywhere, so the medians of their logits should be the same. They differ
    by chance as well, the more the fewer they are: a fold is shifted by the part of its difference
    that chance does not explain (empirical Bayes, Efron and Morris 1973).
    """
    clicks = [gather(pairs).clicks if pairs else np.empty(0) for pairs in folds]
    logits = [logit(scores[scores > 0]) for scores in clicks]
    known = [fold for fold, each in enumerate(logits) if len(each) > 1]
    if len(known) < 2:
        return [pair for pairs in folds for pair in pairs]
    counts = np.array([len(logits[fold]) for fold in known])
    medians = np.array([np.median(logits[fold]) for fold in known])
    spread = np.average([np.var(logits[fold], ddof=1) for fold in known], weights=counts - 1)
    chance = np.pi / 2 * spread / counts  # variance of a median of normally distributed values
    between = max(float(np.var(medians, ddof=1) - chance.mean()), 0.0)
    shares = between / np.maximum(between + chance, 1e-12)
    shifts = dict(zip(known, shares * (medians - np.average(medians, weights=counts)), strict=True))
    return [
        (item, replace(found, raw=sigmoid(logit(found.raw) - shifts.get(fold, 0.0))))
        for fold, pairs in enumerate(folds)
        for item, found in pairs
    ]


def gather(pairs: list[tuple[Item, Candidates]]) -> HeldOut:
    """Collect the scores of held-out clicks and candidates over all folds."""
    clicks, candidates = [], []
    for item, found in pairs:
        region = item.held_out or whole_of(item)
        positives = item.labels.positives[region.holds(item.labels.positives)]
        keep = found.distant(MIN_DISTANCE)
        coords, raw = found.coords[keep], found.raw[keep]
        match = match_particles(coords, positives, SAME_PARTICLE * found.diameter_px)
        scores = np.zeros(len(positives))
        scores[match[match >= 0]] = raw[match >= 0]
        clicks.append(scores)
        candidates.append(raw[region.holds(coords)])
    names = {item.micrograph.key for item, _ in pairs}
    return HeldOut(np.concatenate(clicks), np.concatenate(candidates), len(names))


def threshold_from_clicks(held_out: HeldOut, rng: np.random.Generator) -> ClickThreshold:
    """Choose the threshold of the highest r^2 / P(pick); the interval is the clicks' bootstrap.

    There are at least as many particles as clicks, so no fewer picks are made.
    """
    best, _ = _best(held_out.clicks, held_out.candidates)
    clicks = len(held_out.clicks)
    if np.count_nonzero(held_out.candidates >= best) < min(clicks, len(held_out.candidates)):
        best = cut_after(np.sort(held_out.candidates)[::-1], clicks)
    counts = []
    for _ in range(PARTIAL_LABELS.resamples):
        drawn = rng.choice(held_out.clicks, clicks)
        raw, _ = _best(drawn, held_out.candidates)
        counts.append(np.count_nonzero(held_out.candidates >= raw) / held_out.micrographs)
    low, high = np.percentile(counts, [2.5, 97.5])
    picks = np.count_nonzero(held_out.candidates >= best) / held_out.micrographs
    recall = float(np.mean(held_out.clicks >= best))
    low, high = min(float(low), picks), max(float(high), picks)
    return ClickThreshold(best, picks, low, high, recall, _doubt(held_out.clicks, low, high))


def _doubt(clicks: Floats, low: float, high: float) -> str | None:
    """Say why clicks cannot set a threshold, and what to do; None where they can."""
    found = np.count_nonzero(clicks > 0)
    if 2 * found < len(clicks):
        why = f"only {found} of {len(clicks)} held-out clicks are found"
    elif high > PARTIAL_LABELS.widest * low:
        why = (
            f"{len(clicks)} clicks are compatible with {low:.0f} to {high:.0f} picks per micrograph"
        )
    else:
        return None
    return f"the threshold is uncertain: {why}; label one micrograph completely to set it"


def f1_change(
    before: HeldOut, after: HeldOut, rng: np.random.Generator, level: float
) -> Difference:
    """Estimate by how much F1 changes from one network to another, relative, by the same clicks.

    r^2 / P(pick) is precision times recall but for a factor that both share, the share of
    candidates that are particles; its square root is their geometric mean, which F1 follows. The
    clicks are resampled, for both alike. A gain beyond all bounds (the first finds none) is 1.

    Raises
    ------
    ValueError
        The clicks are not the same.
    """
    if len(before.clicks) != len(after.clicks):
        raise ValueError("two networks can be compared only by the same clicks")

    def change(drawn: NDArray[np.int64]) -> float:
        merits = [_best(each.clicks[drawn], each.candidates)[1] for each in (before, after)]
        if not np.isfinite(merits[0]):
            return 1.0 if np.isfinite(merits[1]) else 0.0
        return float(min(np.exp((merits[1] - merits[0]) / 2) - 1, 1.0))

    count = len(before.clicks)
    changes = [change(rng.integers(0, count, count)) for _ in range(PARTIAL_LABELS.resamples)]
    low, high = np.percentile(changes, [50 - 50 * level, 50 + 50 * level])
    return Difference(change(np.arange(count)), float(low), float(high))


def _best(clicks: Floats, candidates: Floats) -> tuple[float, float]:
    """Raw threshold with the highest smoothed r^2 / P(pick), and the logarithm of r^2 / picks.

    r is a kernel estimate over the clicks' logits: thirty clicks make coarse steps. Where all
    scores are nearly equal, the least width hides that the first few keep hardly a click.
    """
    if len(candidates) == 0 or not (clicks > 0).any():
        return 0.5, -np.inf
    found = logit(clicks[clicks > 0])
    own = 0.9 * float(found.std()) * len(found) ** -0.2
    order = np.sort(candidates)[::-1]
    at = logit(order)
    least = PARTIAL_LABELS.least_recall / 2 * len(found)
    for width in (max(PARTIAL_LABELS.least_width, own), max(1e-3, own)):
        with np.errstate(over="ignore"):
            kept = 1 / (1 + np.exp((at[:, None] - found[None, :]) / (0.6 * width)))
        recall = kept.sum(axis=1) / len(clicks)
        merit = 2 * np.log(np.maximum(recall, 1e-9)) - np.log(np.arange(1, len(order) + 1))
        merit[recall < PARTIAL_LABELS.least_recall * recall.max()] = -np.inf
        top = int(merit.argmax())
        if np.count_nonzero(found >= at[top]) >= least:
            break
    below = order[top + 1] if top + 1 < len(order) else 0.0
    return float((order[top] + below) / 2), float(merit[top])


def correct_picks(item: Item, found: Candidates, calibration: Calibration) -> tuple[int, int, int]:
    """Hold a model's picks, at its own threshold, against what the user marked and rejected.

    Returns
    -------
    Picks that no negative lies on, marks without a pick, and picks that a negative lies on.
    """
    chosen, _ = found.picked(calibration)
    coords = found.coords[chosen]
    reach = SAME_PARTICLE * found.diameter_px
    match = match_particles(coords, item.labels.positives, reach)
    wrong = match_particles(coords, item.labels.negatives, reach) >= 0
    rejected = int(((match < 0) & wrong).sum())
    missed = len(item.labels.positives) - int((match >= 0).sum())
    return len(chosen) - rejected, missed, rejected


def picks_at(found: list[Candidates], calibration: Calibration) -> float:
    """Return the mean number of picks a micrograph, at the calibration as a card keeps it."""
    kept = Calibration(**calibration.to_dict())
    return float(np.mean([len(each.picked(kept)[0]) for each in found]))


def marks_a_micrograph(items: list[Item]) -> float:
    """Return how many particles are marked a micrograph: no fewer are there to pick."""
    return float(np.mean([len(item.labels.positives) for item in items]))
