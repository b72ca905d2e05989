"""Figures of a run as curves over its epochs; NumPy only."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

COLORS = ("#4c9be8", "#f0803c", "#2cb67d", "#c76fd0", "#d9b23c", "#8a8f98")
"""Told apart on dark and light, and by most colour vision."""


@dataclass(frozen=True)
class Curve:
    """Values (N,) over epochs (N,), counted on through the stages of a run."""

    epochs: NDArray[np.float64]
    values: NDArray[np.float64]


@dataclass(frozen=True)
class RunCurves:
    """The loss and validation F1 of a run; F1 has no points with partial labels."""

    name: str
    loss: Curve
    f1: Curve


def curves_of(name: str, rows: Iterable[Mapping[str, Any]]) -> RunCurves:
    """Make curves of the rows of metrics.jsonl; what is no finite number is left out."""
    epochs = (row for row in rows if "taken" not in row)  # that is a round's verdict
    numbered = list(enumerate(epochs, start=1))
    return RunCurves(name, _curve(numbered, "loss"), _curve(numbered, "validation_f1"))


def _curve(rows: list[tuple[int, Mapping[str, Any]]], figure: str) -> Curve:
    points = [
        (number, float(row[figure]))
        for number, row in rows
        if isinstance(row.get(figure), int | float) and math.isfinite(row[figure])
    ]
    table = np.array(points, dtype=float).reshape(-1, 2)
    return Curve(table[:, 0], table[:, 1])


def color_of(number: int) -> str:
    """Return the colour of the run at a place of the list."""
    return COLORS[number % len(COLORS)]
