"""The tables of a picking: a part for each micrograph, joined at the end, or split again."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import atomic_path, write_text
from napari_unetpick.io.formats.csv_picks import write_csv
from napari_unetpick.io.formats.relion_picks import write_combined_star
from napari_unetpick.io.formats.topaz import write_topaz
from napari_unetpick.io.names import base_name, micrograph_key
from napari_unetpick.io.picks import Picks
from napari_unetpick.io.star import quote
from napari_unetpick.io.text import escape

HEAD = re.compile(rb"data_\n\nloop_\n(?:_.*\n)+|.*\n")
LONGEST_HEAD = 1024  # bytes
CHANGED = "{}: was changed since it was written; restore it, or pick into another folder"


@dataclass(frozen=True)
class Outcome:
    """What a picking made of one micrograph, whose name candidates and picks carry.

    Parameters
    ----------
    candidates, picks
        All with their scores, and those that were picked.
    usable
        The share of the micrograph without junk, 0 to 1, or None where the model doesn't know.
    in_junk
        How many would be picks if they didn't lie in junk.
    """

    candidates: Picks
    picks: Picks
    usable: float | None = None
    in_junk: int = 0


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

    write: Callable[[Path, Outcome], None]
    row_start: Callable[[str], str]


def _write_csv(path: Path, picks: Picks) -> None:
    write_csv(path, [picks], scores=True)


def _write_summary(path: Path, one: Outcome) -> None:
    name = escape(base_name(one.picks.micrograph))
    usable = "" if one.usable is None else f"{one.usable:.4f}"
    row = f"{name},{len(one.picks)},{len(one.candidates)},{usable},{one.in_junk}\n"
    write_text(path, SUMMARY_HEAD + row)


def _csv_start(name: str) -> str:
    return escape(base_name(name)) + ","


CANDIDATES, PICKS, SUMMARY = "candidates.csv", "picks.csv", "micrographs.csv"
SUMMARY_HEAD = "micrograph,picks,candidates,usable_area,in_junk\n"
TABLES = {
    PICKS: PickTable(lambda path, one: _write_csv(path, one.picks), _csv_start),
    "picks.star": PickTable(
        lambda path, one: write_combined_star(path, [one.picks]),
        lambda name: quote(name) + " ",
    ),
    "topaz.txt": PickTable(
        lambda path, one: write_topaz(path, [one.picks]),
        lambda name: micrograph_key(name) + "\t",
    ),
    CANDIDATES: PickTable(lambda path, one: _write_csv(path, one.candidates), _csv_start),
    SUMMARY: PickTable(_write_summary, _csv_start),
}
OF_FORMAT = {"star": "picks.star", "cryosparc": "picks.star", "topaz": "topaz.txt"}


def tables_of(formats: Iterable[str]) -> list[str]:
    """Return the tables that formats need, in the order of `TABLES`."""
    wanted = {PICKS, CANDIDATES, SUMMARY} | {OF_FORMAT[fmt] for fmt in formats if fmt in OF_FORMAT}
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
        raise InputError(CHANGED.format(path))


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


def junk_in(path: Path) -> tuple[int, float | None]:
    """Return how many picks junk cost, and the mean usable area, of a table of micrographs."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    known = [float(row["usable_area"]) for row in rows if row["usable_area"]]
    left_out = sum(int(row["in_junk"]) for row in rows)
    return left_out, sum(known) / len(known) if known else None


def head_of(text: bytes) -> bytes:
    """Return the header of a table: one line, or a STAR's block with its labels."""
    found = HEAD.match(text)
    return found.group() if found else b""
