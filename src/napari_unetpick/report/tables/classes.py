"""What another picking changed in each class, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from napari_unetpick.classes.changes import Change
from napari_unetpick.report.tables.evaluation import Table


def change_table(rows: Sequence[Change], with_others: bool) -> Table:
    """List the classes, then those kept and rejected together, and the picks of no class.

    Parameters
    ----------
    with_others
        Whether all picks before are known, not only the sorted ones.
    """
    own = [row for row in rows if row.number]
    lines = [
        _line(str(row.number), "rejected" if row.rejected else "kept", row.before, row.after)
        for row in own
    ]
    for rejected, name in ((False, "kept"), (True, "rejected")):
        some = [row for row in own if row.rejected == rejected]
        before, after = sum(row.before for row in some), sum(row.after for row in some)
        lines.append(_line("all", name, before, after))
    other = next(row for row in rows if not row.number)
    before = f"{other.before:,}" if with_others else "–"
    lines.append(("none", "", before, f"{other.after:,}", ""))
    headers = ("class", "", "picks before", "picks after", "left")
    return Table(headers, lines, text_columns=(0, 1))


def _line(number: str, state: str, before: int, after: int) -> tuple[str, ...]:
    share = f"{after / before:.0%}" if before else ""
    return number, state, f"{before:,}", f"{after:,}", share
