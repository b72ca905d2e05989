"""Which micrographs lie out of bounds in usable area, picks, CTF fit or defocus; no Qt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from napari_unetpick.io.picks import tell_count
from napari_unetpick.project.project import Entry
from napari_unetpick.widgets.micrographs.row_scores import Summary
from napari_unetpick.widgets.micrographs.sorting import FROM_CANDIDATES, sort_value


@dataclass(frozen=True)
class Quantity:
    """What a micrograph can be rejected for.

    Parameters
    ----------
    column
        Of the list, whose value counts.
    unit
        Of that value, in units of the list's own.
    suffix, decimals, step, most, start
        Of the limit's field: its unit, digits and steps, its highest value and its first one.
    below
        Whether it is usually low values that are rejected.
    """

    column: str
    unit: float
    suffix: str
    decimals: int
    step: float
    most: float
    start: float
    below: bool = True


QUANTITIES = {
    "Usable area": Quantity("usable", 0.01, " %", 0, 5, 100, 50),
    "Found": Quantity("found", 1, "", 0, 1, 1_000_000, 10),
    "Score": Quantity("score", 1, "", 2, 0.05, 1, 0.5),
    "CTF fit": Quantity("ctf", 1, " \u00c5", 1, 0.5, 100, 6, below=False),
    "Defocus": Quantity("defocus", 1e4, " \u00b5m", 2, 0.1, 100, 3, below=False),
}


@dataclass(frozen=True)
class OutOfBounds:
    """Micrographs that are kept so far: those out of bounds, and how many others there are.

    Parameters
    ----------
    keys
        Of those that would be rejected.
    kept
        Number of kept micrographs, these included.
    unknown
        How many of them have no such value, and stay.
    """

    keys: tuple[str, ...]
    kept: int
    unknown: int

    def __str__(self) -> str:
        if not self.kept:
            return ""
        text = f"{len(self.keys):,} of {tell_count(self.kept, 'micrograph')} would be rejected."
        if self.unknown:
            text += f" {self.unknown:,} without a value {'stay' if self.unknown > 1 else 'stays'}."
        return text


def out_of_bounds(
    entries: Mapping[str, Entry],
    quantity: Quantity,
    limit: float,
    summary: Callable[[str], Summary | None],
    *,
    below: bool,
) -> OutOfBounds:
    """Find the kept micrographs whose value lies below (or above) a limit.

    Parameters
    ----------
    limit
        In units of the quantity; what equals it is within bounds.
    """
    kept = {key: entry for key, entry in entries.items() if entry.kept}
    values = {key: sort_value(quantity.column, key, each, summary) for key, each in kept.items()}
    known = {key: each / quantity.unit for key, each in values.items() if each is not None}
    out = [key for key, value in known.items() if (value < limit if below else value > limit)]
    return OutOfBounds(tuple(out), len(kept), len(kept) - len(known))


def needs_candidates(quantity: Quantity) -> bool:
    """Tell whether the value comes from a micrograph's candidates."""
    return quantity.column in FROM_CANDIDATES
