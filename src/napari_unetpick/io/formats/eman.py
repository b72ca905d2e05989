"""EMAN2 info/*_info.json: `boxes` are centres `[x, y, "manual"]`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.picks import Picks, PickSet, ReadOptions
from napari_unetpick.io.star import read_text


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
