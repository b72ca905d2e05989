"""Comparisons of a project's models, and how often its test micrographs were evaluated.

- `comparisons/comparison-N/`: a report, as `unetpick compare` writes it;
- `comparisons/picks/`: what the models picked, kept for the next comparison;
- `test_looks.csv`: a row an evaluation of test micrographs. Each lets what is seen leak into the
  next choice, so that a test is worth less each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.text import escape, read_table
from napari_unetpick.io.training_micrographs import name_hash
from napari_unetpick.project.folder import COMPARISONS
from napari_unetpick.project.runs import next_name
from napari_unetpick.project.table import PROJECT_FILE, Entry, read_head

LABEL = "mark every particle of one in Annotate and set it to fully labelled there"
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
    wanted = set(map(name_hash, micrographs))
    count = sum(not wanted.isdisjoint(each.names) for each in read_evaluations(folder))
    return count + (read_head(folder).test_looks if (folder / PROJECT_FILE).is_file() else 0)


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
    names = tuple(map(name_hash, micrographs))
    every = [*read_evaluations(folder), LoggedEvaluation(now, tuple(methods), truth, names)]
    lines = [",".join(COLUMNS)]
    for each in every:
        count, names_text = str(len(each.names)), " ".join(each.names)
        cells = (each.date, "; ".join(each.methods), each.truth, count, names_text)
        lines.append(",".join(map(escape, cells)))
    write_text(folder / LOG_FILE, "\n".join(lines) + "\n")
    return count_evaluations(folder, micrographs)


def log_folder(given: Sequence[str], micrographs: Sequence[Micrograph], out: Path) -> Path:
    """Return where evaluations of micrographs are logged: in the project they lie in, or `out`.

    Parameters
    ----------
    given, micrographs
        The micrographs as the user named them, and as they were listed; the first is looked at.
    """
    for path in (*map(Path, given[:1]), *(m.path for m in micrographs[:1])):
        place = path.expanduser().absolute()
        for folder in (place, *place.parents):
            if (folder / PROJECT_FILE).is_file():
                return folder
    return out


def comparisons_folder(project: Path) -> Path:
    """Return where the comparisons of a project folder are; it may not exist yet."""
    return project / COMPARISONS


def new_comparison(project: Path) -> Path:
    """Return the folder of a new report: "comparison-1", "comparison-2", ..."""
    folder = comparisons_folder(project)
    return folder / next_name(folder, "comparison")


def missing_for_comparison(
    entries: Mapping[str, Entry], diameter: float | None, *, final: bool
) -> str:
    """Say what keeps a comparison from starting, and the next step; "" where nothing does.

    Parameters
    ----------
    diameter
        Of the particles, in A, or None.
    final
        Whether the test split is to be scored: then it needs full labels, too.
    """
    if not entries:
        return "Open micrographs first (step Micrographs)."
    if diameter is None:
        return "Set the particle diameter first: in Annotate, two clicks across a particle."
    full = {key: e for key, e in entries.items() if e.kept and e.state == "full"}
    for split in ("validation", "test") if final else ("validation",):
        chosen = [e for e in full.values() if e.split == split]
        if not chosen:
            how = "" if full else f"{LABEL}, then "
            return (
                f"No fully labelled micrograph is in the {split} split: {how}give some "
                f"fully labelled ones the split {split.capitalize()} in Micrographs."
            )
        if not any(e.picks for e in chosen):
            return (
                f"No particles are marked on the fully labelled micrographs of the {split} "
                "split: mark all of them in Annotate."
            )
    return ""
