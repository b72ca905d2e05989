"""The eight orientations that coordinates can have relative to an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.names import match_names
from napari_unetpick.io.picks import Picks, PickSet

STEPS = ("swap-xy", "flip-y", "flip-x")
TURNS = {
    "flip-y+flip-x": "rotated by 180 degrees",
    "swap-xy+flip-y": "rotated by 90 degrees",
    "swap-xy+flip-x": "rotated by 90 degrees",
    "swap-xy+flip-y+flip-x": "mirrored at the other diagonal",
    "flip-y": "mirrored top to bottom",
    "flip-x": "mirrored left to right",
    "swap-xy": "with x and y swapped",
}


@dataclass(frozen=True)
class Orientation:
    """A change of orientation: x and y are swapped first, then rows and columns are mirrored.

    Parameters
    ----------
    swap_xy
        (row, col) becomes (col, row).
    flip_y, flip_x
        Row r becomes height - 1 - r, column c becomes width - 1 - c, in pixels of the micrograph.
    """

    swap_xy: bool = False
    flip_y: bool = False
    flip_x: bool = False

    def __str__(self) -> str:
        chosen = zip(STEPS, (self.swap_xy, self.flip_y, self.flip_x), strict=True)
        return "+".join(step for step, used in chosen if used) or "none"

    @property
    def words(self) -> str:
        """What it does, for a sentence: "mirrored top to bottom"."""
        return TURNS.get(str(self), "unchanged")

    def apply(self, coords: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
        """Return (N, 2) places (row, col) in an image of `shape` (rows, cols)."""
        new = coords[:, ::-1].copy() if self.swap_xy else coords.copy()
        for axis, flip in enumerate((self.flip_y, self.flip_x)):
            if flip:
                new[:, axis] = shape[axis] - 1 - new[:, axis]
        return new

    def turn(self, picks: Picks, shape: tuple[int, int]) -> Picks:
        """Return picks with places and in-plane angles changed."""
        angles = picks.angles
        if angles is not None:
            angles = 90 - angles if self.swap_xy else angles
            angles = -angles if self.flip_y else angles
            angles = 180 - angles if self.flip_x else angles
        return replace(picks, coords=self.apply(picks.coords, shape), angles=angles)


AS_READ = Orientation()
ORIENTATIONS = tuple(
    Orientation(swap, rows, cols)
    for swap in (False, True)
    for rows in (False, True)
    for cols in (False, True)
)
"""All eight; the first changes nothing."""


def read_orientation(text: str) -> Orientation:
    """Read `flip-y`, `swap-xy+flip-x` and so on.

    Raises
    ------
    InputError
        A step is unknown or given twice.
    """
    steps = [step.strip().lower() for step in text.split("+")]
    if steps == ["none"]:
        return AS_READ
    if len({*steps}) < len(steps) or not {*steps} <= {*STEPS}:
        raise InputError(
            f"--orientation {text}: give {', '.join(STEPS)}, or several joined by + "
            "(x and y are swapped first)"
        )
    return Orientation(*(step in steps for step in STEPS))


def turn_picks(
    picks: PickSet, orientation: Orientation, shapes: Mapping[str, tuple[int, int]]
) -> PickSet:
    """Return picks in another orientation; `shapes` are (rows, cols) by micrograph name or key.

    Raises
    ------
    InputError
        Rows or columns are to be mirrored, and the size of a micrograph with picks is unknown.
    """
    if orientation == AS_READ:
        return picks
    own = match_names(picks, shapes).pairs
    turned = PickSet(messages=picks.messages, source=picks.source)
    missing = []
    for name, each in picks.items():
        shape = shapes[own[name]] if name in own else None
        if shape is None and len(each) and (orientation.flip_y or orientation.flip_x):
            missing.append(name)
        else:
            turned[name] = orientation.turn(each, shape or (0, 0))
    if missing and len(missing) == sum(map(bool, map(len, picks.values()))):
        raise InputError(
            f"--orientation {orientation} needs the image size of {missing[0]}",
            "give --micrographs that can be opened",
            viewer="open its micrograph first",
        )
    if missing:
        turned.messages.append(
            f"picks of {len(missing):,} micrographs without a known image size (such as "
            f"{missing[0]}) skipped: {orientation} needs it"
        )
    return turned
