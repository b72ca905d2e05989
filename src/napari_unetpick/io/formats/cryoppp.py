"""CryoPPP ground truth: `X-Coordinate,Y-Coordinate,Diameter`, a micrograph a file, upside down."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_unetpick.errors import InputError
from napari_unetpick.io.names import match_names
from napari_unetpick.io.picks import Picks, PickSet, ReadOptions
from napari_unetpick.io.star import read_text
from napari_unetpick.io.text import parse_numbers

COLUMNS = ("x-coordinate", "y-coordinate")


def read_cryoppp(path: Path, options: ReadOptions) -> PickSet:
    """Read one micrograph's truth: row = H - 1 - y, H the height of the micrograph.

    The height comes from `options.image_shapes`, or from the micrograph itself where it lies in
    CryoPPP's own folders (`<id>/micrographs` beside `<id>/ground_truth/particle_coordinates`).
    Names match as elsewhere, whatever their suffixes.

    Raises
    ------
    InputError
        The height is unknown, or a column is missing.
    """
    rows = _rows(read_text(path))
    header = [cell.strip().lower() for cell in rows[0]]
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise InputError(f"{path}: no column {' and '.join(missing)} (it has: {', '.join(header)})")
    wanted = [*COLUMNS, *(["diameter"] if "diameter" in header else [])]
    width = max(header.index(name) for name in wanted)
    if any(len(row) <= width for row in rows[1:]):
        raise InputError(f"{path}: a row has too few values; the file may be cut short")
    numbers = {
        name: parse_numbers(
            [row[header.index(name)].strip() for row in rows[1:]],
            name,
            path,
            missing=name not in COLUMNS,
        )
        for name in wanted
    }
    height = _height(path, options)
    coords = np.column_stack([height - 1 - numbers[COLUMNS[1]], numbers[COLUMNS[0]]])
    return PickSet([Picks(path.stem, coords, None, numbers.get("diameter")).made_by("CryoPPP")])


def _rows(text: str) -> list[list[str]]:
    """Split into cells; in some sets whole rows stand in quotes and are split again."""
    rows = []
    for row in csv.reader(io.StringIO(text)):
        cells = next(csv.reader(row), []) if len(row) == 1 else row
        if any(map(str.strip, cells)):
            rows.append(cells)
    return rows


def _height(path: Path, options: ReadOptions) -> int:
    shape = options.shape_of(path.stem)
    if shape is not None:
        return shape[0]
    from napari_unetpick.io.images.image import read_micrograph
    from napari_unetpick.io.images.listing import FOLDER_EXTENSIONS

    folder = path.absolute().parent.parent.parent / "micrographs"
    images = {
        each.name for each in folder.glob("*") if each.name.lower().endswith(FOLDER_EXTENSIONS)
    }
    own = match_names([path.stem], sorted(images, reverse=True)).pairs.get(path.stem)
    if own is not None:
        return int(read_micrograph(folder / own).data.shape[0])
    lacking = (
        "none of the given micrographs that can be opened has its name"
        if options.image_shapes
        else "give the micrographs, too"
    )
    raise InputError(
        f"{path}: CryoPPP counts rows from the last one, so the micrograph's height is "
        f"needed; {lacking}"
    )


def flip_rows(picks: Picks, height: int) -> Picks:
    """Return the picks of the mirrored image: row r becomes height - 1 - r."""
    coords = picks.coords.copy()
    coords[:, 0] = height - 1 - coords[:, 0]
    return replace(picks, coords=coords)
