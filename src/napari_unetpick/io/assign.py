"""Picks find their micrographs: matched by name, and dropped outside the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.names import match_names, micrograph_key
from napari_unetpick.io.picks import Picks, join_picks, tell_count


@dataclass(frozen=True)
class AssignedPicks:
    """Picks that found their micrographs.

    Parameters
    ----------
    picks
        By micrograph key; their `micrograph` is the micrograph's own name.
    unmatched_names
        Names in the picks that no given micrograph has.
    outside
        How many picks lay outside their image and were dropped.
    messages
        Messages for the user, one line each.
    """

    picks: dict[str, Picks]
    unmatched_names: list[str] = field(default_factory=list)
    outside: int = 0
    messages: list[str] = field(default_factory=list)


def assign_picks(
    picks: Mapping[str, Picks],
    micrographs: Sequence[Micrograph],
    shapes: Mapping[str, tuple[int, int]] | None = None,
) -> AssignedPicks:
    """Match picks to micrographs by name and drop those outside the image.

    Parameters
    ----------
    picks
        As `read_picks` returns them. A micrograph named without picks keeps its empty entry.
    micrographs
        The micrographs that are asked for.
    shapes
        (rows, columns) by micrograph name or key; without one, nothing is checked there.

    Raises
    ------
    InputError
        No name matches, or every pick lies outside its image.
    """
    match = match_names(picks, [m.name for m in micrographs])
    if picks and not match.pairs:
        raise InputError(
            f"none of the {len(picks)} micrographs named in the picks (such as "
            f"{next(iter(picks))}) is among the {len(micrographs)} given (such as "
            f"{micrographs[0].name if micrographs else 'none'}); names must agree except "
            "for folder and extension"
        )
    messages = list(getattr(picks, "messages", ()))
    if match.unmatched:
        count = sum(len(picks[name]) for name in match.unmatched)
        messages.append(
            f"{tell_count(count, 'pick')} of "
            f"{tell_count(len(match.unmatched), 'micrograph')} not given: skipped (such as "
            f"{match.unmatched[0]})"
        )
    together: dict[str, list[Picks]] = {}
    for name, micrograph in match.pairs.items():
        together.setdefault(micrograph, []).append(picks[name])
    sizes = {micrograph_key(name): shape for name, shape in (shapes or {}).items()}
    assigned: dict[str, Picks] = {}
    outside = 0
    for name, parts in together.items():
        key = micrograph_key(name)
        joined = join_picks(name, parts)
        inside = _inside(joined, sizes[key]) if key in sizes else np.ones(len(joined), np.bool_)
        outside += int(len(joined) - inside.sum())
        assigned[key] = joined.select(inside)
    _tell_outside(outside, sum(map(len, assigned.values())), messages)
    return AssignedPicks(assigned, match.unmatched, outside, messages)


def _inside(picks: Picks, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Tell which centres lie on the image: pixel 0 reaches from -0.5 to 0.5."""
    inside = (picks.coords >= -0.5) & (picks.coords < np.asarray(shape) - 0.5)
    return np.asarray(inside.all(axis=1))


def _tell_outside(outside: int, kept: int, messages: list[str]) -> None:
    if outside and not kept:
        raise InputError(
            f"every pick ({outside:,}) lies outside its micrograph; are x and y swapped, or do the "
            "picks belong to another pixel size or binning?"
        )
    if outside:
        messages.append(
            f"{outside:,} of {outside + kept:,} picks lie outside their micrographs: skipped"
        )
