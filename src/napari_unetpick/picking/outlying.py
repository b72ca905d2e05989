"""Micrographs whose number of picks is far from the others': bad ice, carbon, empty holes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

FEWEST = 5  # micrographs: of fewer none is out of line
DEVIATIONS = 5.0
"""Median absolute deviations of the logarithm."""
FACTOR = 3.0
NAMED = 5


def outlying_counts(counts: Mapping[str, int]) -> list[str]:
    """Return the names whose counts are outlying, the farthest from the median first.

    Those are more than `DEVIATIONS` median absolute deviations of the logarithm from its median,
    and more than a factor of `FACTOR` above or below it. One is added to every count.
    """
    if len(counts) < FEWEST:
        return []
    logs = np.log1p(np.array(list(counts.values()), dtype=float))
    away = np.abs(logs - np.median(logs))
    least = max(DEVIATIONS * float(np.median(away)), np.log(FACTOR))
    names = list(counts)
    return [names[i] for i in np.argsort(-away, kind="stable") if away[i] > least]


def tell_outlying(counts: Mapping[str, int]) -> str:
    """Name the micrographs with outlying counts in one line, or return ""."""
    names = outlying_counts(counts)
    if not names:
        return ""
    usual = float(np.median(list(counts.values())))
    listed = ", ".join(f"{name} ({counts[name]:,})" for name in names[:NAMED])
    others = f" and {len(names) - NAMED:,} others" if len(names) > NAMED else ""
    return f"unusual number of picks (median {usual:,.0f}): {listed}{others}; look at them"
