"""The runs of a project: listed, named, renamed and deleted, but read by nobody's pickle."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import explain_os_error

CONFIG, METRICS, MODEL = "config.toml", "metrics.jsonl", "model.safetensors"
RUN_NAME = re.compile(r'[^\x00-\x1f\x7f<>:"/\\|?*]{1,100}')
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""What Windows takes for a device."""
DELETED = ".deleted"


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
        raise InputError(f"there is a run {new!r} already; choose another name")
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
        raise InputError(f"there is no run {name!r} in {folder}; list them again")
    return path


def run_path(folder: Path, name: str) -> Path:
    """Return the folder of a run by name; an InputError where the name could lead elsewhere."""
    plain = RUN_NAME.fullmatch(name) and name.strip() == name and name[:1] != "."
    if not plain or name.endswith(".") or DEVICES.fullmatch(name):
        raise InputError(
            f"{name!r} cannot name a run; use letters, digits, '-', '_' and spaces, without a dot "
            "at either end"
        )
    return folder / name


def _describe(path: Path) -> RunInfo:
    # without the verdicts on rounds of self-training, which are no epochs
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
