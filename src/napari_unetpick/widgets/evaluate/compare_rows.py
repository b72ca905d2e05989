"""A comparison of models as rows and lines for the Evaluate dock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_unetpick.widgets.evaluate.metrics_table import ABSENT, Cell

COLUMNS = {
    "F1": "Precision and recall in one number: 2 P R / (P + R).",
    "P": "Precision: the part of the picks that are particles.",
    "R": "Recall: the part of the particles that were picked.",
    "Difference": (
        "F1 minus that of the first side, on the same micrographs, with its 95 % interval. An "
        "interval that holds 0 tells no winner."
    ),
}
STARRED = "*: trained on micrographs that are scored here, see the notes."


def side_rows(result: Mapping[str, Any]) -> list[tuple[Cell, ...]]:
    """Return two rows a side, its name and its figures; a star marks a side with a leak.

    Parameters
    ----------
    result
        What the job `compare` ends with (docs/reference/engine-process.md).
    """
    rows = []
    for side in result["sides"]:
        figures = [
            _figure(side["figures"][f"particle.{ratio}"]) for ratio in ("f1", "precision", "recall")
        ]
        change = (side["differences"] or {}).get("particle")
        name = side["name"] + "*" * bool(side["leak"])
        tip = side["leak"] or f"{side['name']}: {side['n_picks']:,} picks"
        rows.append((Cell(name, name, tip), *(Cell("", "") for _ in figures)))
        rows.append((*figures, _difference(change)))
    return rows


def verdict(result: Mapping[str, Any]) -> str:
    """Say what was compared on what, by which rules, and that a look at the test was counted."""
    border = "a border is left out" if result["border_px"] else "borders count as well"
    lines = [f"{result['about']}. Protocol particle; {border}."]
    if result["look"] is not None:
        lines.append("The look at the test split is counted in the project.")
    if any(side["leak"] for side in result["sides"]):
        lines.append(STARRED)
    return "\n".join(lines)


def _figure(value: tuple[float, float | None, float | None]) -> Cell:
    middle, low, high = value
    tip = "" if low is None else f"95 % interval over micrographs {low:.3f} to {high:.3f}"
    return Cell(f"{middle:.3f}", middle, tip)


def _difference(change: tuple[float, float | None, float | None] | None) -> Cell:
    if change is None:
        return Cell(ABSENT, 0.0, "The others are compared with this one.")
    middle, low, high = change
    if low is None or high is None:
        return Cell(f"{middle:+.3f}", middle, "One micrograph gives no interval.")
    winner = "it tells no winner" if low <= 0 <= high else "the two are told apart"
    return Cell(f"{middle:+.3f}\n{low:+.3f} to {high:+.3f}", middle, f"95 % interval: {winner}.")


def note_lines(result: Mapping[str, Any]) -> str:
    """Return what the reader should know, a point a line."""
    return "\n".join(f"• {note}" for note in result["notes"])
