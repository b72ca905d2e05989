"""Micrographs that were written into a temporary project move with it to its place."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from napari_unetpick.errors import InputError, UnetPickError
from napari_unetpick.io.atomic import atomic_path
from napari_unetpick.project.table import Entry

IMAGES = "micrographs"
"""Where images that came from no file (open layers) are written in a project."""


def copy_images(
    entries: Mapping[str, Entry], source: Path, target: Path
) -> tuple[dict[str, Entry], list[Path]]:
    """Copy the micrographs that lie in a project's own folder of images to another project.

    Returns
    -------
    The entries with the new paths, and the files that were written.

    Raises
    ------
    InputError, EngineError
        A file of that name is there, the place cannot be written to, the disk is full; nothing
        that was written is left.
    """
    moved, written = dict(entries), []
    try:
        for key, entry in entries.items():
            old = entry.micrograph.path
            if old.parent != source / IMAGES or not old.is_file():
                continue
            new = target / IMAGES / old.name
            if new.exists():
                raise InputError(f"{new}: is there already; choose another folder")
            with atomic_path(new) as temporary:
                shutil.copyfile(old, temporary)
            written.append(new)
            name = entry.micrograph.name
            name = str(new) if Path(name) == old else name
            moved[key] = replace(entry, micrograph=replace(entry.micrograph, path=new, name=name))
    except UnetPickError:
        remove_images(written)
        raise
    return moved, written


def remove_images(written: list[Path]) -> None:
    """Remove what `copy_images` wrote: the rest of the copy failed."""
    for path in written:
        path.unlink(missing_ok=True)
