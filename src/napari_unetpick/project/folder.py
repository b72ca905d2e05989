"""A project folder: its parts, made and tidied after a killed process."""

from __future__ import annotations

import os
from pathlib import Path

from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import explain_os_error
from napari_unetpick.io.formats.output_files import refuse_file
from napari_unetpick.project.candidates import settle_names
from napari_unetpick.project.lock import Lock, take_lock
from napari_unetpick.project.runs import remove_deleted
from napari_unetpick.project.table import PROJECT_FILE

PICKS, CANDIDATES, RUNS, COMPARISONS = PARTS = ("picks", "candidates", "runs", "comparisons")
IMAGES = "micrographs"
"""Where images that came from no file (open layers) are written in a project."""


def real_folder(folder: str | Path) -> Path:
    """Return an absolute path without links, so that '..' from it means the same to everybody."""
    return Path(os.path.realpath(Path(folder).expanduser()))


def make_folder(folder: Path) -> None:
    """Make the folder of a new project; an InputError where that would meddle with another."""
    refuse_file(folder)
    if (folder / PROJECT_FILE).exists():
        raise InputError(f"{folder}: is already a project; open it, or choose another folder")
    for name in PARTS:
        if (folder / name).exists():
            raise InputError(
                f"{folder}: already has a folder '{name}', whose files a project could "
                "overwrite; choose another folder"
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain_os_error(error, folder) from error


def claim(folder: Path) -> Lock:
    """Make and lock the folder of a project that is to come; see `make_folder`."""
    make_folder(folder)
    lock, holder = take_lock(folder)
    if lock is None:
        why = f"{holder} is creating a project there" if holder else "it cannot be written to"
        raise InputError(f"{folder}: a project cannot be created ({why}); choose another folder")
    return lock


def tidy(folder: Path) -> None:
    """Remove or finish what a killed process left half done in a project."""
    for name in ("", PICKS, CANDIDATES):
        remove_temporary(folder / name)
    remove_deleted(folder / RUNS)
    settle_names(folder / CANDIDATES, folder / RUNS)


def remove_temporary(folder: Path) -> None:
    """Delete the half-written files of a killed process in a folder, not below it."""
    for name in _names(folder):
        if name.startswith(".") and name.endswith(".tmp"):
            try:
                (folder / name).unlink()
            except OSError:
                continue  # it stays invisible, and the next opening tries again


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
