"""Picks find their micrographs: matched by name, and dropped outside the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.names import BINNED, base_name, match_names, micrograph_key
from napari_unetpick.io.picks import Picks, PickSet, join_picks, tell_count


def assign_picks(
    picks: Mapping[str, Picks],
    micrographs: Sequence[Micrograph],
    shapes: Mapping[str, tuple[int, int]] | None = None,
) -> PickSet:
    """Match picks to micrographs by name and drop those outside the image.

    Parameters
    ----------
    picks
        As `read_picks` returns them. A micrograph named without picks keeps its empty entry.
    micrographs
        The micrographs that are asked for.
    shapes
        (rows, columns) by micrograph name or key; without one, nothing is checked there.

    Returns
    -------
    The picks by micrograph key; their `micrograph` is the micrograph's own name.

    Raises
    ------
    InputError
        No name matches, or every pick lies outside its image.
    """
    return drop_outside(match_picks(picks, micrographs), shapes or {})


def match_picks(picks: Mapping[str, Picks], micrographs: Sequence[Micrograph]) -> PickSet:
    """Match picks to micrographs by name alone; otherwise as `assign_picks`."""
    match = match_names(picks, [m.name for m in micrographs])
    if picks and not match.pairs:
        raise InputError(_say_strangers(picks, micrographs))
    source = getattr(picks, "source", "")
    assigned = PickSet(messages=getattr(picks, "messages", ()), source=source)
    if count := sum(len(picks[name]) for name in match.unmatched):
        assigned.messages.append(
            f"{tell_count(count, 'pick')} of "
            f"{tell_count(len(match.unmatched), 'micrograph')} not given: skipped (such as "
            f"{match.unmatched[0]})"
        )
    binned = [name for name, own in match.pairs.items() if _is_binned(name, own) and picks[name]]
    if binned:
        assigned.messages.append(
            f"picks of {binned[0]} are read as pixels of {match.pairs[binned[0]]}; if they are "
            "pixels of a binned image, give --scale"
        )
    together: dict[str, list[Picks]] = {}
    for name, micrograph in match.pairs.items():
        together.setdefault(micrograph, []).append(picks[name])
    for name, parts in together.items():
        assigned[micrograph_key(name)] = join_picks(name, parts)
    return assigned


def drop_outside(picks: PickSet, shapes: Mapping[str, tuple[int, int]]) -> PickSet:
    """Drop picks outside their image; `shapes` are (rows, columns) by micrograph name or key.

    Raises
    ------
    InputError
        Every pick lies outside.
    """
    sizes = {micrograph_key(name): shape for name, shape in shapes.items()}
    assigned = PickSet(messages=picks.messages, source=picks.source)
    outside = 0
    for key, each in picks.items():
        inside = _inside(each, sizes[key]) if key in sizes else np.ones(len(each), np.bool_)
        outside += int(len(each) - inside.sum())
        assigned[key] = each.select(inside)
    _tell_outside(outside, assigned)
    return assigned


def _is_binned(name: str, micrograph: str) -> bool:
    """Tell whether picks are named by a binned image and their micrograph is not."""
    return bool(BINNED.search(base_name(name))) and not BINNED.search(base_name(micrograph))


def _say_strangers(picks: Mapping[str, Picks], micrographs: Sequence[Micrograph]) -> str:
    """Say of picks that belong to no micrograph what they are, and what was given."""
    source = getattr(picks, "source", "") or "the picks"
    count, named = sum(map(len, picks.values())), tell_count(len(picks), "micrograph")
    given = f"the {tell_count(len(micrographs), 'micrograph')} given"
    if micrographs:
        given += f" (such as {micrographs[0].name})"
    if not count:
        return f"{source}: has no picks (0 rows), and is not called like any of {given}"
    return (
        f"{source}: has {tell_count(count, 'pick')} of {named} (such as {next(iter(picks))}), and "
        f"none of {given}; names must agree except for folder and extension"
    )


def _inside(picks: Picks, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Tell which centres lie on the image: pixel 0 reaches from -0.5 to 0.5."""
    inside = (picks.coords >= -0.5) & (picks.coords < np.asarray(shape) - 0.5)
    return np.asarray(inside.all(axis=1))


def _tell_outside(outside: int, assigned: PickSet) -> None:
    kept = sum(map(len, assigned.values()))
    if outside and not kept:
        raise InputError(
            f"{assigned.source}{': ' if assigned.source else ''}every pick ({outside:,}) lies "
            "outside its micrograph",
            "are x and y swapped, or do the picks belong to another pixel size or binning?",
        )
    if outside:
        assigned.messages.append(
            f"{outside:,} of {outside + kept:,} picks lie outside their micrographs: skipped"
        )
