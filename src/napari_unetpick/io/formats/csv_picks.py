"""Picks as CSV: `micrograph,x,y[,score][,diameter][,uncertainty]`; x = column, y = row, pixels."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.formats.star import read_text
from napari_unetpick.io.names import base_name, refuse_one_name
from napari_unetpick.io.picks import Picks, ReadOptions, ReadPicks

NEEDED = ("micrograph", "x", "y")
UNCERTAINTY = "uncertainty"


def read_csv(path: Path, options: ReadOptions | None = None) -> ReadPicks:
    """Read picks; a row with a name but neither x nor y names a micrograph without picks.

    An empty score or diameter is unknown: NaN.

    Raises
    ------
    InputError
        A column is missing, or a value is not a number (with its line).
    """
    columns = read_table(path, NEEDED)
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
    with suppress(InputError):  # whatever others call so is not what picks need
        if UNCERTAINTY in columns:
            numbers[UNCERTAINTY] = parse_numbers(
                columns[UNCERTAINTY], UNCERTAINTY, path, missing=True
            )
    found = group_rows(names, numbers)
    with_picks = {each.micrograph for each in found}
    return ReadPicks(found + [empty_picks(name) for name in named if name not in with_picks])


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
    spreads = any(p.uncertainties is not None for p in each)
    header = "micrograph,x,y" + ",score" * with_scores + ",diameter" * with_diameters
    parts = [header + f",{UNCERTAINTY}" * spreads]
    for one in each:
        columns: list[list[Any]] = [one.coords[:, 1].tolist(), one.coords[:, 0].tolist()]
        form = escape(base_name(one.micrograph)).replace("%", "%%") + ",%.3f,%.3f"
        for wanted, values, digits in (
            (with_scores, one.scores, 6),
            (with_diameters, one.diameters, 3),
            (spreads, one.uncertainties, 6),
        ):
            if wanted and values is None:
                form += ","
            elif wanted and values is not None:
                cells = values.tolist()
                whole = not np.isnan(values).any()
                form += f",%.{digits}f" if whole else ",%s"
                columns.append(
                    cells if whole else ["" if v != v else f"{v:.{digits}f}" for v in cells]
                )
        parts += map(form.__mod__, zip(*columns, strict=True))
    write_text(path, "\n".join(parts) + "\n")


write_picks_csv = write_csv


def read_table(path: Path, needed: Sequence[str]) -> dict[str, list[str]]:
    """Read a delimited table (comma, semicolon or tab) as columns by lower-case header.

    Raises
    ------
    InputError
        A needed column is missing, a name stands twice, or a row has too few values.
    """
    text = read_text(path)
    lines = list(csv.reader(io.StringIO(text), delimiter=delimiter_of(text)))
    header = [cell.strip().lower() for cell in lines[0]]
    missing = [name for name in needed if name not in header]
    if missing:
        raise InputError(
            f"{path}: no column {' and '.join(missing)} (it has: {', '.join(header)}); "
            f"the header must name {','.join(needed)}"
        )
    width = max(header.index(name) for name in needed) + 1
    rows: list[list[str]] = []
    for number, row in enumerate(lines[1:], 2):
        if not row or not any(map(str.strip, row)):
            continue
        if len(row) < width:
            raise InputError(f"{path}: line {number} has {len(row)} values; is the file cut short?")
        rows.append(row if len(row) >= len(header) else row + [""] * (len(header) - len(row)))
    return {name: [row[i].strip() for row in rows] for i, name in enumerate(header)}


def delimiter_of(text: str) -> str:
    """Return what separates the header's names: the most frequent of comma, semicolon and tab."""
    header = next(line for line in text.splitlines() if line.strip())
    return max(",;\t", key=header.count)


def parse_numbers(
    values: Sequence[str], label: str, path: Path, *, missing: bool = False
) -> NDArray[np.float64]:
    """Turn a column into (N,) finite float64; an InputError names the first value that is none.

    Where values may be `missing`, empty ones (and "nan") become NaN.
    """
    if missing:
        values = [value or "nan" for value in values]
    try:
        numbers = np.fromiter(map(float, values), np.float64, len(values))
    except ValueError:
        numbers = None
    if numbers is None or not (np.isfinite(numbers) | (missing & np.isnan(numbers))).all():
        row, bad = next(
            (i, v)
            for i, v in enumerate(values)
            if not (_is_finite(v) or (missing and v.lower() == "nan"))
        )
        raise InputError(f"{path}: {label} of row {row + 1} is {bad!r}, which is not a number")
    return numbers


def group_rows(
    names: Sequence[str], numbers: dict[str, NDArray[np.float64]], source: str = ""
) -> list[Picks]:
    """Group rows (x, y; other columns where given) by micrograph, in order of appearance."""
    index: dict[str, int] = {}
    codes = np.fromiter((index.setdefault(n, len(index)) for n in names), np.intp, len(names))
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(1, len(index)))
    coords = np.column_stack([numbers["y"], numbers["x"]])
    scores, diameters, spreads = map(numbers.get, ("score", "diameter", UNCERTAINTY))
    return [
        Picks(
            name,
            coords[rows],
            None if scores is None else scores[rows],
            None if diameters is None else diameters[rows],
            np.full(len(rows), source) if source else None,
            None if spreads is None else spreads[rows],
        )
        for name, rows in zip(index, np.split(order, bounds), strict=False)
    ]


def empty_picks(micrograph: str) -> Picks:
    """Return the entry of a micrograph that is known to have no picks."""
    return Picks(micrograph, np.empty((0, 2)))


def escape(value: str) -> str:
    """Quote a CSV value that holds a comma, quote or line end."""
    if any(c in value for c in ',"\n\r'):
        return '"' + value.replace('"', '""') + '"'
    return value


def _is_finite(value: str) -> bool:
    try:
        return bool(np.isfinite(float(value)))
    except ValueError:
        return False
