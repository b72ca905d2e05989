"""Writing picks, in any format that is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from napari_unetpick.errors import InputError
from napari_unetpick.io.formats.box_size import box_size_for
from napari_unetpick.io.formats.cryolo import write_cbox
from napari_unetpick.io.formats.csv_picks import write_csv
from napari_unetpick.io.formats.eman import write_box, write_eman
from napari_unetpick.io.formats.output_files import per_micrograph, refuse_file, refuse_folder
from napari_unetpick.io.formats.relion_list import write_autopick
from napari_unetpick.io.formats.relion_picks import write_combined_star, write_star
from napari_unetpick.io.formats.topaz import write_topaz
from napari_unetpick.io.picks import FARTHEST, Picks

WRITERS = ("csv", "star", "relion", "box", "cbox", "eman", "topaz", "cryosparc")
ENDINGS = {
    "star": "_autopick.star",
    "relion": "_autopick.star",
    "box": ".box",
    "cbox": ".cbox",
    "eman": "_info.json",
}
"""How the file of a micrograph ends, where a format has one for each."""


def write_picks(
    picks: Mapping[str, Picks],
    out: str | Path,
    fmt: str,
    *,
    box_size: int | Mapping[str, int] | None = None,
) -> list[Path]:
    """Write picks as `fmt` (one of `WRITERS`) to a file or folder; return the files.

    Parameters
    ----------
    picks
        By micrograph name.
    box_size
        Pixels of the micrograph, even, for the formats that store boxes; one for all, or one each
        by the name in `Picks`; None: from the diameters.

    Raises
    ------
    InputError
        The format is not written, the box size cannot be, or two micrographs share a file.
    """
    check_writable(fmt)
    out = Path(out).expanduser()
    each = list(picks.values())
    names = [one.micrograph for one in each]
    sizes = box_size if isinstance(box_size, Mapping) else dict.fromkeys(names, box_size)
    for size in sizes.values():
        if size is not None and not 2 <= size < FARTHEST:
            raise InputError(
                f"a box of {size} px is not possible; give another --box-size or --diameter"
            )
    if fmt in ("box", "cbox", "eman"):
        folder = out / "info" if fmt == "eman" and out.suffix != ".json" else out
        targets = per_micrograph(each, folder, ENDINGS[fmt])
        for one, target in targets:
            write_one(target, one, fmt, sizes[one.micrograph])
        return [target for _, target in targets]
    if fmt == "relion":
        refuse_file(out)
        return write_autopick(out, each)
    refuse_folder(out)
    if fmt == "csv":
        write_csv(out, each)
    elif fmt == "topaz":
        write_topaz(out, each)
    else:
        write_combined_star(out, each)
    return [out]


def write_one(path: Path, picks: Picks, fmt: str, box_size: int | None = None) -> None:
    """Write the file of one micrograph in one of the formats of `ENDINGS`."""
    if fmt == "eman":
        write_eman(path, picks)
    elif fmt in ("star", "relion"):
        write_star(path, picks)
    else:
        write = write_box if fmt == "box" else write_cbox
        write(path, picks, box_size_for(picks) if box_size is None else box_size)


def check_writable(fmt: str) -> None:
    """Raise InputError for a format that is not written."""
    if fmt not in WRITERS:
        raise InputError(f"format {fmt!r} cannot be written; give one of {', '.join(WRITERS)}")
