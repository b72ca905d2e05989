"""Candidates as a threshold would leave them: thinned to the picks' minimum distance.

`candidates.csv` holds every peak a quarter of a diameter apart; a pick also keeps its minimum
distance from better picks. Non-maximum suppression in descending score does not depend on the
threshold: thinned once, the candidates above any threshold are the picks at that threshold.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy
from numpy.typing import NDArray

from napari_unetpick.io.picks import Picks
from napari_unetpick.picking.peaks import keep_distant
from napari_unetpick.picking.scale import MIN_DISTANCE

SPACING = 0.25  # of the diameter: candidates are no closer in the first place


def thin(candidates: Picks, distance: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give (coords, scores), best first, of the candidates no closer than `distance` pixels."""
    scores = np.zeros(len(candidates)) if candidates.scores is None else candidates.scores
    # Exactly at the distance is far enough, whatever the last digit says.
    kept = keep_distant(candidates.coords, scores, distance * (1 - 1e-6))
    return candidates.coords[kept], scores[kept]


def infer_min_distance(
    picks: Mapping[str, Picks], candidates: Mapping[str, Picks], diameters: Mapping[str, float]
) -> float:
    """Find the minimum distance, as a fraction of the diameter, that made picks of candidates.

    It is no larger than the closest two picks, and larger than from any candidate that scored
    well enough but was dropped to the nearest pick. In between, the usual half is taken.
    """
    closest, dropped = np.inf, 0.0
    for key, chosen in picks.items():
        if key not in candidates or key not in diameters or len(chosen) == 0:
            continue
        tree = scipy.spatial.cKDTree(chosen.coords)
        if len(chosen) > 1:
            nearest = tree.query(chosen.coords, k=2)[0][:, 1]
            closest = min(closest, float(nearest.min()) / diameters[key])
        scores = candidates[key].scores
        if chosen.scores is not None and scores is not None:
            good = candidates[key].coords[scores >= chosen.scores.min()]
            if len(good):
                away = float(tree.query(good)[0].max()) / diameters[key]
                dropped = max(dropped, away) if away < closest else dropped
    return min(closest, max(dropped, MIN_DISTANCE))
