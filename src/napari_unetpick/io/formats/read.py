"""Which format a pick file is in, and who reads and writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.formats.output_files import (
    box_size_for,
    per_micrograph,
    refuse_file,
    refuse_folder,
)
from napari_unetpick.io.formats.star import HEADER
from napari_unetpick.io.names import micrograph_key
from napari_unetpick.io.picks import Picks, ReadOptions, ReadPicks

READERS = {
    "csv": "csv_picks:read_csv",
    "star": "relion_picks:read_star_picks",
    "relion": "relion_picks:read_star_picks",
    "box": "box:read_box",
    "cbox": "cryolo:read_cbox",
    "eman": "eman:read_eman",
    "topaz": "topaz:read_topaz",
    "cryosparc": "cryosparc:read_cryosparc",
    "cryoppp": "cryoppp:read_cryoppp",
}
"""Format -> module:function. Each is imported when it is used."""

WRITERS = ("csv", "star", "relion", "box", "cbox", "eman", "topaz", "cryosparc")
FOLDER_EXTENSIONS = (".star", ".csv", ".tsv", ".box", ".cbox", ".json", ".txt", ".cs")
NOT_PICKS = ("labels.csv", "negatives.csv", "candidates.csv", "areas.json")
"""Files of our own folders that hold something else than picks."""
FARTHEST = 1e7  # px: no micrograph is so large, and coordinates and boxes stay whole numbers
SIMULATED = ("truth.csv", "junk.csv")
"""What a simulated set holds beside its `picks.csv`; alone, these may be anybody's picks."""


def read_any(path: Path, fmt: str | None, options: ReadOptions) -> ReadPicks:
    """Read a pick file, or every pick file of a folder; see `io.picks.read_picks`."""
    check_formats(fmt, None)
    own = _in_pixels_of_the_picks(options)
    try:
        if path.is_dir():
            found = _read_folder(path, fmt, own)
        elif not path.exists():
            raise InputError(f"{path}: no such file or folder")
        else:
            found = _reader(fmt or sniff(path))(path, own)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    every = [_as_read(each, options.scale) for each in found.values()]
    for each in every:
        good = np.abs(each.coords) < FARTHEST
        if not good.all():
            row, column = each.coords[~good.all(axis=1)][0]
            raise InputError(
                f"{path}: a pick of {each.micrograph} at x {column:g}, y {row:g} cannot be; "
                "mend or remove its row"
            )
    return ReadPicks(every, found.messages)


def _in_pixels_of_the_picks(options: ReadOptions) -> ReadOptions:
    """Return what the readers need, whose pixels are those of the images that were picked on.

    At a scale of 4 a micrograph of 4096 rows at 1 A/px was picked as 1024 rows at 4 A/px.
    """
    return ReadOptions(
        {
            name: (round(rows / options.scale), round(cols / options.scale))
            for name, (rows, cols) in options.image_shapes.items()
        },
        None if options.pixel_size is None else options.pixel_size * options.scale,
    )


def _as_read(picks: Picks, scale: float) -> Picks:
    """Return picks in pixels of the micrograph, with scores and diameters known, NaN or None.

    Pixel k of an image reduced by 8 lies at 8 k: that is how a Fourier crop reduces, as Topaz and
    RELION do, without any half-pixel shift.
    """
    sizes = None if picks.diameters is None else picks.diameters * scale
    return replace(
        picks,
        coords=picks.coords * scale,
        scores=_known(picks.scores),
        diameters=None if sizes is None else _known(np.where(sizes > 0, sizes, np.nan)),
    )


def _known(values: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """Return values with NaN where they are unknown; None where they all are."""
    if values is None or (len(values) and not np.isfinite(values).any()):
        return None
    return np.where(np.isfinite(values), values, np.nan)


def check_formats(source: str | None, to: str | None) -> None:
    """Raise InputError for a format that is not read, or not written."""
    if source is not None and source not in READERS:
        raise InputError(f"format {source!r} is not read; give one of {', '.join(READERS)}")
    if to is not None and to not in WRITERS:
        raise InputError(f"format {to!r} is not written; give one of {', '.join(WRITERS)}")


def sniff(path: Path) -> str:
    """Tell the format of a pick file from its first lines, and only then from its extension.

    Raises
    ------
    InputError
        It is none that is read.
    """
    suffix = path.suffix.lower()
    with open(path, "rb") as file:
        head = file.read(16384)
    if head.startswith(b"\x93NUMPY") or suffix == ".cs":
        return "cryosparc"
    if not head.strip() and suffix == ".box":
        return "box"  # EMAN leaves an empty file for a micrograph without particles
    if b"\0" not in head:
        lines = [line.strip() for line in head.decode("latin-1").lstrip("ï»¿").splitlines()]
        lines = [line for line in lines if line and line[0] != "#"]
        if lines and HEADER.fullmatch(lines[0]):
            return "cbox" if suffix == ".cbox" or "data_cryolo" in lines else "star"
        if lines and lines[0][0] in "{[":
            return "eman"
        header = lines[0].lower() if lines else ""
        if "image_name" in header and "x_coord" in header:
            return "topaz"
        if "x-coordinate" in header:
            return "cryoppp"
        if lines and suffix != ".csv" and _is_box_row(lines[0]):
            return "box"
    by_suffix = {".csv": "csv", ".tsv": "csv", ".star": "star", ".box": "box", ".cbox": "cbox"}
    by_suffix |= {".json": "eman", ".txt": "topaz"}
    if suffix in by_suffix:
        return by_suffix[suffix]
    raise InputError(
        f"{path}: is no pick file that is read; give one of {', '.join(READERS)} (see the docs)"
    )


def _is_box_row(line: str) -> bool:
    try:
        return len([float(value) for value in line.split()]) >= 4
    except ValueError:
        return False


def _reader(fmt: str) -> Callable[[Path, ReadOptions], ReadPicks]:
    module, function = READERS[fmt].split(":")
    reader: Callable[[Path, ReadOptions], ReadPicks] = getattr(
        import_module(f"napari_unetpick.io.formats.{module}"), function
    )
    return reader


def _read_folder(folder: Path, fmt: str | None, options: ReadOptions) -> ReadPicks:
    """Read a RELION list file if the folder has one, else all its pick files."""
    files = sorted(f for f in folder.iterdir() if _may_hold_picks(f))
    beside = [f for f in files if f.name.lower() in SIMULATED and (folder / "picks.csv").is_file()]
    files = [f for f in files if f not in beside]
    if not files and (folder / "info").is_dir():  # an EMAN2 project
        files = sorted((folder / "info").glob("*_info.json"))
    lists = [f for f in files if f.suffix.lower() == ".star" and _is_list_file(f)]
    if len(lists) > 1:
        names = ", ".join(f.name for f in lists)
        raise InputError(f"{folder}: holds several RELION lists ({names}); give one of them")
    found = ReadPicks()
    origin: dict[str, Path] = {}
    for file in lists or files:
        if not _has_coordinates(file):
            found.messages.append(f"{file.name}: holds no picks, left out")
            continue
        picks = _reader(fmt or sniff(file))(file, options)
        found.messages += picks.messages
        for name, each in picks.items():
            key = micrograph_key(name)
            if key in origin:
                raise InputError(
                    f"{folder}: both {origin[key].name} and {file.name} hold picks of {key}; "
                    "give one of them, or keep them in folders of their own"
                )
            found[name] = each
        origin |= {micrograph_key(name): file for name in picks}
    if not found and len(found.messages) == len(lists or files):
        left_out = f"; {found.messages[0]}" if found.messages else ""
        kinds = ", ".join(FOLDER_EXTENSIONS)
        raise InputError(f"{folder}: holds no pick files ({kinds}; no subfolders){left_out}")
    if not lists:
        found.messages += [f"{f.name}: is not read beside picks.csv, left out" for f in beside]
    return found


def _may_hold_picks(file: Path) -> bool:
    name = file.name.lower()
    return (
        file.suffix.lower() in FOLDER_EXTENSIONS
        and not name.startswith(".")
        and not name.endswith((".extra.csv", ".areas.json"))
        and name not in NOT_PICKS
        and file.is_file()
    )


def _is_list_file(file: Path) -> bool:
    with open(file, "rb") as handle:
        return b"_rlnMicrographCoordinates" in handle.read(4096)


def _has_coordinates(file: Path) -> bool:
    """Tell whether the head of a file speaks of coordinates at all; .box, .cbox and .cs do."""
    suffix = file.suffix.lower()
    with open(file, "rb") as handle:
        head = handle.read(65536).lower()
    if suffix in (".box", ".cbox", ".cs"):
        return True
    if suffix == ".star":
        return b"_rlncoordinatex" in head or b"_rlnmicrographcoordinates" in head
    if suffix == ".json":
        return b'"boxes"' in head
    first = head.lstrip(b"\xef\xbb\xbf \r\n").split(b"\n")[0].replace(b'"', b"")
    names = {name.strip() for name in first.replace(b";", b",").replace(b"\t", b",").split(b",")}
    return bool(names & {b"x", b"y", b"x_coord", b"x-coordinate"}) or _is_box_row(
        first.decode("latin-1")
    )


def write_any(
    picks: Mapping[str, Picks], out: Path, fmt: str, box_size: int | None = None
) -> list[Path]:
    """Write picks as `fmt`; see `io.picks.write_picks`."""
    from napari_unetpick.io.formats import box, cryolo, csv_picks, eman, relion_list, topaz

    check_formats(None, fmt)
    if box_size is not None and not 2 <= box_size < FARTHEST:
        raise InputError(f"a box of {box_size} px cannot be; give another --box-size or --diameter")
    each = list(picks.values())
    if fmt in ("box", "cbox"):
        write = box.write_box if fmt == "box" else cryolo.write_cbox
        targets = per_micrograph(each, out, f".{fmt}")
        for one, target in targets:
            write(target, one, box_size_for(one) if box_size is None else box_size)
        return [target for _, target in targets]
    if fmt == "eman":
        folder = out if out.suffix == ".json" else out / "info"
        targets = per_micrograph(each, folder, "_info.json")
        for one, target in targets:
            eman.write_eman(target, one)
        return [target for _, target in targets]
    if fmt == "relion":
        refuse_file(out)
        return relion_list.write_autopick(out, [(one.micrograph, one) for one in each])
    refuse_folder(out)
    if fmt == "csv":
        csv_picks.write_csv(out, each)
    elif fmt == "topaz":
        topaz.write_topaz(out, each)
    else:
        relion_list.write_combined_star(out, [(one.micrograph, one) for one in each])
    return [out]
