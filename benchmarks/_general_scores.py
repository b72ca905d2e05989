"""Picks of any picker on a set of general.py: labelled, cut at a threshold, compared in pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import TYPE_CHECKING, Any

import numpy as np
from _record import table

from napari_unetpick.evaluation.intervals import paired_difference
from napari_unetpick.evaluation.matching import label_candidates
from napari_unetpick.evaluation.metrics import Score, best_threshold, pool, score_counts
from napari_unetpick.io.images.image import read_micrograph
from napari_unetpick.picking.peaks import keep_distant

if TYPE_CHECKING:
    from general import Set

SEED = 42  # of the intervals
DISTANCES = (0.5, 0.7, 0.9)  # diameters that picks are kept apart, the best of them
By = Mapping[str, list[Score]]
Best = tuple[tuple[str, float, float], list[Score]]


@dataclass(frozen=True)
class Scored:
    """What a picker found on one micrograph, without the border.

    `scores` and `true` are (N,); `n_truth` is the number of particles.
    """

    scores: np.ndarray
    true: np.ndarray
    n_truth: int

    def cut(self, threshold: float) -> Score:
        """Count the picks from a threshold on."""
        picked = self.scores >= threshold
        return score_counts(int(self.true[picked].sum()), int(picked.sum()), self.n_truth)


def diameters_px(one: Set) -> list[float]:
    """Particle diameter in pixels of each file."""
    return [
        one.diameter / (one.pixel_size or read_micrograph(path).pixel_size) for path, _ in one.files
    ]


def label(one: Set, picks: Sequence[np.ndarray]) -> list[Scored]:
    """Label the picks of each micrograph, (N, 3) row, col, score in pixels of the file."""
    found = []
    for (path, truth), each, diameter in zip(one.files, picks, diameters_px(one), strict=True):
        coords, scores = each[:, :2], each[:, 2]
        right = label_candidates(coords, scores, truth, 0.5 * diameter)
        margin = one.border * diameter
        limit = np.array(read_micrograph(path).data.shape) - 1 - margin
        keep, counted = (
            ((points >= margin) & (points <= limit)).all(axis=1) for points in (coords, truth)
        )
        found.append(Scored(scores[keep], right[keep], int(counted.sum())))
    return found


def best_cut(found: Sequence[Scored]) -> float:
    """Find the threshold of the highest pooled F1 on the set itself: an upper bound."""
    scores = np.concatenate([each.scores for each in found])
    true = np.concatenate([each.true for each in found])
    return best_threshold(scores, true, sum(each.n_truth for each in found))[0]


def thin(one: Set, picks: Sequence[np.ndarray], distance: float) -> list[np.ndarray]:
    """Keep the best of picks that are nearer than so many diameters."""
    return [
        each[keep_distant(each[:, :2], each[:, 2], distance * diameter)]
        for each, diameter in zip(picks, diameters_px(one), strict=True)
    ]


def best_setting(one: Set, picks: Mapping[str, Sequence[np.ndarray]]) -> Best:
    """Find a picker's best setting, distance and threshold on the set itself: an upper bound."""
    found = {
        (setting, distance): label(one, thin(one, each, distance))
        for setting, each in picks.items()
        for distance in DISTANCES
    }
    cuts = {setting: best_cut(each) for setting, each in found.items()}
    counts = {s: [each.cut(cuts[s]) for each in rows] for s, rows in found.items()}
    best = max(counts, key=lambda s: pool(counts[s]).f1)
    return (*best, cuts[best]), counts[best]


def protein(name: str) -> str:
    """Name the protein of a set: `random-21` of `random-21-low, 12 px`."""
    return name.split()[0].rstrip(",").removesuffix("-low")


def by_protein(sets: Mapping[str, By]) -> dict[str, dict[str, list[Score]]]:
    """Join the micrographs of the sets of one protein, by picker."""
    joined: dict[str, dict[str, list[Score]]] = {}
    for name, pickers in sets.items():
        own = joined.setdefault(protein(name), {})
        for picker, counts in pickers.items():
            own.setdefault(picker, []).extend(counts)
    return joined


def differences(sets: Mapping[str, By], ours: str) -> list[dict[str, Any]]:
    """Give our best F1 minus each peer's, points, with 95 % intervals over micrographs.

    One row a protein, counts pooled over its micrographs; the last is the mean over proteins, its
    interval over proteins.
    """
    joined = by_protein(sets)
    rows = []
    for name, pickers in joined.items():
        others = [picker for picker in pickers if picker != ours]
        if ours in pickers and len(pickers[ours]) > 1:
            pairs = {other: (pickers[other], pickers[ours]) for other in others}
            rows.append({"protein": name, "micrographs": len(pickers[ours]), **_compare(pairs)})
    everyone = {picker for pickers in joined.values() for picker in pickers} - {ours}
    pairs = {}
    for other in sorted(everyone):
        both = [each for each in joined.values() if {ours, other} <= each.keys()]
        if len(both) > 1:
            pairs[other] = [pool(each[other]) for each in both], [pool(each[ours]) for each in both]
    if pairs:
        rows.append({"protein": "mean", "micrographs": "", **_compare(pairs, "mean")})
    return rows


def _compare(pairs: Mapping[str, Any], pooling: Any = "pooled") -> dict[str, list[float]]:
    found = {}
    for other, (theirs, ours) in pairs.items():
        rng = np.random.default_rng(SEED)
        each = paired_difference(theirs, ours, rng, pooling=pooling)
        found[other] = [100 * value for value in (each.value, each.low, each.high)]
    return found


def difference_table(rows: Sequence[Mapping[str, Any]], peers: Sequence[str]) -> str:
    """Lay the differences out: +4.2 (+3.0 to +5.1)."""
    header = ["protein", "micrographs", *(f"ours - {peer}" for peer in peers)]
    form = "{:+.1f} ({:+.1f} to {:+.1f})".format
    cells = [
        [row["protein"], row["micrographs"]]
        + ["".join(starmap(form, [row[peer]] if peer in row else [])) for peer in peers]
        for row in rows
    ]
    return table(header, cells)
