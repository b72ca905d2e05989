"""A RELION project: where it is, and which version of RELION wrote it last."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from napari_unetpick.errors import InputError
from napari_unetpick.io.star import parse_star, read_text

Version = Literal["3.1", "4.0", "5"]
PIPELINE = "default_pipeline.star"
STAMP = re.compile(r"^# version (\d+)", re.MULTILINE)
FIRST_OF_5 = 50000
NUMBERED = {"rlnPipeLineNodeType", "rlnPipeLineProcessType"}
NAMED = {"rlnPipeLineNodeTypeLabel", "rlnPipeLineProcessTypeLabel"}


@dataclass(frozen=True)
class RelionProject:
    """A project folder and the version of RELION that it belongs to.

    Parameters
    ----------
    folder
        The absolute path; RELION's jobs are started in it.
    """

    folder: Path
    version: Version


def open_project(job: Path) -> RelionProject:
    """Return the project of a job folder.

    Raises
    ------
    InputError
        The working folder is no RELION project, or the job lies outside it.
    """
    here = Path.cwd()
    if not (here / PIPELINE).is_file():
        raise InputError(
            f"{here}: is not a RELION project (no {PIPELINE})",
            "start the job from RELION, or in the project folder",
        )
    if ".." in job.parts or not (here / job).is_relative_to(here) or here / job == here:
        raise InputError(
            f"--o {job}: is not in the RELION project {here}",
            "give a folder such as External/job010",
        )
    return RelionProject(here, read_version(here / PIPELINE))


def read_version(pipeline: Path) -> Version:
    """Return the version of RELION that wrote a project's pipeline.

    Until 3.1 its types are numbers, since 4.0 words; since 5 its stamp is 50001.

    Raises
    ------
    InputError
        It can't be read, or has no types.
    """
    text = read_text(pipeline)
    labels = {label for block in parse_star(text, str(pipeline)) for label in block.columns}
    if labels & NAMED:
        stamps = [int(number) for number in STAMP.findall(text)]
        is_5 = max(stamps, default=0) >= FIRST_OF_5 or "rlnPipeLineNodeTypeLabelDepth" in labels
        return "5" if is_5 else "4.0"
    if labels & NUMBERED:
        return "3.1"
    raise InputError(
        f"{pipeline}: has no types of jobs or nodes, so RELION's version is unknown",
        "import the micrographs in RELION first",
    )
