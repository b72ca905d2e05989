"""Rounds of self-training as rows of a table, from the metrics of the job; no Qt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

COLUMNS = ("Round", "Pseudo-\nlabels", "Ignored", "F1", "Result")
TOOLTIPS = (
    "Number of the round.",
    "Confident picks that were used as labels in this round.",
    "Less confident picks, ignored in training: neither particle nor background.",
    "F1 on the validation labels after the round. With partial labels only: its estimated change, "
    "from held-out clicks.",
    "Result of the acceptance test. The best round is kept if validation improves. With few clicks "
    "the test is often inconclusive: click more, or label one area completely.",
)


def rounds_of(rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Return a row of texts for each round: metrics with `taken` are of a round."""
    finished = [row for row in rows if "taken" in row]
    most = max((_number(r.get("change")) for r in finished if r.get("accepted") == 1), default=0.0)
    return [
        (
            f"{_number(row.get('round', number)):g}",
            f"{_number(row['taken']):,.0f}",
            f"{_number(row.get('ignored', 0)):,.0f}",
            f1_text(row),
            result_text(row, most),
        )
        for number, row in enumerate(finished, start=1)
    ]


def f1_text(row: Mapping[str, Any]) -> str:
    """Return F1, or its change as estimated from held-out clicks."""
    if "f1" in row:
        return f"{_number(row['f1']):.3f}"
    return f"{100 * _number(row['change']):+.0f} %" if "change" in row else "–"


def result_text(row: Mapping[str, Any], most: float = 0.0) -> str:
    """Return the result of a round's acceptance test, "" if it is unknown.

    Parameters
    ----------
    most
        The largest change of F1 by an accepted round so far.
    """
    change = row.get("change")
    if row.get("accepted") == 1 and change is not None and (change <= 0 or change < most):
        return "not better" if change <= 0 else "not the best"
    return {1: "kept", 0: "rejected", -1: "inconclusive", 2: "kept without test"}.get(
        row.get("accepted"), ""
    )


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
