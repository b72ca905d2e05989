"""What an External job leaves for RELION: pick files, their list, and the node that names it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from napari_unetpick.export.pick_record import RECORD, read_record
from napari_unetpick.export.pick_tables import PICKS
from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.formats.csv_picks import read_csv
from napari_unetpick.io.formats.relion_list import format_list
from napari_unetpick.io.formats.relion_picks import write_star
from napari_unetpick.io.names import base_name
from napari_unetpick.io.picks import Picks
from napari_unetpick.io.star import format_loop
from napari_unetpick.relion.names import Named
from napari_unetpick.relion.project import RelionProject, Version

NODES = "RELION_OUTPUT_NODES.star"
LISTS: Mapping[Version, str] = {
    "3.1": "coords_suffix_autopick.star",
    "4.0": "autopick.star",
    "5": "autopick.star",
}
"""The file that RELION's Extract is given."""
NODE_TYPES: Mapping[Version, tuple[str, str]] = {
    "3.1": ("rlnPipeLineNodeType", "2"),
    "4.0": ("rlnPipeLineNodeTypeLabel", "MicrographsCoords.star.relion.autopick"),
    "5": ("rlnPipeLineNodeTypeLabel", "MicrographCoordsGroup.star.relion.autopick"),
}


def picked(job: Path) -> dict[str, Picks]:
    """Return the picks of a finished picking in the job folder, by the name that it picked as."""
    record = read_record(job / RECORD)
    assert record is not None
    found = read_csv(job / PICKS)
    return {name: found.get(base_name(name), Picks(name)) for name in record.done}


def write_output(
    project: RelionProject,
    job: Path,
    star: Path,
    named: Sequence[Named],
    picks: Mapping[str, Picks],
) -> None:
    """Write the pick files, the list of RELION's version, and last the output node.

    Parameters
    ----------
    job
        The job folder, in the project.
    star
        The micrographs STAR that was picked, as RELION named it.
    picks
        By the name of `Named.micrograph`; micrographs that are missing here have no file.
    """
    job = (project.folder / job).relative_to(project.folder)  # as RELION names it
    done = [each for each in named if each.micrograph.name in picks]
    for each in done:
        write_star(project.folder / job / each.file, picks[each.micrograph.name])
    list_file = job / LISTS[project.version]
    if project.version == "3.1":
        text = f"{star.as_posix()}\n"
    else:
        text = format_list((each.name, (job / each.file).as_posix()) for each in done)
    write_text(project.folder / list_file, text)
    label, kind = NODE_TYPES[project.version]
    nodes = format_loop(
        "output_nodes", ("rlnPipeLineNodeName", label), [f"{list_file.as_posix()} {kind}"]
    )
    write_text(project.folder / job / NODES, nodes)
