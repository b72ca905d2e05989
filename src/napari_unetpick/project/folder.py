"""The files of a project folder as a whole: made, copied, tidied after a killed process."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import atomic_path, explain_os_error
from napari_unetpick.project.annotations import STAR, count_picks
from napari_unetpick.project.evaluations import LOG_FILE
from napari_unetpick.project.table import PROJECT_FILE, Entry
from napari_unetpick.project.view import VIEW_FILE

PICKS, CANDIDATES, RUNS, COMPARISONS = PARTS = ("picks", "candidates", "runs", "comparisons")


def real_folder(folder: str | Path) -> Path:
    """Return an absolute path without links, so that '..' from it means the same to everybody."""
    return Path(os.path.realpath(Path(folder).expanduser()))


def make_folder(folder: Path) -> None:
    """Make the folder of a new project; an InputError where that would meddle with another."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file where a folder is needed; choose another folder")
    if (folder / PROJECT_FILE).exists():
        raise InputError(f"{folder}: is a project already; open it, or choose another folder")
    for name in PARTS:
        if (folder / name).exists():
            raise InputError(
                f"{folder}: has a folder '{name}' already, whose files a project could overwrite; "
                "choose another folder"
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain_os_error(error, folder) from error


def recount(folder: Path, entries: Mapping[str, Entry]) -> dict[str, int]:
    """Count the picks where their files are younger than project.toml, or gone; return by key.

    They are younger where a process was killed before it saved the project, or where another
    program edited them.
    """
    saved = (folder / PROJECT_FILE).stat().st_mtime_ns
    times = _modified_times(folder / PICKS, STAR)
    counts = {}
    for key, entry in entries.items():
        if times.get(f"{key}{STAR}", saved if entry.picks else 0) >= saved:
            try:
                counts[key] = count_picks(folder / PICKS / f"{key}{STAR}")
            except OSError:
                continue  # whoever reads its picks will be told why that fails
    return counts


def remove_temporary(folder: Path) -> None:
    """Delete the half-written files of a killed process in a folder, not below it."""
    for name in _names(folder):
        if name.startswith(".") and name.endswith(".tmp"):
            try:
                (folder / name).unlink()
            except OSError:
                continue  # it stays invisible, and the next opening tries again


def _modified_times(folder: Path, suffix: str) -> dict[str, int]:
    """Return the times of change (ns) of the files with a suffix, by name; {} without a folder."""
    try:
        with os.scandir(folder) as entries:
            return {e.name: e.stat().st_mtime_ns for e in entries if e.name.endswith(suffix)}
    except OSError:
        return {}


def copy_parts(source: Path, target: Path) -> None:
    """Copy picks, candidates, runs, comparisons and the evaluation log to another project."""
    for name in PARTS:
        _copy_folder(source / name, target / name)
    if (source / LOG_FILE).is_file():  # else a copy would make a test of what was looked at
        with atomic_path(target / LOG_FILE) as temporary:
            temporary.write_bytes((source / LOG_FILE).read_bytes())


def remove_parts(folder: Path) -> None:
    """Remove what `copy_parts` copied: the copy of it failed."""
    for name in PARTS:
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in (LOG_FILE, VIEW_FILE):
        (folder / name).unlink(missing_ok=True)


def _copy_folder(source: Path, target: Path) -> None:
    """Copy a folder with all below it, if it is there, but for half-written files."""
    if not source.is_dir():
        return
    try:
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(".*.tmp"))
    except shutil.Error as error:  # it went on after the first, and tells of all
        first = error.args[0][0]
        raise InputError(
            f"{first[0]}: cannot be copied ({first[2]}); free some space or choose another folder"
        ) from error
    except OSError as error:
        raise explain_os_error(error, target) from error


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
