"""Score picks against truth: one call that gives every figure of merit, by every protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.evaluation.calibration import (
    ExpectedPrecision,
    calibrate_check,
    can_be_probabilities,
    expected_precision,
)
from napari_unetpick.evaluation.curves import label_all, make_curve
from napari_unetpick.evaluation.intervals import bootstrap
from napari_unetpick.evaluation.metrics import centring_errors, macro, pool
from napari_unetpick.evaluation.pairs import compare
from napari_unetpick.evaluation.protocols import (
    POOLING,
    PROTOCOLS,
    SCORERS,
    Comparison,
    Protocol,
    match_by_distance,
)
from napari_unetpick.evaluation.results import Evaluation, MicrographResult, ProtocolResult
from napari_unetpick.io.labels import Polygon
from napari_unetpick.io.picks import Picks, count_unscored, tell_count


def evaluate(
    picks: Mapping[str, Picks],
    truth: Mapping[str, Picks],
    diameters: float | Mapping[str, float] | None = None,
    shapes: Mapping[str, tuple[int, int]] | None = None,
    border_px: float | Mapping[str, float] = 0.0,
    protocol: Protocol = "particle",
    *,
    candidates: Mapping[str, Picks] | None = None,
    areas: Mapping[str, tuple[Polygon, ...]] | None = None,
    exclusions: Mapping[str, tuple[Polygon, ...]] | None = None,
    seed: int = 42,
) -> Evaluation:
    """Score picks on every micrograph that has truth.

    Parameters
    ----------
    picks
        By micrograph key; a micrograph without picks counts, all its particles are missed.
    truth
        By micrograph key. Its own diameters are used for matching where it has any.
    diameters
        Particle diameter in pixels, for truth without diameters; one, or one per micrograph.
    shapes
        (rows, cols) by key; needed for a border, and so that discs end at the image's edge.
    border_px
        Width of a border to leave out (see `borders`), pixels; one, or one per micrograph.
    protocol
        Which protocol gives the headline; the others are computed as well.
    candidates
        All scored peaks by key, for the curve and the calibration; without them both cover the
        picks only, and a note says so.
    areas
        Polygons (N, 2), (row, col) pixels, by key, where the truth is complete in them alone: what
        lies outside is neither right nor wrong, as in a border.
    exclusions
        Polygons by key, in which nothing is right or wrong, as in a border.
    seed
        Of the bootstrap over micrographs.

    Returns
    -------
    Everything measured, with notes for the reader where a figure covers less than it seems.

    Raises
    ------
    InputError
        No truth, an unknown protocol, no diameter, or a border that does not fit.
    """
    if protocol not in PROTOCOLS:
        raise InputError(f"protocol '{protocol}': unknown; give one of {', '.join(PROTOCOLS)}")
    if not truth:
        raise InputError(
            "no micrograph has true particles to compare with",
            "check --truth",
            viewer="choose another truth",
        )
    pairs = compare(picks, truth, diameters, shapes or {}, border_px, areas or {}, exclusions or {})
    rows = tuple(_score_pair(pair, picks.get(pair.key)) for pair in pairs)
    errors = [
        centring_errors(pair.picks, pair.truth, row.matches.matched, pair.diameters)
        for pair, row in zip(pairs, rows, strict=True)
    ]
    evaluation = Evaluation(
        protocol=protocol,
        protocols={tag: _pool_protocol(tag, rows, seed) for tag in PROTOCOLS},
        half=pool([row.matches.score for row in rows]),
        quarter=pool([row.quarter for row in rows]),
        centring=_median(np.concatenate(errors)),
        micrographs=rows,
        seed=seed,
        notes=_notes(picks, truth),
    )
    return _add_curves(evaluation, picks, candidates)


def _score_pair(pair: Comparison, picks: Picks | None) -> MicrographResult:
    matches = match_by_distance(pair)
    return MicrographResult(
        pair=pair,
        matches=matches,
        pick_scores=picks.scores if picks is not None else None,
        scores={tag: SCORERS[tag](pair) for tag in PROTOCOLS},
        quarter=match_by_distance(pair, 0.25).score,
        centring=_median(centring_errors(pair.picks, pair.truth, matches.matched, pair.diameters)),
    )


def _pool_protocol(tag: Protocol, rows: Sequence[MicrographResult], seed: int) -> ProtocolResult:
    scores = [row.scores[tag] for row in rows]
    rng = np.random.default_rng(seed)  # the same draws for each protocol
    return ProtocolResult(
        protocol=tag,
        pooled=pool(scores),
        macro=macro(scores),
        intervals=bootstrap(scores, rng, pooling=POOLING[tag]),
    )


def _add_curves(
    evaluation: Evaluation, picks: Mapping[str, Picks], candidates: Mapping[str, Picks] | None
) -> Evaluation:
    """Add what needs scores: the curve over thresholds, and calibration."""
    found = label_all([row.pair for row in evaluation.micrographs], picks, candidates)
    if found is None:
        rows = [p for p in (picks if candidates is None else candidates).values() if len(p)]
        missing = count_unscored(rows)
        note = "no picks with scores: no precision-recall curve and no calibration"
        if 0 < missing < sum(map(len, rows)):
            note = f"{tell_count(missing, 'pick')} without a score: no curve and no calibration"
        return replace(evaluation, notes=(*evaluation.notes, note))
    at_threshold = _expected(evaluation.micrographs)
    everything, thinned, note = found
    curve = make_curve(
        thinned,
        picks=candidates is None,
        n_truth=evaluation.half.n_truth,
        threshold=at_threshold.threshold if at_threshold else None,
    )
    notes = (*evaluation.notes, note)
    if not can_be_probabilities(everything.scores):
        note = "scores outside 0 to 1: uncalibrated, so no calibration is computed"
        return replace(evaluation, curve=curve, notes=(*notes, note))
    return replace(
        evaluation,
        curve=curve,
        calibration=calibrate_check(everything.scores, everything.labels),
        expected=at_threshold,
        notes=notes,
    )


def _expected(rows: Sequence[MicrographResult]) -> ExpectedPrecision | None:
    """Compare what the picks' scores promise with their precision, at the lowest of them."""
    scores, labels = [np.empty(0)], [np.empty(0, dtype=bool)]
    for row in rows:
        if row.pick_scores is not None:
            counts = row.matches.picks_count & np.isfinite(row.pick_scores)
            scores.append(row.pick_scores[counts])
            labels.append(row.matches.matched[counts] >= 0)
    values = np.concatenate(scores)
    if len(values) == 0:
        return None
    return expected_precision(values, np.concatenate(labels), float(values.min()))


def _notes(picks: Mapping[str, Picks], truth: Mapping[str, Picks]) -> tuple[str, ...]:
    notes = []
    extra = [len(each) for key, each in picks.items() if key not in truth]
    if extra:
        notes.append(
            f"{tell_count(sum(extra), 'pick')} on {tell_count(len(extra), 'micrograph')} without "
            "truth: not scored"
        )
    unpicked = sum(1 for key in truth if key not in picks)
    if unpicked:
        notes.append(
            f"{tell_count(unpicked, 'micrograph')} with truth but no picks: all particles missed"
        )
    return tuple(notes)


def _median(errors: NDArray[np.float64]) -> float | None:
    return float(np.median(errors)) if len(errors) else None
