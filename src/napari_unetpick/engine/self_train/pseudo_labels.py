"""Pseudo-labels: a teacher's confident picks are particles, its uncertain ones are ignored."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_unetpick.engine.data.training_set import Item, Region, whole_of
from napari_unetpick.engine.train.cross_fitting import HeldOut, gather
from napari_unetpick.engine.train.partial_label_settings import PARTIAL_LABELS
from napari_unetpick.evaluation.matching import match_particles
from napari_unetpick.io.labels import inside_any
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.picking.scale import MIN_DISTANCE, SAME_PARTICLE
from napari_unetpick.settings import SelfTrainSettings

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Limits:
    """Raw scores: at or above `positive` a particle, from `ignore` to there uncertain."""

    ignore: float
    positive: float


@dataclass(frozen=True)
class PseudoLabels:
    """Pseudo-labels of one micrograph, each (N, 2) (row, col), pixels of the file.

    `scores` are the teacher's (N,) raw scores of the positives, or None where nobody asks.
    """

    positives: Floats
    ignored: Floats
    scores: Floats | None = None

    def within(self, region: Region) -> PseudoLabels:
        """Return those in a region."""
        confident, uncertain = region.holds(self.positives), region.holds(self.ignored)
        scores = None if self.scores is None else self.scores[confident]
        return PseudoLabels(self.positives[confident], self.ignored[uncertain], scores)

    def ignored_alone(self) -> PseudoLabels:
        """Return these with the confident ones among the ignored."""
        none = self.positives[:0]
        return PseudoLabels(none, np.concatenate([self.positives, self.ignored]))

    def plus(self, other: PseudoLabels | None) -> PseudoLabels:
        """Return these and others of the same micrograph."""
        if other is None:
            return self
        known = self.scores is not None and other.scores is not None
        return PseudoLabels(
            np.concatenate([self.positives, other.positives]),
            np.concatenate([self.ignored, other.ignored]),
            np.concatenate([self.scores, other.scores]) if known else None,
        )


def labelled_scores(pairs: list[tuple[Item, Candidates]], distance: float = MIN_DISTANCE) -> Floats:
    """Return (N,) the teacher's raw scores of the labelled particles that train and are found."""
    scores = [np.empty(0)]
    for item, found in pairs:
        coords, raw = thinned(found, distance)
        positives = item.labels.positives
        if item.held_out is not None:
            positives = positives[~item.held_out.holds(positives)]
        match = match_particles(coords, positives, SAME_PARTICLE * found.diameter_px)
        scores.append(raw[match >= 0])
    return np.concatenate(scores)


def limits_of(scores: Floats, settings: SelfTrainSettings, number: int) -> Limits:
    """Return the limits of a round, counted from 1.

    By quantiles of the labelled particles' scores (N,): scores of two networks cannot be compared,
    quantiles can, as the same teacher gave both sides. Where it finds no labelled particle,
    nothing is confident (limits above every score). By scores: evenly from the first round's to the
    last's.
    """
    if settings.limits != "quantiles":
        part = (number - 1) / max(settings.rounds - 1, 1)
        first = settings.negative_score, settings.positive_score
        last = settings.last_negative_score, settings.last_positive_score
        ignore, positive = (a + part * (b - a) for a, b in zip(first, last, strict=True))
        return Limits(ignore, positive)
    if not len(scores):
        return Limits(np.inf, np.inf)
    quantiles = settings.ignore_quantile, settings.positive_quantile
    low, high = np.quantile(scores, quantiles)
    return Limits(float(low), float(high))


def limits_of_picks(found: Candidates, threshold: float, distance: float = MIN_DISTANCE) -> Limits:
    """Return limits that make what scores like a pick, or little lower, uncertain.

    `distance` in diameters is the least between picks; what a better one near costs is left out.
    """
    _, raw = thinned(found, distance)
    picks = np.count_nonzero(raw >= threshold)
    below = np.sort(raw[raw < threshold])[::-1][: round(PARTIAL_LABELS.doubtful * picks)]
    return Limits(ignore=float(min(below, default=threshold)), positive=np.inf)


def make_pseudo_labels(
    item: Item, found: Candidates, limits: Limits, distance: float = MIN_DISTANCE
) -> PseudoLabels:
    """Sort the candidates of a micrograph away from labels into confident and uncertain ones.

    Left out is what lies in an excluded area, in one that is labelled completely, on a negative,
    or within the least distance of picks (in diameters) of a mark, which has its true label.
    """
    coords, raw = thinned(found, distance)
    labels = item.labels
    new = ~inside_any(coords, (*labels.exclusions, *labels.complete))
    for marks in (labels.positives, labels.negatives):
        if len(marks) and len(coords):
            new &= cKDTree(marks).query(coords)[0] > distance * found.diameter_px
    confident = raw >= limits.positive
    uncertain = ~confident & (raw >= limits.ignore)
    return PseudoLabels(coords[new & confident], coords[new & uncertain], raw[new & confident])


def limits_of_clicks(held_out: HeldOut, settings: SelfTrainSettings, number: int) -> Limits:
    """Return the limits of a round, the positive one where precision is about to fall.

    A share r of the clicks and N candidates lie above a score, so r / N is the precision there but
    for a factor, the number of particles. The median click stands for confident particles.
    Down from there the limit goes as long as precision is at least `least_precision` of what it is
    above the median: where a network tells particles well it takes most of them, and only the best
    where it does not. With few clicks that is unknown, and the quantile decides.
    """
    clicks, candidates = held_out.clicks, held_out.candidates
    found = clicks[clicks > 0]
    limits = limits_of(found, settings, number)
    wanted = settings.least_precision
    few = len(found) < PARTIAL_LABELS.fewest_clicks
    if settings.limits != "quantiles" or few or not wanted:
        return limits
    tried = np.quantile(found, PARTIAL_LABELS.quantiles)
    precisions = [np.mean(clicks >= t) / np.count_nonzero(candidates >= t) for t in tried]
    fallen = np.array(precisions) < wanted * precisions[0]
    last = int(fallen.argmax()) - 1 if fallen.any() else len(tried) - 1
    return Limits(min(limits.ignore, float(tried[last])), float(tried[last]))


def cross_labels(
    pairs: list[tuple[Item, Candidates]], settings: SelfTrainSettings, number: int
) -> dict[int, PseudoLabels]:
    """Return the pseudo-labels of what is held out, by index, by what is made of its clicks.

    Parameters
    ----------
    pairs
        Micrographs, or parts of them, each with the candidates of a network that has not seen it.
    """
    clicked = [pair for pair in pairs if len(pair[0].labels.positives)]
    limits = limits_of_clicks(gather(clicked), settings, number)
    pseudo: dict[int, PseudoLabels] = {}
    for item, found in pairs:
        each = make_pseudo_labels(item, found, limits).within(item.held_out or whole_of(item))
        pseudo[item.index] = each.plus(pseudo.get(item.index))
    return pseudo


def with_pseudo_labels(item: Item, pseudo: PseudoLabels) -> Item:
    """Return the micrograph with its confident pseudo-labels among its particles."""
    positives = np.concatenate([item.labels.positives.reshape(-1, 2), pseudo.positives])
    return replace(item, labels=replace(item.labels, positives=positives))


def thinned(found: Candidates, distance: float = MIN_DISTANCE) -> tuple[Floats, Floats]:
    """Return (coords, raw) of the candidates at least so many diameters apart."""
    keep = found.distant(distance)
    return found.coords[keep], found.raw[keep]
