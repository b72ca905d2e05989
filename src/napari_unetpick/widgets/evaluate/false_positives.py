"""Candidates without a true particle, highest score first: some are missed particles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy

from napari_unetpick.evaluation.results import Evaluation
from napari_unetpick.picking.scale import SAME_PARTICLE
from napari_unetpick.project.project import Annotations
from napari_unetpick.widgets.session.pick_model import Chosen, undecided

MOST = 500  # more than anybody reviews one by one


@dataclass(frozen=True)
class UnmatchedCandidate:
    """A candidate without a true particle: (row, col) in pixels of the file, and its score."""

    key: str
    row: float
    col: float
    score: float
    diameter: float  # pixels of the file

    def is_open(self, marks: Annotations) -> bool:
        """Tell whether the user has not decided about this place yet."""
        return bool(
            undecided(np.array([[self.row, self.col]]), marks, SAME_PARTICLE * self.diameter)[0]
        )


def find_unmatched(
    evaluation: Evaluation, shown: Mapping[str, Chosen], most: int = MOST
) -> tuple[UnmatchedCandidate, ...]:
    """Find candidates above the threshold with no true particle within half its diameter.

    Parameters
    ----------
    shown
        Candidates that are neither picked, rejected nor excluded, by key.

    Returns
    -------
    By descending score; what the evaluation leaves out (a border, what lies outside its areas)
    is not among them.
    """
    found = []
    for result in evaluation.micrographs:
        pair = result.pair
        chosen = shown.get(pair.key)
        if chosen is None or not chosen.above.any():
            continue
        coords, scores = chosen.coords[chosen.above], chosen.scores[chosen.above]
        lonely = ~pair.left_out(coords)
        if len(pair.truth):
            near = scipy.spatial.cKDTree(pair.truth).query_ball_point(
                coords, 0.5 * float(pair.diameters.max())
            )
            for i, indices in enumerate(near):
                gaps = np.hypot(*(pair.truth[indices] - coords[i]).T)
                lonely[i] &= not (gaps <= 0.5 * pair.diameters[indices]).any()
        found += [
            UnmatchedCandidate(pair.key, float(row), float(col), float(score), pair.diameter)
            for (row, col), score in zip(coords[lonely], scores[lonely], strict=True)
        ]
    found.sort(key=lambda each: -each.score)
    return tuple(found[:most])
