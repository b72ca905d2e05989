"""What a candidate's score means: calibration, and the threshold that follows from it.

With complete labels the score is the probability that a candidate is a particle, fitted on
validation micrographs. With partial labels nothing says what a false pick is; then the score is
a rank, and the threshold comes from held-out clicks.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import scipy
from numpy.typing import NDArray

from napari_unetpick.io.logits import logit, sigmoid
from napari_unetpick.picking.peaks import keep_distant
from napari_unetpick.picking.scale import MIN_DISTANCE

Floats = NDArray[np.float64]
DISTANCES = (0.28, 0.35, 0.5, 0.6, 0.7)  # minimum distances tried on validation, fractions of d
SHADOW_REACH = 0.7  # of d: a stronger candidate this near makes a second particle unlikely


@dataclass(frozen=True)
class Calibration:
    """How raw scores become the scores a user sees, and which of them are picks.

    score = sigmoid(slope * logit(raw) + offset - shadow * nearness), where nearness falls from 1
    at a stronger candidate to 0 at `SHADOW_REACH` diameters.

    Parameters
    ----------
    kind
        "probability" (fitted on complete labels) or "rank" (partial labels).
    threshold
        Candidates at or above it are picks.
    min_distance
        Between picks, as a fraction of the diameter.
    expected_precision, expected_recall, expected_f1
        At the threshold on validation, None where they cannot be known.
    """

    kind: Literal["probability", "rank"] = "rank"
    slope: float = 1.0
    offset: float = 0.0
    shadow: float = 0.0
    threshold: float = 0.5
    min_distance: float = MIN_DISTANCE
    expected_precision: float | None = None
    expected_recall: float | None = None
    expected_f1: float | None = None

    def apply(self, raw: Floats, nearness: Floats) -> Floats:
        """Turn raw scores (N,) into calibrated ones in [0, 1]."""
        return sigmoid(self.slope * logit(raw) + self.offset - self.shadow * nearness)

    def raw_at(self, score: float) -> float:
        """Return the raw score that becomes `score` where no stronger candidate is near."""
        if self.slope == 1.0 and self.offset == 0.0:
            return score
        return float(sigmoid((logit(np.array(score)) - self.offset) / self.slope))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a model's card, rounded so that it reads well and repeats."""
        return {k: round(v, 6) if isinstance(v, float) else v for k, v in asdict(self).items()}


def nearness(coords: Floats, raw: Floats, diameter: float) -> Floats:
    """How near a stronger candidate is: 1 at the same place, 0 from `SHADOW_REACH` diameters on.

    Parameters
    ----------
    coords
        (N, 2), pixels.
    raw
        (N,) raw scores.
    diameter
        Particle diameter in the same pixels.
    """
    near = np.zeros(len(coords))
    if len(coords) < 2:
        return near
    reach = SHADOW_REACH * diameter
    pairs = scipy.spatial.cKDTree(coords).query_pairs(reach, output_type="ndarray")
    close = 1 - np.linalg.norm(coords[pairs[:, 0]] - coords[pairs[:, 1]], axis=1) / reach
    # equal scores: the earlier one is the stronger, as `keep_distant` has it
    first_weaker = raw[pairs[:, 0]] < raw[pairs[:, 1]]
    weaker = np.where(first_weaker, pairs[:, 0], pairs[:, 1])
    np.maximum.at(near, weaker, close)
    return near


def select(coords: Floats, scores: Floats, threshold: float, distance: float) -> NDArray[np.intp]:
    """Indices of the candidates that are picks, best first.

    Parameters
    ----------
    coords, scores
        (N, 2) and (N,) calibrated candidates.
    distance
        Minimum distance in the unit of `coords`.
    """
    above = np.flatnonzero(scores >= threshold)
    return np.asarray(above[keep_distant(coords[above], scores[above], distance)], dtype=np.intp)


def fit_probability(
    raw: Floats, near: Floats, true: NDArray[np.bool_]
) -> tuple[float, float, float]:
    """Fit slope, offset and shadow by logistic regression (Platt 1999), weakly regularised.

    The prior (slope 1, offset 0, shadow 1, standard deviation 2) holds a handful of candidates
    from which nothing could be fitted; a hundred of them outweigh it.
    """
    x = logit(raw)
    y = np.asarray(true, float)
    prior = np.array([1.0, 0.0, 1.0])

    def cost(w: Floats) -> tuple[float, Floats]:
        z = w[0] * x + w[1] - w[2] * near
        p = sigmoid(z)
        loss = np.sum(np.logaddexp(0, z) - y * z) + np.sum((w - prior) ** 2) / 8
        error = p - y
        slopes = np.array([error @ x, error.sum(), -(error @ near)])
        return float(loss), slopes + (w - prior) / 4

    bounds = [(0.05, 10), (-20, 20), (0, 20)]
    best = scipy.optimize.minimize(cost, prior, jac=True, method="L-BFGS-B", bounds=bounds)
    slope, offset, shadow = (float(v) for v in best.x)
    return slope, offset, shadow


def best_threshold(scores: Floats, truths: float) -> tuple[float, float, float, float]:
    """Threshold of the highest expected F1 = 2 TP / (picks + truths), TP the sum of probabilities.

    Using probabilities rather than matches smooths the curve: its top is not a lucky candidate.

    Returns
    -------
    threshold, expected precision, recall and F1; with no candidates 0.5 and zeros.
    """
    if len(scores) == 0 or truths <= 0:
        return 0.5, 0.0, 0.0, 0.0
    ordered = np.sort(scores)[::-1]
    found = np.cumsum(ordered)
    picks = np.arange(1, len(ordered) + 1)
    f1 = 2 * found / (picks + truths)
    top = int(f1.argmax())
    below = ordered[top + 1] if top + 1 < len(ordered) else 0.0
    threshold = float((ordered[top] + below) / 2)
    return (
        threshold,
        float(found[top] / picks[top]),
        float(min(found[top] / truths, 1.0)),
        float(f1[top]),
    )
