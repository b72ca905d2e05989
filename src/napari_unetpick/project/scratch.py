"""Scratch projects: in the temporary folder until the user gives them a place.

One that holds work outlives its viewer, closed or killed, until somebody discards it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.atomic import explain_os_error
from napari_unetpick.project.folder import RUNS, recount
from napari_unetpick.project.lock import Lock, is_locked
from napari_unetpick.project.runs import list_runs
from napari_unetpick.project.table import PROJECT_FILE, read_project

PREFIX = "unetpick-project-"


@dataclass(frozen=True)
class LeftWork:
    """What a scratch project of an earlier viewer holds.

    Parameters
    ----------
    labelled
        Micrographs with picks, or said to be labelled.
    modified
        Seconds since 1970 of the last change of its project.toml.
    """

    folder: Path
    labelled: int
    picks: int
    runs: int
    modified: float


def make_scratch_folder() -> Path:
    """Make the folder of a new scratch project."""
    try:
        return Path(tempfile.mkdtemp(prefix=PREFIX))
    except OSError as error:
        raise explain_os_error(error, Path(tempfile.gettempdir()) / PREFIX) from error


def is_scratch(folder: Path) -> bool:
    """Tell whether a project folder (absolute, without links) is a scratch project's."""
    return folder.name.startswith(PREFIX) and folder.parent == _place()


def find_left_work() -> list[LeftWork]:
    """Find this user's scratch projects that hold work and are open nowhere, newest first."""
    found = []
    for folder in _place().glob(f"{PREFIX}*"):
        try:
            mine = not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()
            left = _look(folder) if mine and not is_locked(folder) else None
        except (OSError, UnetPickError):
            continue  # gone meanwhile, or damaged: whoever opens it by hand will be told
        if left is not None:
            found.append(left)
    return sorted(found, key=lambda left: -left.modified)


def leave(lock: Lock | None, scratch: Path | None, discard: bool = False) -> None:
    """Give a lock back and remove a scratch project without work; not in a child of the process.

    Parameters
    ----------
    scratch
        Its folder, or None for a project that stays.
    discard
        Remove a scratch project whatever it holds.
    """
    if lock is not None and lock.pid == os.getpid():
        if scratch is not None and (discard or not _holds_work(scratch)):
            shutil.rmtree(scratch, ignore_errors=True)
        lock.release()


def _holds_work(folder: Path) -> bool:
    try:
        return _look(folder) is not None
    except (OSError, UnetPickError):
        return folder.exists()


def _look(folder: Path) -> LeftWork | None:
    if not (folder / PROJECT_FILE).is_file():
        return None
    _, entries = read_project(folder)
    counts = {key: entry.picks for key, entry in entries.items()} | recount(folder, entries)
    labelled = sum(bool(counts[key]) or entry.state != "none" for key, entry in entries.items())
    runs = len(list_runs(folder / RUNS))
    modified = (folder / PROJECT_FILE).stat().st_mtime
    left = LeftWork(folder, labelled, sum(counts.values()), runs, modified)
    return left if labelled or runs else None


def _place() -> Path:
    return Path(os.path.realpath(tempfile.gettempdir()))
