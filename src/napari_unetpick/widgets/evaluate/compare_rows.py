"""A comparison of models as rows and lines for the Evaluate dock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_unetpick.io.picks import tell_count
from napari_unetpick.widgets.evaluate.metrics_table import ABSENT, Cell

COLUMNS = {
    "F1": "Harmonic mean of precision and recall: 2 P R / (P + R).",
    "P": "Precision: share of the picks that are particles.",
    "R": "Recall: share of the particles that are picked.",
    "Difference": (
        "F1 minus the F1 of the first method, on the same micrographs, with its 95 % interval. If "
        "the interval contains 0, the difference is not significant."
    ),
}
STARRED = "*: trained on micrographs that are scored here (see notes)."


def method_rows(result: Mapping[str, Any]) -> list[tuple[Cell, ...]]:
    """Return two rows a method, its name and its scores; a star marks a leak.

    Parameters
    ----------
    result
        What the job `compare` ends with (docs/reference/engine-process.md).
    """
    rows = []
    for method in result["sides"]:
        figures = [
            _figure(method["figures"][f"particle.{ratio}"])
            for ratio in ("f1", "precision", "recall")
        ]
        change = (method["differences"] or {}).get("particle")
        name = method["name"] + "*" * bool(method["leak"])
        tip = method["leak"] or f"{method['name']}: {tell_count(method['n_picks'], 'pick')}"
        rows.append((Cell(name, name, tip), *(Cell("", "") for _ in figures)))
        rows.append((*figures, _difference(change)))
    return rows


def comparison_summary(result: Mapping[str, Any]) -> str:
    """Return what was compared, on what, by which protocol."""
    border = "Border excluded" if result["border_px"] else "Border included"
    lines = [f"{result['about']}. Protocol: particle. {border}."]
    if any(method["leak"] for method in result["sides"]):
        lines.append(STARRED)
    return "\n".join(lines)


def _figure(value: tuple[float, float | None, float | None]) -> Cell:
    middle, low, high = value
    tip = "" if low is None else f"95 % interval over micrographs {low:.3f} to {high:.3f}"
    return Cell(f"{middle:.3f}", middle, tip)


def _difference(change: tuple[float, float | None, float | None] | None) -> Cell:
    if change is None:
        return Cell(ABSENT, 0.0, "The other methods are compared with this one.")
    middle, low, high = change
    if low is None or high is None:
        return Cell(f"{middle:+.3f}", middle, "No interval from one micrograph.")
    significant = "not significant" if low <= 0 <= high else "significant"
    return Cell(
        f"{middle:+.3f}\n{low:+.3f} to {high:+.3f}", middle, f"95 % interval; {significant}."
    )


def note_lines(result: Mapping[str, Any]) -> str:
    """Return the notes, one a line."""
    return "\n".join(f"• {note}" for note in result["notes"])
