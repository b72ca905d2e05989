"""The runs of a project: listed, named, renamed, deleted; their curves and pseudo-labels.

`round-1.csv`, ... in a run folder are the pseudo-labels of a self-training, with the columns of
candidates.csv: `micrograph,x,y,score,diameter`; scores are the teacher's, raw.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError, ModelError
from napari_unetpick.io.atomic import explain_os_error
from napari_unetpick.io.formats.csv_picks import read_csv
from napari_unetpick.io.models import read_card
from napari_unetpick.io.picks import Picks

CONFIG, METRICS, MODEL = "config.toml", "metrics.jsonl", "model.safetensors"
RUN_NAME = re.compile(r'[^\x00-\x1f\x7f<>:"/\\|?*]{1,100}')
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""What Windows takes for a device."""
DELETED = ".deleted"
ROUND = re.compile(r"round-(\d+)\.csv")
COLORS = ("#4c9be8", "#f0803c", "#2cb67d", "#c76fd0", "#d9b23c", "#8a8f98")
"""Told apart on dark and light, and by most colour vision."""


@dataclass(frozen=True)
class RunInfo:
    """A run of a project.

    Parameters
    ----------
    finished
        Whether it has a model.
    epochs
        Epochs done, of all its stages.
    validation_f1
        The best one, or None where none was measured (partial labels).
    modified
        Seconds since 1970 of its last change.
    """

    name: str
    path: Path
    finished: bool
    epochs: int
    validation_f1: float | None
    modified: float


def list_runs(folder: Path) -> list[RunInfo]:
    """List the runs in a folder, newest first; other folders are left out."""
    if not folder.is_dir():
        return []
    runs = [
        _describe(path)
        for path in folder.iterdir()
        if not path.name.startswith(".")
        and any((path / name).is_file() for name in (CONFIG, MODEL))
    ]
    return sorted(runs, key=lambda run: (-run.modified, run.name))


def next_name(folder: Path, word: str = "run") -> str:
    """Return "run-N" (or another word), one above the highest number in use."""
    numbered = re.compile(rf"{word}-(\d{{1,9}})", re.IGNORECASE)
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    numbers = [int(match[1]) for name in names if (match := numbered.fullmatch(name))]
    return f"{word}-{max(numbers, default=0) + 1}"


def rename(folder: Path, old: str, new: str) -> None:
    """Rename a run; an InputError where there is none, or the new name is taken or cannot be."""
    source, target = existing(folder, old), run_path(folder, new)
    taken = target.exists() or target.is_symlink()
    if taken and not (old != new and target.samefile(source)):  # a change of case alone may be
        raise InputError(f"there is already a run {new!r}; choose another name")
    try:
        source.rename(target)
    except OSError as error:
        raise explain_os_error(error, target) from error


def delete(folder: Path, name: str) -> None:
    """Delete a run with all that is in it."""
    path = existing(folder, name)
    # out of the list first: a run that is half deleted would look like one to be resumed
    aside = path.with_name(f".{name}{DELETED}")
    try:
        if aside.exists():
            shutil.rmtree(aside)
        path.rename(aside)
        shutil.rmtree(aside)
    except OSError as error:
        raise explain_os_error(error, path) from error


def remove_deleted(folder: Path) -> None:
    """Finish the deletions that a killed process left."""
    if folder.is_dir():
        for path in folder.glob(f".*{DELETED}"):
            if not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)


def existing(folder: Path, name: str) -> Path:
    """Return the folder of a run that is there; a link, which may lead outside, is none."""
    path = run_path(folder, name)
    if path.is_symlink() or not path.is_dir():
        raise InputError(f"there is no run {name!r} in {folder}; reload the list")
    return path


def run_path(folder: Path, name: str) -> Path:
    """Return the folder of a run by name; an InputError where the name could lead elsewhere."""
    plain = RUN_NAME.fullmatch(name) and name.strip() == name and name[:1] != "."
    if not plain or name.endswith(".") or DEVICES.fullmatch(name):
        raise InputError(
            f"{name!r} is not a valid name of a run; use letters, digits, '-', '_' and "
            "spaces, without a dot at either end"
        )
    return folder / name


def _describe(path: Path) -> RunInfo:
    # without the results of rounds of self-training, which are no epochs
    rows = [row for row in read_metrics(path / METRICS) if "taken" not in row]
    measured = [row["validation_f1"] for row in rows if "validation_f1" in row]
    scores = [float(value) for value in measured if isinstance(value, int | float)]
    return RunInfo(
        path.name,
        path,
        (path / MODEL).is_file(),
        len(rows),
        max(scores, default=None),
        max(_modified(each) for each in (path, *(path / n for n in (CONFIG, METRICS, MODEL)))),
    )


def read_metrics(path: Path) -> list[dict[str, object]]:
    """Read the rows of metrics.jsonl; a line that is being written is left out."""
    rows = []
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows


def _modified(path: Path) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


@dataclass(frozen=True)
class Curve:
    """Values (N,) over epochs (N,), counted on through the stages of a run."""

    epochs: NDArray[np.float64]
    values: NDArray[np.float64]


@dataclass(frozen=True)
class RunCurves:
    """The loss and validation F1 of a run; F1 has no points with partial labels.

    `stages` are the first epoch and the name of each stage (a cross-fitted network, a round).
    """

    name: str
    loss: Curve
    f1: Curve
    stages: tuple[tuple[int, str], ...] = ()


def curves_of(name: str, rows: Iterable[Mapping[str, Any]]) -> RunCurves:
    """Make curves of the rows of metrics.jsonl; what is no finite number is left out."""
    epochs = (row for row in rows if "taken" not in row)  # that is a round's result
    numbered = list(enumerate(epochs, start=1))
    names = [(number, str(row.get("stage", ""))) for number, row in numbered]
    stages = [each for i, each in enumerate(names) if i == 0 or each[1] != names[i - 1][1]]
    return RunCurves(
        name, _curve(numbered, "loss"), _curve(numbered, "validation_f1"), tuple(stages)
    )


def _curve(rows: list[tuple[int, Mapping[str, Any]]], figure: str) -> Curve:
    points = [
        (number, float(row[figure]))
        for number, row in rows
        if isinstance(row.get(figure), int | float) and math.isfinite(row[figure])
    ]
    table = np.array(points, dtype=float).reshape(-1, 2)
    return Curve(table[:, 0], table[:, 1])


def color_of(number: int) -> str:
    """Return the colour of the run at a place of the list."""
    return COLORS[number % len(COLORS)]


@dataclass(frozen=True)
class RoundPseudoLabels:
    """Pseudo-labels of a round, by micrograph name, and whether its model was kept."""

    number: int
    kept: bool
    picks: dict[str, Picks]


def pseudo_labels_file(run: Path, number: int) -> Path:
    """Return the file of the pseudo-labels of a round."""
    return run / f"round-{number}.csv"


def rounds_with_pseudo_labels(run: Path) -> list[int]:
    """Return the numbers of the rounds whose pseudo-labels are kept, rising."""
    found = (ROUND.fullmatch(path.name) for path in run.glob("round-*.csv"))
    return sorted(int(match[1]) for match in found if match)


def read_pseudo_labels(run: Path) -> RoundPseudoLabels | None:
    """Read the pseudo-labels of the kept round; where none was kept, of the last one.

    Raises
    ------
    InputError
        The file is damaged.
    """
    rounds = rounds_with_pseudo_labels(run)
    if not rounds:
        return None
    try:
        kept = (read_card(run / MODEL).get("self_training") or {}).get("round", 0)
    except ModelError:
        kept = 0
    number = kept if kept in rounds else rounds[-1]
    return RoundPseudoLabels(
        number, number == kept, dict(read_csv(pseudo_labels_file(run, number)))
    )
