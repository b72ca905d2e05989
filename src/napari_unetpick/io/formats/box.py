"""EMAN .box: `x y width height [score]` of each particle, the corner with the smallest x and y."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.picks import Picks, PickSet, ReadOptions, tell_count
from napari_unetpick.io.star import read_text
from napari_unetpick.io.text import parse_numbers

EMAN_FLAGS = (-3.0, -1.0, 0.0)
"""What EMAN1 keeps in the fifth column: kinds of boxes, not scores."""


def read_box(path: Path, options: ReadOptions | None = None) -> PickSet:
    """Read one micrograph's picks; the centre is the corner plus half the box.

    Raises
    ------
    InputError
        A row has fewer than four numbers.
    """
    text = read_text(path) if path.read_bytes().strip() else ""  # EMAN's micrograph without picks
    rows = [line.split() for line in text.splitlines() if line.strip() and line.strip()[0] != "#"]
    for number, row in enumerate(rows, 1):
        if len(row) < 4:
            raise InputError(
                f"{path}: row {number} has {tell_count(len(row), 'value')}; x, y, width and height "
                "are needed"
            )
    x, y, width, height = (
        parse_numbers([row[i] for row in rows], label, path)
        for i, label in enumerate(("x", "y", "width", "height"))
    )
    scores = None
    if rows and all(len(row) >= 5 for row in rows):
        fifth = parse_numbers([row[4] for row in rows], "score", path)
        scores = None if np.isin(fifth, EMAN_FLAGS).all() else fifth
    coords = np.column_stack([y + height / 2, x + width / 2])
    return PickSet([Picks(path.stem, coords, scores)])


def write_box(path: Path, picks: Picks, box_size: int) -> None:
    """Write integer corners and an even box, so that RELION finds the centre x + width/2.

    RELION reads four integers and cuts fractions off; centres end up within half a pixel. A centre
    at column 100.4 with a box of 64 is written as 68, and read again as 68 + 32 = 100.

    Raises
    ------
    InputError
        The box is odd, or not positive.
    """
    if box_size < 2 or box_size % 2:
        raise InputError(f"a box size of {box_size} px is not possible; give an even number")
    corners = np.rint(picks.coords - box_size / 2).astype(np.int64).tolist()
    rows = (f"{x}\t{y}\t{box_size}\t{box_size}\n" for y, x in corners)
    write_text(path, "".join(rows))
