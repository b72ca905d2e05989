"""Hand-over to RELION and cryoSPARC: pick files, the list that names them, one combined STAR."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.formats import cistem
from napari_unetpick.io.formats.output_files import per_micrograph, refuse_file
from napari_unetpick.io.formats.relion_picks import read_star_picks, write_star
from napari_unetpick.io.formats.relion_suffix import (
    files_by_suffix,
    is_suffix_list,
    refuse_helix_ends,
)
from napari_unetpick.io.names import find_root
from napari_unetpick.io.picks import Picks, PickSet, ReadOptions, tell_count
from napari_unetpick.io.star import Block, format_loop, quote, read_star

PROJECT_MARKS = ("default_pipeline.star", ".gui_projectdir", ".relion_lock")
"""What a RELION project folder holds."""


def write_autopick(out: str | Path, picks: Iterable[Picks]) -> list[Path]:
    """Write `OUT/<micrograph>_autopick.star` for each micrograph and the list `OUT/autopick.star`.

    Parameters
    ----------
    out
        The folder; for RELION best one of its job folders, such as `External/job010`.
    picks
        One entry a micrograph; the list names it letter by letter as its STAR did, because RELION's
        Extract compares the names as strings and skips others silently.

    Returns
    -------
    The pick files in order, and the list last.

    Raises
    ------
    InputError
        OUT is a file, or two micrographs would be written to one file.
    """
    out = Path(out)
    refuse_file(out)
    targets = per_micrograph(picks, out, "_autopick.star")
    for each, target in targets:
        write_star(target, each)
    list_file = out / "autopick.star"
    write_list(list_file, [(each.micrograph, target) for each, target in targets])
    return [target for _, target in targets] + [list_file]


def write_list(path: Path, files: Iterable[tuple[str, Path]]) -> None:
    """Write RELION's list of the pick file of each micrograph, from (micrograph name, file)."""
    write_text(path, format_list((name, project_path(file)) for name, file in files))


def format_list(rows: Iterable[tuple[str, str]]) -> str:
    """Return the text of RELION's list, from (micrograph name, pick file as the project has it)."""
    labels = ("rlnMicrographName", "rlnMicrographCoordinates")
    lines = [f"{quote(name)} {quote(file)}" for name, file in rows]
    return "# version 30001\n\n" + format_loop("coordinate_files", labels, lines)


def read_relion(path: Path, options: ReadOptions) -> PickSet:
    """Read the picks of any STAR file: coordinates, particles, or RELION's lists of pick files.

    Raises
    ------
    InputError
        It holds no picks, the ends of helices, or shifts in A without the micrograph's pixel size.
    """
    refuse_helix_ends(path)
    if is_suffix_list(path):
        pairs = files_by_suffix(path)
        names, files = [name for name, _ in pairs], [file for _, file in pairs]
        return _read_files(path, names, list(map(str, files)), files, options)
    blocks = read_star(path)
    for block in blocks:
        if "rlnMicrographCoordinates" in block:
            return read_list(path, block, options)
        if cistem.X in block and cistem.Y in block:
            return cistem.read_cistem(block, path, options)
    return read_star_picks(path, options, blocks)


def read_list(path: Path, block: Block, options: ReadOptions) -> PickSet:
    """Read the pick files that a RELION list names, found beside it or from the project folder.

    Raises
    ------
    InputError
        None of the files is found, or none can be read.
    """
    names = block.text("rlnMicrographName")
    listed = block.text("rlnMicrographCoordinates")
    if not listed:
        return PickSet()
    messages: list[str] = []
    files = _locate(listed, path, messages)
    found = _read_files(path, names, listed, files, options)
    found.messages[:0] = messages
    return found


def _read_files(
    path: Path,
    names: Sequence[str],
    listed: Sequence[str],
    files: Sequence[Path],
    options: ReadOptions,
) -> PickSet:
    """Read the files of a list; those that are missing or cannot be read are skipped and told."""
    found = PickSet()
    missing, refused = [], []
    for name, written, file in zip(names, listed, files, strict=True):
        if not file.is_file():
            missing.append(written)
            continue
        try:
            picks = _read_listed(file, options)
        except InputError as error:
            refused.append(str(error))
            continue
        found.messages += picks.messages
        one = next(iter(picks.values()), Picks(name))
        found[name] = replace(one, micrograph=name)
    if refused and not found:
        raise InputError(refused[0])
    if refused:
        found.messages.append(
            f"{len(refused):,} of the {len(files):,} picks files listed in {path.name} "
            f"cannot be read: skipped (such as {refused[0]})"
        )
    if missing:
        found.messages.append(
            f"{len(missing):,} of the {len(files):,} picks files listed in {path.name} are "
            f"missing (such as {missing[0]})"
        )
    return found


def _locate(listed: Sequence[str], path: Path, messages: list[str]) -> list[Path]:
    """Return where the files of a list lie.

    The list of a folder that was copied or renamed still names the old one, so that what lies
    beside the list goes before what lies where it points to.
    """
    beside = _beside(listed, path.parent)
    root = find_root(listed, path)
    if root is None and not beside:
        raise InputError(
            f"{path}: none of the {tell_count(len(listed), 'picks file')} it lists is found (the "
            f"first is {listed[0]}); run in the RELION project folder"
        )
    named = [] if root is None else [root / file for file in listed]
    if not beside or (named and not any(map(_is_another, beside, named))):
        return named
    messages.append(
        f"{path.name} names files in {Path(listed[0]).parent}; those of its own folder are read"
    )
    return beside


def _beside(listed: Sequence[str], folder: Path) -> list[Path]:
    """Return the files by as much of their paths as leads to one in the folder, or nothing."""
    parts = [file.relative_to(file.anchor).parts for file in map(Path, listed)]
    for some in parts[:100]:  # if the first are not there, neither are the others
        for cut in range(len(some)):
            if folder.joinpath(*some[cut:]).is_file():
                return [folder.joinpath(*each[cut:]) for each in parts]
    return []


def _is_another(file: Path, named: Path) -> bool:
    """Tell whether a file is there and is not the one that is named."""
    return file.is_file() and not (named.is_file() and named.samefile(file))


def _read_listed(file: Path, options: ReadOptions) -> PickSet:
    """Read one listed file, a STAR or (imported coordinates) a .box; without rows, no entry."""
    if file.suffix.lower() == ".box":
        from napari_unetpick.io.formats.eman import read_box

        return read_box(file, options)
    picks = read_star_picks(file, options)
    if len(picks) > 1:
        raise InputError(f"{file}: is listed for one micrograph, but names {len(picks)}")
    return picks


def project_path(file: Path) -> str:
    """Return how a RELION project would name `file`.

    Relative to the nearest folder above the file that is a RELION project; without one absolute,
    wherever this process was started.
    """
    absolute = _absolute(file)
    project = find_project(absolute.parent)
    return (absolute.relative_to(project) if project else absolute).as_posix()


def tell_paths(out: Path) -> str:
    """Say from where the paths in a list of the folder OUT are named."""
    project = find_project(out)
    if project is None:
        return f"paths in autopick.star are absolute: {_absolute(out)} lies in no RELION project"
    return f"paths in autopick.star start in the RELION project {project}"


def find_project(folder: Path) -> Path | None:
    """Return the folder, or else the nearest above it, that is a RELION project; or None."""
    absolute = _absolute(folder)
    return next((each for each in (absolute, *absolute.parents) if _is_project(each)), None)


def _absolute(path: Path) -> Path:
    """Return an absolute path without `..`, whose parents are those that it leads through."""
    return path.resolve() if ".." in path.parts else path.absolute()


def project_names(
    micrographs: Mapping[str, Path | None], out: Path, advice: str
) -> tuple[dict[str, str], list[str]]:
    """Return the names that RELION should know micrographs by which no STAR of its own named.

    Extract compares names as strings and skips others silently. A micrograph that lies in the
    RELION project of OUT is named as the project would; any other keeps its name.

    Parameters
    ----------
    micrographs
        Name -> file, or None where only the name is known.
    out
        Where the picks are written to.
    advice
        What the user should do about names that RELION may not find.

    Returns
    -------
    Name -> name in the project, and messages for the user.
    """
    project = find_project(out)
    names = {name: _project_name(name, path, project) for name, path in micrographs.items()}
    root = project or Path.cwd()
    doubtful = [name for name in names.values() if not _is_project_name(name, root)]
    if not doubtful:
        return names, []
    message = (
        "RELION needs micrograph names exactly as in its own STAR; "
        f"{tell_count(len(doubtful), 'name')} may differ (such as {doubtful[0]}): {advice}, "
        "so that Extract finds them"
    )
    return names, [message]


def _project_name(name: str, path: Path | None, project: Path | None) -> str:
    if project is None:
        return name
    given = (path or project / name).absolute()
    file, root = Path(os.path.normpath(given)), os.path.normpath(project)
    if not (given.is_file() and file.is_file() and file.is_relative_to(root)):
        return name
    return file.relative_to(root).as_posix() if file.samefile(given) else name  # `..` after a link


def _is_project_name(name: str, root: Path) -> bool:
    """Tell whether it is a path from the project with a folder, as RELION's all are."""
    path = Path(name)
    plain = not path.is_absolute() and name == posixpath.normpath(name) and ".." not in path.parts
    return plain and len(path.parts) > 1 and (root / path).is_file()


def _is_project(folder: Path) -> bool:
    return any((folder / mark).exists() for mark in PROJECT_MARKS)
