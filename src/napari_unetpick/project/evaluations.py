"""The log of test-set evaluations, a row each in `test_looks.csv`: how often a test was used.

Each evaluation lets what is seen leak into the next choice: a test is worth less each time.
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

LOG_FILE = "test_looks.csv"
COLUMNS = ("date", "sides", "truth", "micrographs", "names")


@dataclass(frozen=True)
class LoggedEvaluation:
    """One evaluation of test micrographs.

    Parameters
    ----------
    date
        ISO 8601, local time with its offset.
    methods
        What was scored.
    truth
        Hash of the truth of these micrographs; see `io.labels.labels_hash`.
    names
        Eight characters for each micrograph: enough to know it again.
    """

    date: str
    methods: tuple[str, ...]
    truth: str
    names: tuple[str, ...]


def read_evaluations(folder: Path) -> list[LoggedEvaluation]:
    """Read the log of a folder; empty where there is no such file.

    Raises
    ------
    InputError
        The file is damaged.
    """
    path = folder / LOG_FILE
    if not path.is_file():
        return []
    table = read_table(path, COLUMNS)
    return [
        LoggedEvaluation(date, tuple(methods.split("; ")), truth, tuple(names.split()))
        for date, methods, truth, names in zip(
            table["date"], table["sides"], table["truth"], table["names"], strict=True
        )
    ]


def count_evaluations(folder: Path, micrographs: Iterable[str]) -> int:
    """Count the evaluations of any of these micrographs (keys).

    One that shared some of them counts: otherwise another split would start from zero. Earlier
    versions counted those of the Evaluate dock in project.toml; they count, too.

    Raises
    ------
    InputError
        The file is damaged.
    """
    wanted = set(map(_short, micrographs))
    count = sum(not wanted.isdisjoint(each.names) for each in read_evaluations(folder))
    return count + (read_test_looks(folder) if (folder / PROJECT_FILE).is_file() else 0)


def log_evaluation(
    folder: Path, methods: Sequence[str], truth: str, micrographs: Sequence[str]
) -> int:
    """Log an evaluation of test micrographs (keys), now; return its running number.

    Raises
    ------
    InputError, EngineError
        The file is damaged, or cannot be written.
    """
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    names = tuple(map(_short, micrographs))
    every = [*read_evaluations(folder), LoggedEvaluation(now, tuple(methods), truth, names)]
    lines = [",".join(COLUMNS)]
    for each in every:
        count, names_text = str(len(each.names)), " ".join(each.names)
        cells = (each.date, "; ".join(each.methods), each.truth, count, names_text)
        lines.append(",".join(map(escape, cells)))
    write_text(folder / LOG_FILE, "\n".join(lines) + "\n")
    return count_evaluations(folder, micrographs)


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
