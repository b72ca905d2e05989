"""How often test micrographs were looked at: a row a look in `test_looks.csv`.

Each look lets what is seen leak into the next choice, so that a test is worth less each time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.text import escape, read_table
from napari_unetpick.project.table import PROJECT_FILE, read_test_looks

LOOKS_FILE = "test_looks.csv"
COLUMNS = ("date", "sides", "truth", "micrographs", "names")


@dataclass(frozen=True)
class Look:
    """One evaluation of test micrographs.

    Parameters
    ----------
    date
        ISO 8601, local time with its offset.
    sides
        What was scored.
    truth
        Hash of the truth of these micrographs; see `io.labels.labels_hash`.
    names
        Eight characters for each micrograph: enough to know it again.
    """

    date: str
    sides: tuple[str, ...]
    truth: str
    names: tuple[str, ...]


def read_looks(folder: Path) -> list[Look]:
    """Read the looks noted in a folder; none where there is no such file.

    Raises
    ------
    InputError
        The file is damaged.
    """
    path = folder / LOOKS_FILE
    if not path.is_file():
        return []
    table = read_table(path, COLUMNS)
    return [
        Look(date, tuple(sides.split("; ")), truth, tuple(names.split()))
        for date, sides, truth, names in zip(
            table["date"], table["sides"], table["truth"], table["names"], strict=True
        )
    ]


def count_looks(folder: Path, micrographs: Iterable[str]) -> int:
    """Count the looks at any of these micrographs (keys), those in napari included.

    A look at some of them is a look: otherwise another split would start afresh. In a project
    folder, project.toml counts the looks of the Evaluate dock.

    Raises
    ------
    InputError
        The file is damaged.
    """
    noted = count_noted(folder, micrographs)
    return noted + (read_test_looks(folder) if (folder / PROJECT_FILE).is_file() else 0)


def count_noted(folder: Path, micrographs: Iterable[str]) -> int:
    """Count the looks in the file alone, which are those of comparisons."""
    wanted = set(map(_short, micrographs))
    return sum(not wanted.isdisjoint(look.names) for look in read_looks(folder))


def add_look(folder: Path, sides: Sequence[str], truth: str, micrographs: Sequence[str]) -> int:
    """Note a look at test micrographs (keys), now; return the how-manieth it is.

    Raises
    ------
    InputError, EngineError
        The file is damaged, or cannot be written.
    """
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    names = tuple(map(_short, micrographs))
    looks = [*read_looks(folder), Look(now, tuple(sides), truth, names)]
    lines = [",".join(COLUMNS)]
    for look in looks:
        count, names_text = str(len(look.names)), " ".join(look.names)
        cells = (look.date, "; ".join(look.sides), look.truth, count, names_text)
        lines.append(",".join(map(escape, cells)))
    write_text(folder / LOOKS_FILE, "\n".join(lines) + "\n")
    return count_looks(folder, micrographs)


def find_project(paths: Iterable[Path]) -> Path | None:
    """Return the project folder that one of the paths is or lies in, or None."""
    for path in paths:
        place = path.expanduser().absolute()
        for folder in (place, *place.parents):
            if (folder / PROJECT_FILE).is_file():
                return folder
    return None


def _short(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:8]
