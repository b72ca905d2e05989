"""Picks as CSV: `micrograph,x,y[,score][,diameter]...`; x = column, y = row, pixels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.names import base_name, refuse_one_name
from napari_unetpick.io.picks import Picks, PickSet, ReadOptions
from napari_unetpick.io.text import escape, parse_numbers, read_table, refuse_depth

NEEDED = ("micrograph", "x", "y")
NAPARI = {"axis-0": "y", "axis-1": "x"}
"""The columns of a points layer that napari saved: a file a micrograph, which it is named after."""
OPTIONAL = {
    "uncertainty": ("uncertainties", 6),
    "kind": ("kinds", None),
    "angle": ("angles", 3),
    "track": ("tracks", 0),
}
"""Columns that are written where any pick has them: the column of `Picks`, and its digits."""


def read_csv(path: Path, options: ReadOptions | None = None) -> PickSet:
    """Read picks; a row with a name but neither x nor y names a micrograph without picks.

    An empty score or diameter is unknown: NaN. The points of napari, (row, column) in pixels of
    their layer, are those of the micrograph that the file is named after.

    Raises
    ------
    InputError
        A column is missing, a value is not a number (with its line), or points have three axes.
    """
    columns = read_table(path, NEEDED, tuple(NAPARI))
    if NAPARI.keys() <= columns.keys():
        columns = _napari_points(columns, path)
    refuse_depth(columns, "z", path)
    names = columns["micrograph"]
    filled = [bool(x or y) for x, y in zip(columns["x"], columns["y"], strict=True)]
    if not all(filled):
        named = list(dict.fromkeys(names))
        columns = {k: [v for v, f in zip(c, filled, strict=True) if f] for k, c in columns.items()}
        names = columns["micrograph"]
    else:
        named = []
    numbers: dict[str, NDArray[np.float64]] = {
        label: parse_numbers(columns[label], label, path, missing=label not in NEEDED)
        for label in ("x", "y", "score", "diameter")
        if label in columns
    }
    for label in ("uncertainty", "angle", "track"):
        with suppress(InputError):  # whatever others call so is not what picks need
            if label in columns:
                numbers[label] = parse_numbers(columns[label], label, path, missing=True)
    found = group_rows(names, numbers, kinds=columns.get("kind"))
    with_picks = {each.micrograph for each in found}
    return PickSet(found + [Picks(name) for name in named if name not in with_picks])


def _napari_points(columns: dict[str, list[str]], path: Path) -> dict[str, list[str]]:
    """Return the columns of a points layer with the names that picks have."""
    if "axis-2" in columns:
        raise InputError(f"{path}: has points of a stack or volume (three axes), not of an image")
    named = {NAPARI.get(name, name): values for name, values in columns.items()}
    return {**named, "micrograph": [path.stem] * len(named["x"])}


def write_csv(path: Path, picks: Iterable[Picks], *, scores: bool | None = None) -> None:
    """Write picks, most micrographs first come first; names are file names without folders.

    Parameters
    ----------
    path
        The CSV file, replaced whole.
    picks
        One entry a micrograph.
    scores
        Whether there is a score column; None: where any pick has one. Unknown scores (None, NaN)
        stay empty, as unknown diameters do.

    Raises
    ------
    InputError
        Two micrographs have one name in different folders.
    """
    each = list(picks)
    refuse_one_name(one.micrograph for one in each)
    with_scores = any(p.scores is not None for p in each) if scores is None else scores
    with_diameters = any(p.diameters is not None for p in each)
    present = {name for p in each for name in p.columns()}
    more = {label: field for label, field in OPTIONAL.items() if field[0] in present}
    header = "micrograph,x,y" + ",score" * with_scores + ",diameter" * with_diameters
    parts = [header + "".join(f",{label}" for label in more)]
    for one in each:
        columns: list[list[Any]] = [one.coords[:, 1].tolist(), one.coords[:, 0].tolist()]
        form = escape(base_name(one.micrograph)).replace("%", "%%") + ",%.3f,%.3f"
        for wanted, values, digits in (
            (with_scores, one.scores, 6),
            (with_diameters, one.diameters, 3),
            *((True, getattr(one, name), digits) for name, digits in more.values()),
        ):
            if wanted and values is None:
                form += ","
            elif wanted and digits is None:
                form += ",%s"
                columns.append([escape(str(value)) for value in values.tolist()])
            elif wanted:
                cells = values.tolist()
                whole = not np.isnan(values).any()
                form += f",%.{digits}f" if whole else ",%s"
                columns.append(
                    cells if whole else ["" if v != v else f"{v:.{digits}f}" for v in cells]
                )
        parts += map(form.__mod__, zip(*columns, strict=True))
    write_text(path, "\n".join(parts) + "\n")


COLUMN_OF = {
    "score": "scores",
    "diameter": "diameters",
    **{label: name for label, (name, _) in OPTIONAL.items() if label != "kind"},
}


def group_rows(
    names: Sequence[str],
    numbers: dict[str, NDArray[np.float64]],
    source: str = "",
    kinds: Sequence[str] | None = None,
) -> list[Picks]:
    """Group rows (x, y; other columns where given) by micrograph, in order of appearance."""
    index: dict[str, int] = {}
    codes = np.fromiter((index.setdefault(n, len(index)) for n in names), np.intp, len(names))
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(1, len(index)))
    coords = np.column_stack([numbers["y"], numbers["x"]])
    columns: dict[str, Any] = {
        COLUMN_OF[label]: values for label, values in numbers.items() if label in COLUMN_OF
    }
    if "tracks" in columns:
        columns["tracks"] = np.nan_to_num(columns["tracks"], nan=-1).astype(np.int64)
    if kinds is not None:
        columns["kinds"] = np.asarray(kinds, dtype=np.str_)
    if source:
        columns["sources"] = np.full(len(names), source)
    every = Picks("", coords, **columns)
    return [
        replace(every.select(rows), micrograph=name)
        for name, rows in zip(index, np.split(order, bounds), strict=False)
    ]
