"""crYOLO .cbox 1.0: a STAR file of corners, box sizes, estimated sizes and confidences."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.picks import Picks, PickSet, ReadOptions
from napari_unetpick.io.star import Block, format_loop, read_star

LABELS = (
    "CoordinateX", "CoordinateY", "CoordinateZ", "Width", "Height", "Depth", "EstWidth",
    "EstHeight", "Confidence", "NumBoxes", "Angle",
)  # fmt: skip
FILAMENT = "filamentid"
NOT_AVAILABLE = "<NA>"


def read_cbox(path: Path, options: ReadOptions | None = None) -> PickSet:
    """Read one micrograph's picks; the centre is the corner plus half the box.

    The diameter is the mean of the estimated width and height, where crYOLO gives them; a filament
    is its boxes' track.

    Raises
    ------
    InputError
        There is no `data_cryolo` table, or it comes from a tomogram.
    """
    table = next((block for block in read_star(path) if block.name == "cryolo"), None)
    if table is None:
        raise InputError(
            f"{path}: is not a crYOLO .cbox 1.0 (no data_cryolo table); is it from an older "
            "version?"
        )
    depth, slices = _optional(table, "Depth"), _optional(table, "CoordinateZ")
    if (depth is not None and (depth > 1).any()) or (
        slices is not None and len(np.unique(slices)) > 1
    ):
        raise InputError(f"{path}: has boxes of a tomogram, not of a micrograph")
    width, height = table.numbers("Width"), table.numbers("Height")
    x, y = table.numbers("CoordinateX"), table.numbers("CoordinateY")
    estimates = [_optional(table, label) for label in ("EstWidth", "EstHeight")]
    both = [e for e in estimates if e is not None]
    diameters = np.mean(both, axis=0) if len(both) == 2 else None
    coords = np.column_stack([y + height / 2, x + width / 2])
    picks = Picks(path.stem, coords, _optional(table, "Confidence"), diameters)
    if FILAMENT in table:
        picks = replace(picks, tracks=table.numbers(FILAMENT).astype(np.int64))
    return PickSet([picks.made_by("crYOLO")])


def write_cbox(path: Path, picks: Picks, box_size: int) -> None:
    """Write one micrograph's picks; corners keep their fractions, picks without score get 1.

    The estimated size is the diameter where that is known, never the box: it is the particle's.
    """
    unknown = np.full(len(picks), np.nan)
    scores = np.nan_to_num(unknown if picks.scores is None else picks.scores, nan=1.0)
    diameters = unknown if picks.diameters is None else picks.diameters
    sizes = [NOT_AVAILABLE if np.isnan(each) else f"{each:.2f}" for each in diameters.tolist()]
    corners = picks.coords - box_size / 2
    head = "data_global\n\n_cbox_format_version 1.0\n\n"
    rows = (
        f"{x:.4f} {y:.4f} <NA> {box_size} {box_size} <NA> {d} {d} {s:.6f} <NA> <NA>"
        for (y, x), d, s in zip(corners.tolist(), sizes, scores.tolist(), strict=True)
    )
    table = format_loop("cryolo", LABELS, rows)
    include = format_loop("cryolo_include", ("slice_index",), ())
    write_text(path, f"{head}{table}\n{include}")


def _optional(table: Block, label: str) -> NDArray[np.float64] | None:
    """Return a column as numbers, NaN where not available, or None where that is so throughout."""
    found = table.numbers(label, missing=NOT_AVAILABLE) if label in table else np.empty(0)
    return None if np.isnan(found).all() else found
