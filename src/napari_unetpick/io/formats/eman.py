"""EMAN's picks: .box files, which hold corners, and EMAN2's info/*_info.json, which hold centres.

A .box has `x y width height [score]` of each particle, the corner with the smallest x and y.
Helices are no particles: those of their start and end points are refused, of cut ones (`#helix`
lines, each followed by the centres of its segments) the segments are read. In the JSON `boxes` are
`[x, y, "manual"]`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.picks import Picks, PickSet, ReadOptions, tell_count
from napari_unetpick.io.star import read_text
from napari_unetpick.io.text import parse_numbers

EMAN_FLAGS = (-3.0, -1.0, 0.0)
"""What EMAN1 keeps in the fifth column: kinds of boxes, not scores."""
HELIX_ENDS = (-1.0, -2.0)
"""The fifth column of e2helixboxer: where a helix starts, and where it ends."""
HELIX = "#helix"


def read_box(path: Path, options: ReadOptions | None = None) -> PickSet:
    """Read one micrograph's picks; the centre is the corner plus half the box.

    Raises
    ------
    InputError
        A row has fewer than four numbers, or the file holds ends of helices, or a tomogram's boxes.
    """
    text = read_text(path) if path.read_bytes().strip() else ""  # EMAN's micrograph without picks
    if HELIX in text:
        return _read_segments(text, path)
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
        if -2.0 in fifth and np.isin(fifth, HELIX_ENDS).all():
            raise InputError(
                f"{path}: has the start and end points of helices (flags -1 and -2), not "
                "particles; export their segments, such as crYOLO's EMAN_HELIX_SEGMENTED, or a "
                "STAR of RELION's Extract"
            )
        if (fifth == height).all() and (width != height).any():
            raise InputError(
                f"{path}: has boxes of a tomogram (x, y, z, width, height), not of a micrograph"
            )
        scores = None if np.isin(fifth, EMAN_FLAGS).all() else fifth
    coords = np.column_stack([y + height / 2, x + width / 2])
    return PickSet([Picks(path.stem, coords, scores)])


def _read_segments(text: str, path: Path) -> PickSet:
    """Read helices that were cut into segments: their centres, with the helix as the track."""
    helix, rows, tracks = -1, [], []
    for line in map(str.strip, text.splitlines()):
        helix += line.startswith(HELIX)
        if line and line[0] != "#":
            rows.append([*line.replace(",", " ").split(), ""])
            tracks.append(helix)
    x, y = (parse_numbers([row[i] for row in rows], "xy"[i], path) for i in (0, 1))
    return PickSet([Picks(path.stem, np.column_stack([y, x]), tracks=np.array(tracks, np.int64))])


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


def read_eman(path: Path, options: ReadOptions | None = None) -> PickSet:
    """Read one micrograph's picks.

    Raises
    ------
    InputError
        It is no JSON, or has no list `boxes`.
    """
    info = _load(path)
    boxes = info.get("boxes")
    if not isinstance(boxes, list):
        known = ", ".join(info) or "none"
        raise InputError(f"{path}: has no picks: no list 'boxes' (it has: {known})")
    try:
        coords = np.array([(float(box[1]), float(box[0])) for box in boxes]).reshape(-1, 2)
    except (TypeError, ValueError, IndexError, KeyError):
        raise InputError(f"{path}: an entry of 'boxes' is not [x, y, kind]") from None
    return PickSet([Picks(path.stem.removesuffix("_info") or path.stem, coords)])


def write_eman(path: Path, picks: Picks) -> None:
    """Write one micrograph's picks; what else EMAN2 keeps in that file (CTF, quality) stays."""
    info = _load(path) if path.exists() else {}
    info["boxes"] = [[round(x, 3), round(y, 3), "manual"] for y, x in picks.coords.tolist()]
    write_text(path, json.dumps(info, indent=1) + "\n")


def _load(path: Path) -> dict[str, Any]:
    try:
        info = json.loads(read_text(path))
    except ValueError as error:
        raise InputError(f"{path}: is not JSON ({error})") from None
    if not isinstance(info, dict):
        raise InputError(f"{path}: is not an EMAN2 info file")
    return info
