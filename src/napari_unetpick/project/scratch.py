"""Scratch projects: in the user's data folder until they are saved in a place of the user's choice.

One that holds work outlives its viewer, closed or killed, until somebody deletes it. The variable
UNETPICK_SCRATCH names another folder for them. Earlier versions kept them in the temporary folder:
what is left there is found, too.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.atomic import explain_os_error
from napari_unetpick.project.folder import RUNS
from napari_unetpick.project.lock import Lock, is_locked, take_lock
from napari_unetpick.project.pick_index import PickIndex
from napari_unetpick.project.runs import list_runs
from napari_unetpick.project.table import PROJECT_FILE, SCHEMA, read_head, read_project

PREFIX = "unetpick-project-"
VARIABLE = "UNETPICK_SCRATCH"


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


def scratch_place() -> Path:
    """Return the folder that new scratch projects are made in; it may not exist yet."""
    given = os.environ.get(VARIABLE)
    place = Path(given) if given else platformdirs.user_data_path("napari-unetpick", False)
    return Path(os.path.realpath(place.expanduser()))


def make_scratch_folder() -> Path:
    """Make the folder of a new scratch project; in the temporary folder where no other can be."""
    place = scratch_place()
    try:
        place.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    except OSError as error:
        if os.environ.get(VARIABLE):
            raise explain_os_error(error, place / PREFIX) from error
    try:
        return Path(tempfile.mkdtemp(prefix=PREFIX))
    except OSError as error:
        raise explain_os_error(error, Path(tempfile.gettempdir()) / PREFIX) from error


def is_scratch(folder: Path) -> bool:
    """Tell whether a project folder (absolute, without links) is a scratch project's."""
    return folder.name.startswith(PREFIX) and folder.parent in _places()


def find_left_work() -> list[LeftWork]:
    """Find this user's scratch projects that hold work and are open nowhere, newest first."""
    found = []
    for folder in _own_folders():
        try:
            left = None if is_locked(folder) else _look(folder)
        except (OSError, UnetPickError):
            continue  # gone meanwhile, or damaged: whoever opens it by hand will be told
        if left is not None:
            found.append(left)
    return sorted(found, key=lambda left: -left.modified)


def scratch_size() -> int:
    """Return how many bytes this user's scratch projects take, those that are open included."""
    return sum(
        (Path(root) / name).lstat().st_size
        for folder in _own_folders()
        for root, _, names in os.walk(folder)
        for name in names
        if os.path.lexists(os.path.join(root, name))
    )


def purge() -> int:
    """Delete this user's scratch projects that are open nowhere; return how many they were."""
    deleted = 0
    for folder in _own_folders():
        if not (folder / PROJECT_FILE).is_file():
            continue  # a viewer may be just making it
        lock, _ = take_lock(folder)
        if lock is not None:
            leave(lock, folder, discard=True)
            deleted += not folder.exists()
    return deleted


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
    entries, _ = PickIndex(folder).count(entries, read_head(folder).schema < SCHEMA)
    labelled = sum(entry.picks > 0 or entry.state != "none" for entry in entries.values())
    picks = sum(entry.picks for entry in entries.values())
    runs = len(list_runs(folder / RUNS))
    modified = (folder / PROJECT_FILE).stat().st_mtime
    left = LeftWork(folder, labelled, picks, runs, modified)
    return left if labelled or runs else None


def _places() -> list[Path]:
    """Return where scratch projects may be: the present place, and that of earlier versions."""
    return [scratch_place(), Path(os.path.realpath(tempfile.gettempdir()))]


def _own_folders() -> Iterator[Path]:
    """Yield the folders of this user's scratch projects."""
    for folder in {each for place in _places() for each in place.glob(f"{PREFIX}*")}:
        try:
            if not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid():
                yield folder
        except OSError:
            continue  # gone meanwhile
