"""Keys that were renamed or dropped since a version wrote them: settings, calibrations, records.

Recipes, config.toml, models' cards and ablation records outlive a version. Whoever renames or drops
a key adds it here, and what was written before still loads.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Literal

Kind = Literal["settings", "calibration", "record"]

RENAMED: dict[Kind, dict[str, str]] = {"settings": {}, "calibration": {}, "record": {}}
"""Old name to new name; of settings with their section, such as "train.epochs"."""

DROPPED: dict[Kind, dict[str, Any]] = {
    "settings": {"train.snapshots": False},
    "calibration": {},
    "record": {},
}
"""Name, as above, and the value it had where nobody chose one: keys of ablation records hold it."""


def carry_over(table: dict[str, Any], kind: Kind) -> dict[str, Any]:
    """Return a table of an older version with today's keys; what is none of these stays.

    Parameters
    ----------
    table
        Nested as it was written; it is left as it is.
    """
    carried = deepcopy(table)
    for name in DROPPED[kind]:
        _take(carried, name)
    for old, new in RENAMED[kind].items():
        for value in _take(carried, old):
            _section(carried, new, make=True).setdefault(new.rpartition(".")[2], value)
    return carried


def _take(table: dict[str, Any], name: str) -> list[Any]:
    """Remove a key; return [its value], or [] where it is not."""
    section, key = _section(table, name), name.rpartition(".")[2]
    return [section.pop(key)] if key in section else []


def _section(table: dict[str, Any], name: str, make: bool = False) -> dict[str, Any]:
    """Return the table that a dotted name's key is in; an empty one where there is none."""
    section = name.rpartition(".")[0]
    if not section:
        return table
    found = table.setdefault(section, {}) if make else table.get(section)
    return found if isinstance(found, dict) else {}
