"""A project is copied to another place, open as it is: "save as"."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from napari_unetpick.errors import InputError, UnetPickError
from napari_unetpick.io.atomic import atomic_path, explain_os_error
from napari_unetpick.io.formats.annotation_file import Annotations
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project.evaluations import LOG_FILE
from napari_unetpick.project.folder import IMAGES, PARTS, claim, real_folder
from napari_unetpick.project.pick_index import INDEX_FILE
from napari_unetpick.project.project import Project
from napari_unetpick.project.table import Entry
from napari_unetpick.project.view import VIEW_FILE


def copy_project(
    project: Project,
    folder: str | Path,
    annotations: Mapping[str, Annotations] | None = None,
    candidates: Mapping[str, Candidates] | None = None,
) -> Project:
    """Copy everything, unsaved changes too, to a new place; return the copy, open.

    The project itself stays open as it is. Images in a temporary project are copied, too.

    Parameters
    ----------
    annotations, candidates
        What could not be saved there, by micrograph key: the copy has it in place of the files.

    Raises
    ------
    InputError, EngineError
        The place holds a project, lies in this one or cannot be written to; the disk is full.
    """
    target = real_folder(folder)
    if target.is_relative_to(project.folder):
        raise InputError(f"{target}: is inside the project itself; choose another folder")
    was_there = target.exists()
    copy = Project(target, claim(target))
    try:
        with _copied(project.folder, target, project.entries, project.temporary) as entries:
            copy.diameter, copy.entries, copy.dirty = project.diameter, entries, True
            copy.test_looks, copy.view = project.test_looks, project.view
            copy.index.rows = dict(project.index.rows)
            for key, each in (annotations or {}).items():
                copy.save_annotations(key, each)
            for key, found in (candidates or {}).items():
                copy.save_candidates(key, found)
            copy.save()  # last: half a copy is no project
    except UnetPickError:
        copy.close()
        if not was_there:
            shutil.rmtree(target, ignore_errors=True)
        raise
    return copy


@contextmanager
def _copied(
    source: Path, target: Path, entries: Mapping[str, Entry], with_images: bool
) -> Iterator[dict[str, Entry]]:
    """Copy a project's files; take them away again where the copy or the block fails.

    Parameters
    ----------
    with_images
        Whether micrographs in the project's own folder of images are copied, too.

    Yields
    ------
    The entries of the copy.
    """
    images: list[Path] = []
    try:
        _copy_parts(source, target)
        here = dict(entries)
        if with_images:
            here, images = _copy_images(entries, source, target)
        yield here
    except UnetPickError:
        _remove_parts(target)
        remove_images(images)
        raise


def _copy_parts(source: Path, target: Path) -> None:
    """Copy picks, candidates, runs, comparisons and the evaluation log to another project."""
    for name in PARTS:
        _copy_folder(source / name, target / name)
    if (source / LOG_FILE).is_file():  # else a copy would make a test of what was looked at
        with atomic_path(target / LOG_FILE) as temporary:
            temporary.write_bytes((source / LOG_FILE).read_bytes())


def _remove_parts(folder: Path) -> None:
    """Remove what `_copy_parts` copied: the copy of it failed."""
    for name in PARTS:
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in (LOG_FILE, VIEW_FILE, INDEX_FILE):
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


def _copy_images(
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
                raise InputError(f"{new}: already exists; choose another folder")
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
    """Remove images that were written into a project: what they were for failed."""
    for path in written:
        path.unlink(missing_ok=True)
