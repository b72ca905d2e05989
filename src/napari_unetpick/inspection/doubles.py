"""Picks that are in a set twice, as after a file was merged with itself or with another one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy
from numpy.typing import NDArray

from napari_unetpick.inspection.finding import Finding
from napari_unetpick.io.picks import Picks
from napari_unetpick.picking.peaks import keep_distant

TWIN = 0.1  # diameters: two picks nearer than this are of one particle
SAME_PX = 1.0  # where the diameter is unknown
SHARE = 0.05  # of a set's picks that must have a twin: fewer may be particles on top of each other


def merge_doubles(
    picks: Mapping[str, Picks], diameters: Mapping[str, float]
) -> tuple[dict[str, Picks], list[Finding]]:
    """Make one pick of two within a tenth of a diameter, if at least a twentieth of all have one.

    Of twins the one with the higher score stays, else the first. Segments of filaments may lie as
    near as they like, and so may different kinds of particles.

    Parameters
    ----------
    picks
        By micrograph key.
    diameters
        Pixels by micrograph key; without one, picks within a pixel are twins.

    Returns
    -------
    The picks, and what was merged.
    """
    total = sum(map(len, picks.values()))
    distances = {k: TWIN * diameters[k] if k in diameters else SAME_PX for k in picks}
    doubled = sum(count_twins(each, distances[key]) for key, each in picks.items())
    if not doubled or doubled < SHARE * total:
        return dict(picks), []
    merged = {key: _without_twins(each, distances[key]) for key, each in picks.items()}
    left = sum(map(len, merged.values()))
    what = (
        f"{total - left:,} of {total:,} picks lie within a tenth of a diameter of another one: "
        f"merged, {left:,} are left"
    )
    return merged, [Finding("doubles", what)]


def count_twins(picks: Picks, distance: float) -> int:
    """Count the picks that have another one of their kind nearer than `distance` pixels."""
    pairs = (
        scipy.spatial.cKDTree(picks.coords[own]).query_pairs(distance, output_type="ndarray")
        for own in _kinds(picks)
    )
    return sum(len(np.unique(each)) for each in pairs)


def _without_twins(picks: Picks, distance: float) -> Picks:
    scores = np.zeros(len(picks)) if picks.scores is None else np.nan_to_num(picks.scores)
    kept = [own[keep_distant(picks.coords[own], scores[own], distance)] for own in _kinds(picks)]
    return picks.select(np.sort(np.concatenate(kept))) if kept else picks


def _kinds(picks: Picks) -> list[NDArray[np.intp]]:
    """Return the indices of picks of each kind that may be twins."""
    if picks.tracks is not None or len(picks) < 2:
        return []
    if picks.kinds is None:
        return [np.arange(len(picks))]
    return [np.flatnonzero(picks.kinds == kind) for kind in np.unique(picks.kinds)]
