"""Hand-over to RELION and cryoSPARC: pick files, the list that names them, one combined STAR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.csv_picks import empty_picks
from napari_unetpick.io.micrographs import Micrograph
from napari_unetpick.io.names import find_root
from napari_unetpick.io.picks import Picks, ReadOptions, ReadPicks
from napari_unetpick.io.star import Block, format_loop, quote
from napari_unetpick.io.star_picks import format_combined_star, read_star_picks, write_star
from napari_unetpick.io.targets import per_micrograph, refuse_file

PROJECT_MARKS = ("default_pipeline.star", ".gui_projectdir", ".relion_lock")
"""What a RELION project folder holds."""

Pair = tuple[Micrograph | str, Picks]


def write_autopick(
    out: str | Path,
    picks: Mapping[str, Picks] | Sequence[Pair],
    *,
    suffix: str = "_autopick",
    project: Path | None = None,
) -> list[Path]:
    """Write `OUT/<micrograph><suffix>.star` for each micrograph and the list `OUT/autopick.star`.

    Parameters
    ----------
    out
        The folder; for RELION best one of its job folders, such as `External/job010`.
    picks
        (micrograph, picks) of each; the list names the micrograph letter by letter as its STAR
        did, because RELION's Extract compares the names as strings and skips others silently.
    suffix
        RELION's ending; "_manualpick" makes `manualpick.star`.
    project
        The RELION project that the paths in the list start from; None: see `project_path`.

    Returns
    -------
    The pick files in order, and the list last.

    Raises
    ------
    InputError
        OUT is a file, or two micrographs would be written to one file.
    """
    out = Path(out)
    named = [replace(each, micrograph=name) for name, each in _names_and_picks(picks)]
    refuse_file(out)
    targets = per_micrograph(named, out, f"{suffix}.star")
    rows = []
    for each, target in targets:
        write_star(target, each)
        rows.append(f"{quote(each.micrograph)} {quote(project_path(target, project))}")
    labels = ("rlnMicrographName", "rlnMicrographCoordinates")
    list_file = out / f"{suffix.lstrip('_')}.star"
    text = format_loop("coordinate_files", labels, rows)
    write_text(list_file, f"# version 30001\n\n{text}")
    return [target for _, target in targets] + [list_file]


def write_combined_star(path: str | Path, picks: Mapping[str, Picks] | Sequence[Pair]) -> None:
    """Write all picks as one STAR for cryoSPARC's Import Particle Stack.

    Columns: _rlnMicrographName _rlnCoordinateX _rlnCoordinateY, and _rlnAutopickFigureOfMerit
    where there are scores. Micrographs without picks have no row.
    """
    named = [replace(each, micrograph=name) for name, each in _names_and_picks(picks)]
    write_text(path, format_combined_star(named))


def read_list(path: Path, block: Block, options: ReadOptions) -> ReadPicks:
    """Read the pick files that a RELION list names, found from the project folder.

    Raises
    ------
    InputError
        None of the files is found, or none can be read.
    """
    names = block.text("rlnMicrographName")
    files = block.text("rlnMicrographCoordinates")
    found = ReadPicks()
    if not files:
        return found
    root = find_root(files, path)
    if root is None:
        raise InputError(
            f"{path}: none of the {len(files)} pick files it lists is found (the first is "
            f"{files[0]}); run in the RELION project folder"
        )
    missing, refused = [], []
    for name, file in zip(names, files, strict=True):
        if not (root / file).is_file():
            missing.append(file)
            continue
        try:
            picks = _read_listed(root / file, options)
        except InputError as error:
            refused.append(str(error))
            continue
        found.messages += picks.messages
        one = next(iter(picks.values()), empty_picks(name))
        found[name] = replace(one, micrograph=name)
    if refused and not found:
        raise InputError(refused[0])
    if refused:
        found.messages.append(
            f"{len(refused)} of the {len(files)} pick files that {path.name} lists cannot be read: "
            f"left out (such as {refused[0]})"
        )
    if missing:
        found.messages.append(
            f"{len(missing)} of the {len(files)} pick files that {path.name} lists are missing "
            f"(such as {missing[0]})"
        )
    return found


def _read_listed(file: Path, options: ReadOptions) -> ReadPicks:
    """Read one listed file, a STAR or (imported coordinates) a .box; without rows, no entry."""
    if file.suffix.lower() == ".box":
        from napari_unetpick.io.box import read_box

        return read_box(file, options)
    picks = read_star_picks(file, options)
    if len(picks) > 1:
        raise InputError(f"{file}: is listed for one micrograph, but names {len(picks)}")
    return picks


def project_path(file: Path, project: Path | None = None) -> str:
    """Return how a RELION project would name `file`.

    Relative to the given project, else to the nearest folder above the file that is a RELION
    project, else to the working folder if the file lies in it; otherwise absolute.
    """
    absolute = file.absolute()
    if project is None:
        project = next((f for f in absolute.parents if _is_project(f)), Path.cwd())
    try:
        return absolute.relative_to(project.absolute()).as_posix()
    except ValueError:
        return absolute.as_posix()


def _is_project(folder: Path) -> bool:
    return any((folder / mark).exists() for mark in PROJECT_MARKS)


def _names_and_picks(picks: Mapping[str, Picks] | Sequence[Pair]) -> list[tuple[str, Picks]]:
    pairs = list(picks.items()) if isinstance(picks, Mapping) else list(picks)
    return [(_name(micrograph), each) for micrograph, each in pairs]


def _name(micrograph: Micrograph | str) -> str:
    return micrograph.name if isinstance(micrograph, Micrograph) else micrograph
