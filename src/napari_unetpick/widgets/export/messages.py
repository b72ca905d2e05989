"""What an export says when it is done: counts, and where to click next; no Qt."""

from __future__ import annotations

from napari_unetpick.export.write import ONE_FILE, ExportResult
from napari_unetpick.io.formats.box_size import say_sizes
from napari_unetpick.io.formats.relion_list import project_path
from napari_unetpick.io.picks import tell_count

FORMATS = {
    "relion": ("RELION", "autopick.star, and one STAR file per micrograph."),
    "cryosparc": ("cryoSPARC", "picks.star with all picks, for Import Particle Stack."),
    "csv": ("CSV", "picks.csv with micrograph, x, y, score: for spreadsheets and scripts."),
    "box": ("EMAN .box", "One box file per micrograph: corner and size of each box."),
    "cbox": ("crYOLO .cbox", "One CBOX file per micrograph."),
    "eman": ("EMAN2 .json", "info/<micrograph>_info.json, as e2boxer writes them."),
    "topaz": ("Topaz", "topaz.txt: image_name, x_coord, y_coord, score."),
}
"""Format -> (name, what is written)."""
WHATS = {
    "both": "Accepted picks and candidates",
    "picks": "Accepted picks only",
    "candidates": "Candidates above threshold only",
}


def describe_export(result: ExportResult) -> list[str]:
    """Report what was written, a line each: counts, files, what was skipped."""
    counts = result.counts
    empty = f" ({counts.empty:,} without picks)" if counts.empty else ""
    lines = [
        f"{tell_count(counts.picks, 'pick')} of {tell_count(counts.micrographs, 'micrograph')}"
        f"{empty} written to {result.folder}:"
    ]
    for fmt, files in result.files.items():
        what = ONE_FILE.get(fmt) or tell_count(len(files), "file")
        lines.append(f"{FORMATS[fmt][0]}: {what}")
    return [*lines, *(f"{message[0].upper()}{message[1:]}." for message in result.messages)]


def next_steps(result: ExportResult) -> list[str]:
    """Say what to click next in RELION and cryoSPARC, where their files were written."""
    box, steps = say_sizes(result.boxes).removesuffix(" px"), []
    if files := result.files.get("relion"):
        steps.append(
            "Next in RELION: Particle extraction. On the I/O tab, micrograph STAR file: the one of "
            f"your CtfFind job; Input coordinates: {project_path(files[-1])}. On the extract tab, "
            f"Particle box size (pix): {box}."
        )
    if files := result.files.get("cryosparc"):
        steps.append(
            f"Next in cryoSPARC: Import Particle Stack. Particle meta path: {files[0]}; Ignore raw "
            "data: on; Ignore pose data: on; connect the micrographs as Source Exposures; Remove "
            "leading UID: on if they were picked outside cryoSPARC. Then Extract From "
            f"Micrographs with a box size of {box} px."
        )
    return steps
