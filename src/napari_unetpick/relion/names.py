"""Names of micrographs in a RELION project, checked letter by letter before anything is written.

RELION's Extract finds picks by the name of their micrograph, and skips what it doesn't find.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from napari_unetpick.errors import InputError
from napari_unetpick.io.formats.relion_suffix import pick_file
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.images.relion_star import read_micrograph_star
from napari_unetpick.io.names import micrograph_key
from napari_unetpick.io.picks import tell_count

ENDING = "_autopick.star"


@dataclass(frozen=True)
class Named:
    """A micrograph of the project, and where its picks go.

    Parameters
    ----------
    name
        As the STAR has it.
    file
        The pick file, as a path in the job folder: RELION 3 looks for it there.
    micrograph
        What is picked; another one than `name` where several of a list differ in folders alone.
    """

    name: str
    file: str
    micrograph: Micrograph


def read_names(star: Path, project: Path) -> list[Named]:
    """List the micrographs of a STAR of the project.

    Raises
    ------
    InputError
        It is no micrographs STAR, its names are not those of files in the project, or the picks of
        two would go into one file.
    """
    if star.suffix.lower() != ".star":
        raise InputError(
            f"--in_mics {star}: is not a STAR file", "give CtfFind/jobNNN/micrographs_ctf.star"
        )
    listed = {each.name: each for each in read_micrograph_star(star)}
    try:
        star.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(
            f"{star}: its text is not UTF-8, so the names would be written differently",
            "rename the micrographs and import them again",
        ) from None
    missing = [name for name in listed if not (project / name).is_file()]
    if missing:
        raise InputError(
            f"{star}: {len(missing):,} of {tell_count(len(listed), 'micrograph')} cannot be found "
            f"in the RELION project {project} (such as {missing[0]})",
            "restore them, or leave them out of the list",
        )
    files = pick_files(list(listed), star)
    aliases = picked_as(files)
    return [
        Named(name, files[name], replace(each, name=aliases[name], path=project / name))
        for name, each in listed.items()
    ]


def pick_files(names: Sequence[str], star: Path) -> dict[str, str]:
    """Return the pick file of each name, as RELION would call it, as a path in the job folder."""
    owner: dict[str, str] = {}
    for name in names:
        file = pick_file(name, ENDING)
        if ".." in PurePosixPath(file).parts:
            raise InputError(
                f"{star}: {name} leads out of the folder that it is in",
                "import the micrographs by a path without ..",
            )
        if file in owner:
            raise InputError(
                f"{star}: RELION has one pick file, {file}, for {owner[file]} and {name}",
                "pick them in jobs of their own",
            )
        owner[file] = name
    return {name: file for file, name in owner.items()}


def picked_as(files: Mapping[str, str]) -> dict[str, str]:
    """Return a name for each micrograph that no other has, whatever the folder.

    That is its own, or `Movies__a__mic1` for `MotionCorr/job002/Movies/a/mic1.mrc` where there is
    another `mic1`.
    """
    count = Counter(map(micrograph_key, files))
    return {
        name: name
        if count[micrograph_key(name)] == 1
        else file.removesuffix(ENDING).replace("/", "__")
        for name, file in files.items()
    }
