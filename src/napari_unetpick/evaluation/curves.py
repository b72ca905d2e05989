"""Label every candidate true or false, for the curve over thresholds and for calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.evaluation.inputs.exclusion import what_counts
from napari_unetpick.evaluation.inputs.nms import SPACING, infer_min_distance, thin
from napari_unetpick.evaluation.matching import match_greedily
from napari_unetpick.evaluation.metrics import (
    average_precision,
    best_threshold,
    precision_recall_curve,
)
from napari_unetpick.evaluation.protocols import Comparison
from napari_unetpick.evaluation.results import PrecisionRecallCurve
from napari_unetpick.io.picks import Picks

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Labelled:
    """Scores of all micrographs' candidates, with whether each is true; (N,) both."""

    scores: Floats
    labels: NDArray[np.bool_]


def label_all(
    pairs: Sequence[Comparison],
    picks: Mapping[str, Picks],
    candidates: Mapping[str, Picks] | None,
) -> tuple[Labelled, Labelled, str] | None:
    """Label candidates, or without them the picks; None where scores are missing.

    For the curve they are thinned to the picks' minimum distance (see `thinning`). Matches are
    greedy in descending score, within half the true diameter.

    Returns
    -------
    All candidates, for calibration; those that a threshold may make picks, for the curve; a note.
    """
    given = picks if candidates is None else candidates
    diameters = {pair.key: pair.diameter for pair in pairs}
    rows = {key: row for key, row in given.items() if key in diameters and len(row)}
    if not rows or not all(_is_scored(row) for row in rows.values()):
        return None
    everything = _label_rows(pairs, rows, 0.0)
    if candidates is None:
        note = (
            "the curve and the calibration cover the given picks only, which a threshold "
            "may have cut; for all candidates, evaluate an output folder of pick, which "
            "has a candidates.csv"
        )
        return everything, everything, note
    distance = infer_min_distance(picks, candidates, diameters)
    note = "the calibration covers all candidates, and so does the curve"
    if distance > SPACING:
        note += f", except those within {distance:.2f} diameters of a better one, as for the picks"
    return everything, _label_rows(pairs, rows, distance), note


def _label_rows(
    pairs: Sequence[Comparison], rows: Mapping[str, Picks], distance: float
) -> Labelled:
    """Thin to `distance` diameters, label, and put all micrographs together."""
    scores, labels = [np.empty(0)], [np.empty(0, dtype=bool)]
    for pair in pairs:
        if pair.key in rows:
            coords, values = thin(rows[pair.key], distance * pair.diameter)
            some_scores, some_labels = label_pair(pair.with_picks(coords), values)
            scores.append(some_scores)
            labels.append(some_labels)
    return Labelled(np.concatenate(scores), np.concatenate(labels))


def _is_scored(picks: Picks) -> bool:
    return picks.scores is not None and bool(np.isfinite(picks.scores).all())


def label_pair(pair: Comparison, scores: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Label one micrograph's scored picks; those that a border or area leaves out are dropped."""
    matched = match_greedily(pair.picks, scores, pair.truth, 0.5 * pair.diameters)
    counts, _ = what_counts(matched, pair.left_out(pair.picks), pair.left_out(pair.truth))
    return scores[counts], matched[counts] >= 0


def make_curve(
    found: Labelled, *, picks: bool, n_truth: int, threshold: float | None
) -> PrecisionRecallCurve:
    """Make the precision-recall curve with its figures, of candidates or of `picks` alone."""
    scores, labels = found.scores, found.labels
    best, best_f1 = best_threshold(scores, labels, n_truth)
    return PrecisionRecallCurve(
        source="picks" if picks else "candidates",
        points=precision_recall_curve(scores, labels, n_truth),
        average_precision=average_precision(scores, labels, n_truth),
        best_threshold=best,
        best_f1=best_f1,
        threshold=threshold,
    )
