"""Picks that are in a set twice, as after a file was merged with itself or with another one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy
from numpy.typing import NDArray

from napari_unetpick.inspection.finding import Finding
from napari_unetpick.io.picks import Picks

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
    pairs = {
        key: twins(each, TWIN * diameters[key] if key in diameters else SAME_PX)
        for key, each in picks.items()
    }
    doubled = sum(len(np.unique(each)) for each in pairs.values())
    if not doubled or doubled < SHARE * total:
        return dict(picks), []
    merged = {key: each.select(_first_of(each, pairs[key])) for key, each in picks.items()}
    left = sum(map(len, merged.values()))
    what = (
        f"{total - left:,} of {total:,} picks lie within a tenth of a diameter of another one: "
        f"merged, {left:,} are left"
    )
    return merged, [Finding("doubles", what)]


def twins(picks: Picks, distance: float) -> NDArray[np.intp]:
    """Return the (N, 2) pairs of picks of one kind that are nearer than `distance` pixels."""
    if len(picks) < 2 or picks.tracks is not None:
        return np.empty((0, 2), np.intp)
    pairs = scipy.spatial.cKDTree(picks.coords).query_pairs(distance, output_type="ndarray")
    if picks.kinds is not None:
        pairs = pairs[picks.kinds[pairs[:, 0]] == picks.kinds[pairs[:, 1]]]
    return np.asarray(pairs, np.intp)


def _first_of(picks: Picks, pairs: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Tell which picks stay: the best first, each that has no twin among those that stay."""
    keep = np.ones(len(picks), np.bool_)
    if not len(pairs):
        return keep
    scores = np.zeros(len(picks)) if picks.scores is None else np.nan_to_num(picks.scores)
    place = np.empty(len(picks), np.intp)
    place[np.argsort(-scores, kind="stable")] = np.arange(len(picks))
    ordered = np.sort(place[pairs], axis=1)  # the better one of each pair first
    of_place = np.argsort(place)
    for better, worse in ordered[np.lexsort(ordered.T)]:
        if keep[of_place[better]]:
            keep[of_place[worse]] = False
    return keep
