"""Delimited text tables: columns by header, numbers that are checked, values that are quoted."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.picks import tell_count
from napari_unetpick.io.star import read_text

DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")


def read_table(
    path: Path, needed: Sequence[str], instead: Sequence[str] = ()
) -> dict[str, list[str]]:
    """Read a table delimited by comma, semicolon, tab, bar or blanks: columns by lower-case header.

    Where all columns of `instead` are there, none other is needed.

    Raises
    ------
    InputError
        A needed column is missing, a name stands twice, or a row has too few values.
    """
    text = read_text(path)
    delimiter = delimiter_of(text)
    blanks = delimiter == " "
    rows_of = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=blanks)
    try:
        lines = list(rows_of)
    except csv.Error as error:
        raise InputError(f"{path}: line {rows_of.line_num} cannot be read ({error})") from None
    header = [" ".join(cell.lower().split()) for cell in lines[0]]
    if instead and {*instead} <= {*header}:
        needed = instead
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
            raise InputError(
                f"{path}: line {number} has {tell_count(len(row), 'value')}; is the file cut short?"
            )
        rows.append(row if len(row) >= len(header) else row + [""] * (len(header) - len(row)))
    return {name: [row[i].strip() for row in rows] for i, name in enumerate(header)}


def refuse_depth(columns: Mapping[str, Sequence[str]], label: str, path: Path) -> None:
    """Raise InputError where places have a third axis: they are those of a volume."""
    if any(value.strip("0.+- ") for value in columns.get(label, ())):
        raise InputError(
            f"{path}: has particles of a tomogram (a column {label}), not of micrographs; remove "
            "the column if it means something else"
        )


def delimiter_of(text: str) -> str:
    """Return what separates the header's names: the most frequent of the usual, else blanks."""
    header = next(line for line in text.splitlines() if line.strip())
    found = max(",;\t|", key=header.count)
    return found if found in header or " " not in header.strip() else " "


def parse_numbers(
    values: Sequence[str], label: str, path: Path, *, missing: bool = False
) -> NDArray[np.float64]:
    """Turn a column into (N,) finite float64; an InputError names the first value that is none.

    Where values may be `missing`, empty ones (and "nan") become NaN. Decimal commas are read where
    they can't be meant as thousands.
    """
    values = _with_points(values)
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
        fix = "is the file cut short?" if row + 1 == len(values) else "correct it"
        raise InputError(
            f"{path}: {label} of row {row + 1} is {bad!r}, which is not a number; {fix}"
        )
    return numbers


def _with_points(values: Sequence[str]) -> Sequence[str]:
    """Return numbers such as "12,5" with points; "1,234" alone may be one thousand and stays."""
    with_comma = [value for value in values if "," in value]
    if not all(DECIMAL_COMMA.fullmatch(value) for value in with_comma):
        return values
    if all(len(value.partition(",")[2]) == 3 for value in with_comma):
        return values
    return [value.replace(",", ".") for value in values]


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
