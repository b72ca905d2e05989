"""RELION's job folders: the list of RELION 3, and the options that tell helices from particles.

`coords_suffix_autopick.star` says only how the names of pick files end; its one line names the
micrographs STAR. The picks of `MotionCorr/job002/Movies/mic1.mrc` are in
`Movies/mic1_autopick.star` beside it.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from napari_unetpick.errors import InputError
from napari_unetpick.io.names import find_root
from napari_unetpick.io.star import read_star, read_text

LIST_NAME = re.compile(r"coords_suffix(_.+\.(?:star|box))", re.IGNORECASE)
JOB = re.compile(r"^.+?/job\d{3}[^/]*/")
JOB_FILES = ("job.star", "run.job")
"""The options of a job, of RELION 3.1 and later, and before."""
JOB_DEPTH = 4  # folders above a file of picks: a job keeps those of the micrographs' folders
START_END = re.compile(
    rb"^\s*(do_startend\s+|Pick start-end coordinates helices\? == )\W*(yes|true)", re.I | re.M
)


def is_suffix_list(path: Path) -> bool:
    """Tell whether it is such a list, by its name and that it is no STAR."""
    if LIST_NAME.fullmatch(path.name) is None:
        return False
    with open(path, "rb") as file:
        return b"loop_" not in file.read(4096)


def files_by_suffix(path: Path) -> list[tuple[str, Path]]:
    """Return the micrographs that have a pick file, by name, and the files.

    Where the micrographs STAR is not found, they are called like their files.

    Raises
    ------
    InputError
        There is no such file.
    """
    match = LIST_NAME.fullmatch(path.name)
    assert match is not None
    ending, folder = match[1], path.parent
    named = [(name, folder / pick_file(name, ending)) for name in _micrographs(path)]
    found = [(name, file) for name, file in named if file.is_file()]
    if not found:
        there = sorted(file for file in folder.rglob(f"*{ending}") if file != path)
        found = [(file.relative_to(folder).as_posix().removesuffix(ending), file) for file in there]
    if not found:
        raise InputError(
            f"{path}: no pick files *{ending} in its folder or below; copy the whole job folder"
        )
    return found


def _micrographs(path: Path) -> list[str]:
    """Return the names in the micrographs STAR that the list names, or nothing."""
    listed = read_text(path).strip().splitlines()[0].strip()
    root = find_root([listed], path)
    blocks = [] if root is None else read_star(root / listed)
    block = next((each for each in blocks if "rlnMicrographName" in each), None)
    return [] if block is None else list(block.text("rlnMicrographName"))


def pick_file(name: str, ending: str) -> str:
    """Return `Movies/mic1_autopick.star` for `MotionCorr/job002/Movies/mic1.mrc`."""
    return str(PurePosixPath(JOB.sub("", name).lstrip("/")).with_suffix("")) + ending


def refuse_helix_ends(path: Path) -> None:
    """Raise InputError for picks of a ManualPick job whose points are the ends of helices.

    Nothing in the pick files tells them from particles; the job's options do.
    """
    for folder in path.absolute().parents[:JOB_DEPTH]:
        for job in (folder / name for name in JOB_FILES):
            if job.is_file():
                if START_END.search(job.read_bytes()):
                    raise InputError(
                        f"{path}: has the start and end points of helices ({job.name}: pick "
                        "start-end coordinates), not particles; give the particles STAR of "
                        "RELION's Extract, which cuts them into segments"
                    )
                return
