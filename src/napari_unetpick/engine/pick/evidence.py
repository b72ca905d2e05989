"""What a scorer found at several diameters and in both contrasts, and what the particles' are.

The best diameter is the one at which the best candidates score highest. How much of the image is
covered by candidates says less: at a large diameter junk and neighbours cover it as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.engine.pick.windows import Evidence, Opened

Floats = NDArray[np.float64]
Looks = dict[tuple[str, float], list[Evidence]]
"""Evidence of each micrograph by (contrast, diameter in A)."""

RANGE = (50.0, 800.0)
"""A, that a diameter is looked for in, as far as the micrographs allow."""
SMALLEST_PX, LARGEST_SHARE = 6.5, 0.25
"""Smallest diameter in pixels of the file, largest as a share of the micrograph's shorter side."""
COARSE, FINE = 2.0 ** (1 / 2), 2.0 ** (1 / 6)
"""Ratios of neighbouring diameters."""
BEST, FEWEST = 0.05, 5
"""Share and least number of the candidates that count as the best ones."""
NEARLY = 0.02
"""How much lower the best candidates may score where a diameter is almost as good."""
CONVINCED = 0.6
"""What the best candidates score at least if there are particles."""
NARROW = 2.0
"""Ratio of an interval's ends up to which its diameter is sure."""
WINS = 2.0
"""How much stronger the evidence of a contrast must be than that of the other one."""
LEAST_COVER = 0.005
"""Evidence of a contrast below it is none: about a confident candidate in a hundred d^2."""


@dataclass(frozen=True)
class DiameterEstimate:
    """A diameter and the interval that it lies in, A; `sure` if that is narrow."""

    diameter: float
    low: float
    high: float
    sure: bool


def conviction(found: Sequence[Evidence]) -> float:
    """Return the mean score of the best candidates of all micrographs; 0 where there are few."""
    scores = np.sort(np.concatenate([each.scores for each in found]))[::-1]
    count = max(FEWEST, round(BEST * len(scores)))
    return float(scores[:count].mean()) if len(scores) >= FEWEST else 0.0


def cover(found: Sequence[Evidence]) -> float:
    """Return what candidates score above 0.5, in the mean of a squared diameter."""
    area = sum(each.area for each in found)
    return float(sum(np.maximum(each.scores - 0.5, 0).sum() for each in found) / area)


def choose_contrast(looks: Looks) -> tuple[str, bool]:
    """Return the contrast of the particles, and whether it can be told at all.

    Dark ones are the rule: light ones must win clearly.
    """
    covers = {"dark": 0.0, "light": 0.0}
    for (contrast, _), found in looks.items():
        covers[contrast] = max(covers[contrast], cover(found))
    chosen, other = ("dark", "light") if covers["dark"] >= covers["light"] else ("light", "dark")
    told = covers[chosen] >= max(WINS * covers[other], LEAST_COVER)
    return (chosen, True) if told else ("dark", False)


def coarse_diameters(opened: Sequence[Opened]) -> list[float]:
    """Return the diameters (A) to look at first."""
    low, high = _limits(opened)
    count = int(np.log(high / low) / np.log(COARSE)) + 1
    return [float(each) for each in low * COARSE ** np.arange(count)]


def fine_diameters(middle: float, opened: Sequence[Opened]) -> list[float]:
    """Return the diameters (A) between the best one and its neighbours."""
    low, high = _limits(opened)
    steps = np.arange(1, round(np.log(COARSE) / np.log(FINE)))
    around = np.r_[middle / FINE ** steps[::-1], middle * FINE**steps]
    return [float(each) for each in around if low <= each <= high]


def best_diameter(looks: Looks, contrast: str) -> float:
    """Return the diameter (A) that was looked at and convinces most."""
    sizes = [size for which, size in looks if which == contrast]
    return max(sizes, key=lambda size: conviction(looks[contrast, size]))


def estimate_diameter(looks: Looks, contrast: str) -> DiameterEstimate:
    """Estimate the diameter from the conviction at those that were looked at.

    It is the top of a parabola through the best one and its neighbours, over the logarithm. The
    interval holds the diameters that are almost as good. It is sure if the interval is narrow, ends
    within those that were looked at, and most of the micrographs are convincing.
    """
    sizes = np.array(sorted(size for which, size in looks if which == contrast))
    heights = np.array([conviction(looks[contrast, size]) for size in sizes])
    top = int(heights.argmax())
    near = np.abs(np.log(sizes / sizes[top])) <= np.log(COARSE) * 1.01
    found = _top_of_parabola(np.log(sizes[near]), heights[near], float(np.log(sizes[top])))
    good = sizes[heights >= heights[top] - NEARLY]
    low, high = min(float(good[0]), found), max(float(good[-1]), found)
    inside = 0 < top < len(sizes) - 1
    each = [conviction([one]) >= CONVINCED for one in looks[contrast, float(sizes[top])]]
    sure = inside and 2 * sum(each) > len(each) and high <= NARROW * low
    return DiameterEstimate(found, low, high, bool(sure))


def _top_of_parabola(x: Floats, y: Floats, best: float) -> float:
    """Return exp(x) of the top of the parabola fitted to at least three points, near `best`."""
    if len(x) < 3:
        return float(np.exp(best))
    a, b, _ = np.polyfit(x - best, y, 2)
    shift = -b / (2 * a) if a < 0 else 0.0
    return float(np.exp(best + np.clip(shift, (x - best).min() / 2, (x - best).max() / 2)))


def _limits(opened: Sequence[Opened]) -> tuple[float, float]:
    """Return the smallest and the largest diameter (A) that can be found on these micrographs."""
    low = max(RANGE[0], *(SMALLEST_PX * each.pixel_size for each in opened))
    high = min(
        RANGE[1], *(LARGEST_SHARE * min(each.pixels.shape) * each.pixel_size for each in opened)
    )
    return low, max(low, high)
