"""What another picking changed: how many picks of each class are picked again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.classes.table import Classes
from napari_unetpick.errors import InputError
from napari_unetpick.io.names import match_names
from napari_unetpick.io.picks import Picks
from napari_unetpick.picking.scale import SAME_PARTICLE


@dataclass(frozen=True)
class Change:
    """Picks before and after, of one class or of none (number 0)."""

    number: int
    rejected: bool
    before: int
    after: int


def changes(
    found: Classes, before: Mapping[str, Picks] | None, after: Mapping[str, Picks]
) -> list[Change]:
    """Count by class how many of its picks have one within half a diameter in another picking.

    Parameters
    ----------
    found
        The classes.
    before, after
        All picks by micrograph name, of which the sorted ones may be a part; `before` may be None.
        Those near no sorted pick are counted last, with the number 0.

    Raises
    ------
    InputError
        The diameter is not known, or the picks are of other micrographs.
    """
    if not np.isfinite(found.diameters).all():
        raise InputError("the diameter of the sorted picks is not known", "give --diameter (A)")
    again, strangers = _compare(found, after)
    _, others = (None, 0) if before is None else _compare(found, before)
    rows = [
        Change(
            number,
            number in found.rejected,
            int((found.numbers == number).sum()),
            int(again[found.numbers == number].sum()),
        )
        for number in range(1, found.count + 1)
    ]
    return [*rows, Change(0, False, others, strangers)]


def _compare(found: Classes, picks: Mapping[str, Picks]) -> tuple[NDArray[np.bool_], int]:
    """Return which sorted picks are picked again, (N,), and how many picks are near none."""
    from scipy.spatial import cKDTree

    names = list(dict.fromkeys(found.micrographs.tolist()))
    pairs = match_names(picks, names).pairs
    if not pairs:
        source = getattr(picks, "source", "") or "the picks"
        raise InputError(f"{source}: has no picks of the micrographs that were sorted")
    again = np.zeros(len(found), bool)
    strangers = 0
    for name, own in pairs.items():
        rows = np.flatnonzero(found.micrographs == own)
        reach = SAME_PARTICLE * found.diameters[rows].max()
        coords = picks[name].coords
        if len(coords):
            centres = found.coords[rows] + found.shifts[rows]
            again[rows] = cKDTree(coords).query(centres)[0] <= reach
            strangers += int((cKDTree(centres).query(coords)[0] > reach).sum())
    return again, strangers
