"""The tables of a picking: a part for each micrograph, joined at the end, or split again."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import atomic_path
from napari_unetpick.io.formats.csv_picks import write_csv
from napari_unetpick.io.formats.relion_picks import write_combined_star
from napari_unetpick.io.formats.topaz import write_topaz
from napari_unetpick.io.names import base_name, micrograph_key
from napari_unetpick.io.picks import Picks
from napari_unetpick.io.star import quote
from napari_unetpick.io.text import escape

HEAD = re.compile(rb"data_\n\nloop_\n(?:_.*\n)+|.*\n")
LONGEST_HEAD = 1024  # bytes


@dataclass(frozen=True)
class PickTable:
    """A file with rows of all micrographs.

    Parameters
    ----------
    write
        Writes the part of one micrograph: the table as if there were no others.
    row_start
        What each row of a micrograph starts with, from the micrograph's name.
    """

    write: Callable[[Path, Picks], None]
    row_start: Callable[[str], str]


def _write_csv(path: Path, picks: Picks) -> None:
    write_csv(path, [picks], scores=True)


def _csv_start(name: str) -> str:
    return escape(base_name(name)) + ","


CANDIDATES, PICKS = "candidates.csv", "picks.csv"
TABLES = {
    PICKS: PickTable(_write_csv, _csv_start),
    "picks.star": PickTable(
        lambda path, picks: write_combined_star(path, [picks]),
        lambda name: quote(name) + " ",
    ),
    "topaz.txt": PickTable(
        lambda path, picks: write_topaz(path, [picks]),
        lambda name: micrograph_key(name) + "\t",
    ),
    CANDIDATES: PickTable(_write_csv, _csv_start),
}
OF_FORMAT = {"star": "picks.star", "cryosparc": "picks.star", "topaz": "topaz.txt"}


def tables_of(formats: Iterable[str]) -> list[str]:
    """Return the tables that formats need, in the order of `TABLES`."""
    wanted = {PICKS, CANDIDATES} | {OF_FORMAT[fmt] for fmt in formats if fmt in OF_FORMAT}
    return [table for table in TABLES if table in wanted]


def join_parts(parts: Iterable[Path], target: Path) -> list[int]:
    """Write the rows of all parts, in their order, as one table; return how many each has."""
    counts = []
    with atomic_path(target) as temporary, open(temporary, "wb") as file:
        for number, part in enumerate(parts):
            text = part.read_bytes()
            rows = text[len(head_of(text)) :]
            file.write(rows if number else text)
            counts.append(rows.count(b"\n"))
    return counts


def split_table(path: Path, parts: Sequence[tuple[str, Path | None]]) -> None:
    """Write the rows of each micrograph as a part.

    Parameters
    ----------
    parts
        (name, part) of the table's micrographs in their order; rows without a part are left out.

    Raises
    ------
    InputError
        The table has other rows, or the same in another order.
    """
    with open(path, "rb") as file:
        head = head_of(file.read(LONGEST_HEAD))
        file.seek(len(head))
        row = file.readline()
        for name, part in parts:
            start, rows = TABLES[path.name].row_start(name).encode(), [head]
            while row.startswith(start):
                rows.append(row)
                row = file.readline()
            if part is not None:
                with atomic_path(part) as temporary:
                    temporary.write_bytes(b"".join(rows))
    if row:
        raise InputError(
            f"{path}: was changed since it was written; restore it, or pick into another folder"
        )


def count_rows(path: Path) -> int:
    """Count the rows of a table below its header."""
    with open(path, "rb") as file:
        head = head_of(file.read(LONGEST_HEAD))
        file.seek(len(head))
        return sum(1 for _ in file)


def highest_score(path: Path) -> float | None:
    """Return the highest score in a CSV table, or None where there are no rows."""
    with open(path, encoding="utf-8", newline="") as file:
        return max((float(row["score"]) for row in csv.DictReader(file)), default=None)


def head_of(text: bytes) -> bytes:
    """Return the header of a table: one line, or a STAR's block with its labels."""
    found = HEAD.match(text)
    return found.group() if found else b""
