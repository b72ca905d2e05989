"""Rounds of self-training as rows of a table, from the figures that the job tells; no Qt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

COLUMNS = ("Round", "Taken", "Unsure", "F1", "Verdict")
TOOLTIPS = (
    "Number of the round.",
    "Picks of its own that it was sure of and took for labels (pseudo-labels).",
    "Picks that it was not sure of: neither particle nor background.",
    "F1 on the validation labels after the round; with clicks alone, by how much it changed as far "
    "as clicks tell that the round had not seen.",
    "Whether the round was kept: the best one is, if it did no harm on what it had not seen and is "
    "better there than the model before. A few clicks often cannot tell: click more, or label a "
    "rectangle completely.",
)


def rounds_of(rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Return a row of texts for each round: only figures with `taken` tell of one."""
    told = [row for row in rows if "taken" in row]
    most = max((_number(r.get("change")) for r in told if r.get("accepted") == 1), default=0.0)
    return [
        (
            f"{_number(row.get('round', number)):g}",
            f"{_number(row['taken']):,.0f}",
            f"{_number(row.get('ignored', 0)):,.0f}",
            f1_text(row),
            verdict(row, most),
        )
        for number, row in enumerate(told, start=1)
    ]


def f1_text(row: Mapping[str, Any]) -> str:
    """Return F1, or by how much held-out clicks say that it changed."""
    if "f1" in row:
        return f"{_number(row['f1']):.3f}"
    return f"about {100 * _number(row['change']):+.0f} %" if "change" in row else "–"


def verdict(row: Mapping[str, Any], most: float = 0.0) -> str:
    """Return what became of a round in words, "" where it was not told.

    Parameters
    ----------
    most
        The largest change of F1 by an accepted round so far.
    """
    change = row.get("change")
    if row.get("accepted") == 1 and change is not None and (change <= 0 or change < most):
        return "no better" if change <= 0 else "not the best"
    return {1: "kept", 0: "thrown away", -1: "cannot be told", 2: "kept unjudged"}.get(
        row.get("accepted"), ""
    )


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
