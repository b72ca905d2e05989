"""Which micrographs a list shows, and in which order; no Qt."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from napari_unetpick.io.picks import tell_count
from napari_unetpick.project.project import Entry
from napari_unetpick.widgets.micrographs.row_scores import Summary

STATE_WORDS = {"none": "unlabelled", "partial": "partly", "full": "fully"}
SPLIT_WORDS = {"": "automatic", "train": "training", "validation": "validation", "test": "test"}
COLUMNS = ("name", "state", "picks", "found", "score", "usable", "split", "defocus", "ctf")
FROM_CANDIDATES = {"found": "count", "score": "median", "usable": "usable"}
"""Columns that a micrograph's candidates fill, each with the part of their summary."""

KINDS: dict[str, Callable[[Entry], bool]] = {
    "All": lambda entry: True,
    "Kept": lambda entry: entry.kept,
    "Rejected": lambda entry: not entry.kept,
    "With picks": lambda entry: entry.picks > 0,
    "Without picks": lambda entry: entry.picks == 0,
    "Unlabelled": lambda entry: entry.state == "none",
    "Partly labelled": lambda entry: entry.state == "partial",
    "Fully labelled": lambda entry: entry.state == "full",
    "Training": lambda entry: entry.split == "train",
    "Validation": lambda entry: entry.split == "validation",
    "Test": lambda entry: entry.split == "test",
}
"""Filters of the list, by their name in the menu."""

STATE_ORDER = {"none": 0, "partial": 1, "full": 2}
SPLIT_ORDER = {"": 0, "train": 1, "validation": 2, "test": 3}


BREAKS = "_-. "  # parts of a name end here
WORTH_CUTTING = 8  # letters


@dataclass(frozen=True)
class Wanted:
    """How the list is filtered and sorted.

    Parameters
    ----------
    text
        Part of the name; upper and lower case are one.
    kind
        One of `KINDS`.
    column
        One of `COLUMNS`, or None: as the project lists them.
    descending
        Largest first; unknown values come last in either direction.
    """

    text: str = ""
    kind: str = "All"
    column: str | None = None
    descending: bool = False

    def holds(self, key: str, entry: Entry) -> bool:
        """Tell whether a micrograph is listed."""
        return self.text.casefold() in key.casefold() and KINDS[self.kind](entry)


def arrange(
    entries: Mapping[str, Entry],
    wanted: Wanted,
    always: str = "",
    summary: Callable[[str], Summary | None] = lambda key: None,
) -> list[str]:
    """Return the keys to list, in order.

    Parameters
    ----------
    always
        The key that is listed in any case: the current micrograph must not vanish while it is
        worked on.
    summary
        What is known of a micrograph's candidates.
    """
    keys = [key for key, entry in entries.items() if key == always or wanted.holds(key, entry)]
    if wanted.column is None:
        return keys
    values = {key: sort_value(wanted.column, key, entries[key], summary) for key in keys}
    known = [key for key in keys if values[key] is not None]
    known.sort(key=values.__getitem__, reverse=wanted.descending)
    return known + [key for key in keys if values[key] is None]


def sort_value(
    column: str, key: str, entry: Entry, summary: Callable[[str], Summary | None]
) -> Any:
    """Return what a micrograph is sorted by, or None where that is unknown."""
    if column == "name":
        return natural(key)
    if column in FROM_CANDIDATES:
        return getattr(summary(key), FROM_CANDIDATES[column], None)
    return {
        "state": STATE_ORDER[entry.state],
        "picks": entry.picks,
        "split": SPLIT_ORDER[entry.split],
        "defocus": entry.micrograph.defocus,
        "ctf": entry.micrograph.ctf_resolution,
    }[column]


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return a key that puts `mic_9` before `mic_10`."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def shared_ends(names: Collection[str]) -> tuple[int, int]:
    """Return how many letters all names share at their beginning and end, in whole parts.

    `Hole_07_Data_avg`, `Hole_12_Data_avg` -> (5, 9): `Hole_` and `_Data_avg`. A name is often
    longer than the list is wide, and what tells it from others lies between these: to elide it by
    its width, as Qt and superqt do, would cut just that.
    """
    if len(names) < 2:
        return 0, 0
    head = _shared_start(names)
    tail = _shared_start([name[::-1] for name in names])
    start = max((head.rfind(mark) + 1 for mark in BREAKS), default=0)
    end = max((tail.rfind(mark) + 1 for mark in BREAKS), default=0)
    shortest = min(map(len, names))
    if start + end >= shortest:
        return 0, 0
    return start, end


def _shared_start(names: Collection[str]) -> str:
    first, last = min(names), max(names)  # what these two share all others do
    for place, letter in enumerate(first):
        if last[place : place + 1] != letter:
            return first[:place]
    return first


def short_name(name: str, start: int, end: int) -> str:
    """Return a name without what it shares with all others: `\u202607\u2026`."""
    if start + end < WORTH_CUTTING or start + end >= len(name):
        return name
    middle = name[start : len(name) - end]
    return ("\u2026" if start else "") + middle + ("\u2026" if end else "")


def cell_text(column: str, key: str, entry: Entry, summary: Summary | None) -> str:
    """Return what stands in a cell; "" where nothing is known."""
    micrograph = entry.micrograph
    if column == "name":
        return key
    if column == "state":
        return "" if entry.state == "none" else STATE_WORDS[entry.state]
    if column == "split":
        return SPLIT_WORDS[entry.split] if entry.split else ""
    if column == "picks":
        return f"{entry.picks:,}" if entry.picks else ""
    if column == "defocus":
        return "" if micrograph.defocus is None else f"{micrograph.defocus / 1e4:.2f}"
    if column == "ctf":
        return "" if micrograph.ctf_resolution is None else f"{micrograph.ctf_resolution:.1f}"
    if summary is None:
        return ""
    if column == "found":
        return f"{summary.count:,}"
    if column == "usable":
        return "" if summary.usable is None else f"{summary.usable:.0%}"
    return "" if summary.median is None else f"{summary.median:.2f}"


def used_columns(entries: Mapping[str, Entry], *, usable: bool = False) -> set[str]:
    """Return the columns that say something; those that few projects have are left out.

    `usable`: whether the usable area of any micrograph is known. Its column takes the room of the
    labels and picks while there are none.
    """
    every = entries.values()
    asked: dict[str, Callable[[Entry], object]] = {
        "split": lambda entry: entry.split,
        "defocus": lambda entry: entry.micrograph.defocus is not None,
        "ctf": lambda entry: entry.micrograph.ctf_resolution is not None,
    }
    if usable:
        asked |= {"state": lambda entry: entry.state != "none", "picks": lambda entry: entry.picks}
    else:
        asked["usable"] = lambda entry: False
    return {name for name in COLUMNS if name not in asked or any(map(asked[name], every))}


def count_line(entries: Mapping[str, Entry], shown: int) -> str:
    """Return the line below the list: number of micrographs and picks."""
    total = len(entries)
    if not total:
        return "No micrographs yet. Press Open, or type a pattern."
    picks = sum(entry.picks for entry in entries.values())
    picked = sum(entry.picks > 0 for entry in entries.values())
    rejected = sum(not entry.kept for entry in entries.values())
    listed = f"{total:,}" if shown == total else f"{shown:,} of {total:,}"
    text = f"{listed} micrograph{'' if total == 1 else 's'}, {tell_count(picks, 'pick')}"
    text += f" on {picked:,}" if picks else ""
    return text + (f", {rejected:,} rejected" if rejected else "")
