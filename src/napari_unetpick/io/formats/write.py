"""Writing picks, in any format that is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from napari_unetpick.errors import InputError
from napari_unetpick.io.formats.box import write_box
from napari_unetpick.io.formats.cryolo import write_cbox
from napari_unetpick.io.formats.csv_picks import write_csv
from napari_unetpick.io.formats.eman import write_eman
from napari_unetpick.io.formats.output_files import (
    box_size_for,
    per_micrograph,
    refuse_file,
    refuse_folder,
)
from napari_unetpick.io.formats.relion_list import write_autopick, write_combined_star
from napari_unetpick.io.formats.topaz import write_topaz
from napari_unetpick.io.picks import FARTHEST, Picks

WRITERS = ("csv", "star", "relion", "box", "cbox", "eman", "topaz", "cryosparc")


def write_picks(
    picks: Mapping[str, Picks], out: str | Path, fmt: str, *, box_size: int | None = None
) -> list[Path]:
    """Write picks as `fmt` (one of `WRITERS`) to a file or folder; return the files.

    Parameters
    ----------
    picks
        By micrograph name.
    box_size
        Pixels of the micrograph, even, for the formats that store boxes; None: from the diameters.

    Raises
    ------
    InputError
        The format is not written, the box size cannot be, or two micrographs share a file.
    """
    check_writable(fmt)
    out = Path(out).expanduser()
    if box_size is not None and not 2 <= box_size < FARTHEST:
        raise InputError(f"a box of {box_size} px cannot be; give another --box-size or --diameter")
    each = list(picks.values())
    if fmt in ("box", "cbox"):
        write = write_box if fmt == "box" else write_cbox
        targets = per_micrograph(each, out, f".{fmt}")
        for one, target in targets:
            write(target, one, box_size_for(one) if box_size is None else box_size)
        return [target for _, target in targets]
    if fmt == "eman":
        folder = out if out.suffix == ".json" else out / "info"
        targets = per_micrograph(each, folder, "_info.json")
        for one, target in targets:
            write_eman(target, one)
        return [target for _, target in targets]
    if fmt == "relion":
        refuse_file(out)
        return write_autopick(out, [(one.micrograph, one) for one in each])
    refuse_folder(out)
    if fmt == "csv":
        write_csv(out, each)
    elif fmt == "topaz":
        write_topaz(out, each)
    else:
        write_combined_star(out, [(one.micrograph, one) for one in each])
    return [out]


def check_writable(fmt: str) -> None:
    """Raise InputError for a format that is not written."""
    if fmt not in WRITERS:
        raise InputError(f"format {fmt!r} is not written; give one of {', '.join(WRITERS)}")
