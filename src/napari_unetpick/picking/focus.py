"""Scores at one defocus: near focus a particle has less contrast, and so a lower score.

The logit of a particle's score rises with the logarithm of the defocus, about alike for all
molecules. How much is learned on simulated micrographs of the same molecules in the same ice, near
focus and far from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.io.logits import logit, sigmoid
from napari_unetpick.picking.candidates import Candidates

Floats = NDArray[np.float64]
FARTHEST = 1.0  # logarithm of the ratio to the usual defocus, beyond which nothing is known
SURE = 3.0  # standard errors that a slope lies from 0


def usual_defocus(each: Iterable[float | None]) -> float | None:
    """Return the geometric mean of those defocus values (A) that are known, or None."""
    known = [value for value in each if value is not None and value > 0]
    return float(np.exp(np.mean(np.log(known)))) if known else None


def at_usual_defocus(
    found: Candidates, slope: float, defocus: float | None, usual: float | None
) -> Candidates:
    """Return candidates with the raw scores that they would have at the usual defocus.

    Parameters
    ----------
    slope
        Logits per unit of the logarithm of the defocus; 0: the scores are left alone.
    defocus, usual
        Of this micrograph and of the set, A. Where one is unknown the scores are left alone.
    """
    if not slope or usual is None or defocus is None or defocus <= 0:
        return found
    away = float(np.clip(np.log(defocus / usual), -FARTHEST, FARTHEST))
    return replace(found, raw=sigmoid(logit(found.raw) - slope * away))


def learn_slope(pairs: Iterable[tuple[Floats, Floats, float]]) -> float:
    """Return the slope of the logit with the logarithm of the defocus, 0 if it isn't significant.

    Parameters
    ----------
    pairs
        Raw scores of the same particles near focus and far from it, each (N,) of its own N > 0, and
        the ratio of the two defocus values.
    """
    slopes = [
        (np.median(logit(far)) - np.median(logit(near))) / np.log(ratio)
        for near, far, ratio in pairs
    ]
    if len(slopes) < 3:
        return 0.0
    mean, error = float(np.mean(slopes)), float(np.std(slopes, ddof=1) / np.sqrt(len(slopes)))
    return mean if abs(mean) > SURE * error else 0.0
