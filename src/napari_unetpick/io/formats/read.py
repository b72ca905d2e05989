"""Reading picks: which format a file is in, and who reads it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import explain_read_error
from napari_unetpick.io.formats.relion_suffix import is_suffix_list
from napari_unetpick.io.names import micrograph_key
from napari_unetpick.io.picks import FARTHEST, Picks, PickSet, ReadOptions
from napari_unetpick.io.star import HEADER

READERS = {
    "csv": "csv_picks:read_csv",
    "star": "relion_list:read_relion",
    "relion": "relion_list:read_relion",
    "box": "eman:read_box",
    "cbox": "cryolo:read_cbox",
    "eman": "eman:read_eman",
    "topaz": "topaz:read_topaz",
    "cryosparc": "cryosparc:read_cryosparc",
    "cryoppp": "cryoppp:read_cryoppp",
    "project": "annotation_file:read_annotated",
}
"""Format -> module:function. Each is imported when it is used."""

FOLDER_EXTENSIONS = (".star", ".csv", ".tsv", ".box", ".cbox", ".json", ".txt", ".cs")
WITH_LINE_ENDS = (".star", ".csv", ".box", ".cbox")
"""Tables whose last line programs end, too."""
LABELS_FILE = "labels.csv"
NOT_PICKS = ("negatives.csv", "candidates.csv", "micrographs.csv", "areas.json")
"""Files of our own folders that hold something else than picks."""
ANNOTATIONS = b'"columns"'
"""What the head of a project's file of annotations holds, and EMAN's JSON does not."""
FEW = 3
"""From so many picks on, all in one pixel, they can't be meant so."""
BESIDE = ("truth.csv", "junk.csv", "particles.csv")
"""What simulated sets and classes hold beside their `picks.csv`; alone, these may be anybody's."""


def read_picks(
    path: str | Path,
    fmt: str | None = None,
    *,
    image_shapes: Mapping[str, tuple[int, int]] | None = None,
    pixel_size: float | None = None,
    scale: float = 1.0,
    pixel_sizes: Mapping[str, float] | None = None,
) -> PickSet:
    """Read picks from any supported file, or from all the pick files of a folder.

    Parameters
    ----------
    path
        File or folder. In a folder a RELION list file goes first; a table of label states
        (`micrograph,state`) is not picks.
    fmt
        One of `READERS`, or None to tell it from the content.
    image_shapes, pixel_size, scale, pixel_sizes
        See `ReadOptions`.

    Returns
    -------
    Picks by micrograph name as written; its `messages` report what was skipped.

    Raises
    ------
    InputError
        The file is missing, empty, of no known format, or misses what its format needs.
    """
    path = Path(path).expanduser()
    options = ReadOptions(image_shapes or {}, pixel_size, scale, pixel_sizes or {})
    if fmt is not None:
        check_readable(fmt)
    own = _in_pixels_of_the_picks(options)
    try:
        if path.is_dir():
            found = _read_folder(path, fmt, own)
        elif not path.exists():
            raise InputError(f"{path}: no such file or folder; check the path")
        else:
            found = _read_file(path, fmt, own)
    except OSError as error:
        raise explain_read_error(error, path) from None
    if not found:
        found.messages.append(f"{path.name}: has no picks (0 rows)")
    if scale == 1.0:
        _refuse_fractions(found, path)
    every = [_as_read(each, options.scale) for each in found.values()]
    for each in every:
        good = np.abs(each.coords) < FARTHEST
        if not good.all():
            row, column = each.coords[~good.all(axis=1)][0]
            raise InputError(
                f"{path}: a pick of {each.micrograph} at x {column:g}, y {row:g} is not "
                "possible; correct or remove its row"
            )
    return PickSet(every, found.messages, str(path))


def _refuse_fractions(found: PickSet, path: Path) -> None:
    """Refuse picks that all lie in the first pixel: some programs write fractions of the image."""
    coords = np.concatenate([np.empty((0, 2)), *(each.coords for each in found.values())])
    if len(coords) >= FEW and ((coords >= 0) & (coords <= 1)).all() and (coords % 1).any():
        raise InputError(
            f"{path}: all its x and y lie between 0 and 1, so they are fractions of the image; "
            "multiply them by its width and height in pixels"
        )


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
        pixel_sizes={name: size * options.scale for name, size in options.pixel_sizes.items()},
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


def check_readable(fmt: str) -> None:
    """Raise InputError for a format that is not read."""
    if fmt not in READERS:
        raise InputError(f"format {fmt!r} cannot be read; give one of {', '.join(READERS)}")


def sniff(path: Path) -> str:
    """Tell the format of a pick file from its first lines, and only then from its extension."""
    suffix = path.suffix.lower()
    if is_suffix_list(path):
        return "relion"
    with open(path, "rb") as file:
        head = file.read(16384)
    if head.startswith(b"\x93NUMPY") or head[1:6] == b"CSDAT" or suffix in (".cs", ".csg"):
        return "cryosparc"
    if not head.strip() and suffix == ".box":
        return "box"  # EMAN leaves an empty file for a micrograph without particles
    if b"\0" not in head:
        lines = [line.strip() for line in head.decode("latin-1").lstrip("ï»¿").splitlines()]
        lines = [line for line in lines if line and line[0] != "#"]
        if lines and HEADER.fullmatch(lines[0]):
            return "cbox" if suffix == ".cbox" or "data_cryolo" in lines else "star"
        if lines and lines[0][0] in "{[":
            return "project" if ANNOTATIONS in head else "eman"
        header = lines[0].lower() if lines else ""
        if "image_name" in header and "x_coord" in header:
            return "topaz"
        if "x-coordinate" in header:
            return "cryoppp"
        if b"\n#helix" in head or (lines and suffix != ".csv" and _is_box_row(lines[0])):
            return "box"
    by_suffix = {".csv": "csv", ".tsv": "csv", ".star": "star", ".box": "box", ".cbox": "cbox"}
    by_suffix |= {".json": "eman", ".txt": "topaz"}
    if suffix in by_suffix:
        return by_suffix[suffix]
    raise InputError(
        f"{path}: is not a known picks file; give one of {', '.join(READERS)} (see the docs)"
    )


def _is_box_row(line: str) -> bool:
    try:
        return len([float(value) for value in line.split()]) >= 4
    except ValueError:
        return False


def _reader(fmt: str) -> Callable[[Path, ReadOptions], PickSet]:
    module, function = READERS[fmt].split(":")
    reader: Callable[[Path, ReadOptions], PickSet] = getattr(
        import_module(f"napari_unetpick.io.formats.{module}"), function
    )
    return reader


def _read_file(file: Path, fmt: str | None, options: ReadOptions) -> PickSet:
    found = _reader(fmt or sniff(file))(file, options)
    if file.suffix.lower() in WITH_LINE_ENDS and not _ends_with_a_line(file):
        found.messages.append(f"{file.name}: ends inside a line; is the file cut short?")
    return found


def _ends_with_a_line(file: Path) -> bool:
    """Tell whether a text file ends with a line end, as programs write them, or is empty."""
    with open(file, "rb") as handle:
        size = handle.seek(0, os.SEEK_END)
        handle.seek(max(size - 2, 0))  # a line end of UTF-16 has two bytes
        return not size or not {*b"\r\n"}.isdisjoint(handle.read())


def _read_folder(folder: Path, fmt: str | None, options: ReadOptions) -> PickSet:
    """Read a RELION list file if the folder has one, else all its pick files."""
    files = sorted(f for f in folder.iterdir() if _may_hold_picks(f))
    beside = [f for f in files if f.name.lower() in BESIDE and (folder / "picks.csv").is_file()]
    files = [f for f in files if f not in beside]
    if not files and (folder / "info").is_dir():  # an EMAN2 project
        files = sorted((folder / "info").glob("*_info.json"))
    lists = [f for f in files if f.suffix.lower() in (".star", ".box") and _is_list_file(f)]
    if len(lists) > 1:
        names = ", ".join(f.name for f in lists)
        raise InputError(f"{folder}: has several RELION lists ({names}); give one of them")
    found = PickSet()
    origin: dict[str, Path] = {}
    for file in lists or files:
        if file not in lists and not has_coordinates(file):
            found.messages.append(f"{file.name}: has no picks, skipped")
            continue
        picks = _read_file(file, fmt, options)
        found.messages += picks.messages
        for name, each in picks.items():
            key = micrograph_key(name)
            if key in origin:
                raise InputError(
                    f"{folder}: both {origin[key].name} and {file.name} have picks of "
                    f"{key}; give one of them, or keep them in separate folders"
                )
            found[name] = each
        origin |= {micrograph_key(name): file for name in picks}
    if not found and len(found.messages) == len(lists or files):
        left_out = f"; {found.messages[0]}" if found.messages else ""
        kinds = ", ".join(FOLDER_EXTENSIONS)
        raise InputError(
            f"{folder}: has no picks files ({kinds}; subfolders are not searched){left_out}"
        )
    if not lists:
        found.messages += [f"{f.name}: skipped, since the folder has a picks.csv" for f in beside]
    return found


def _may_hold_picks(file: Path) -> bool:
    name = file.name.lower()
    return (
        file.suffix.lower() in FOLDER_EXTENSIONS
        and not name.startswith(".")
        and not name.endswith((".extra.csv", ".areas.json"))
        and name not in NOT_PICKS
        and file.is_file()
        and not (name == LABELS_FILE and holds_states(file))
    )


def holds_states(file: Path) -> bool:
    """Tell whether a `labels.csv` is a table of label states: others call their picks so."""
    return not has_coordinates(file)


def _is_list_file(file: Path) -> bool:
    if is_suffix_list(file):
        return True
    with open(file, "rb") as handle:
        return b"_rlnMicrographCoordinates" in handle.read(4096)


def has_coordinates(file: Path) -> bool:
    """Tell whether the head of a file speaks of coordinates at all; .box and .cbox do."""
    suffix = file.suffix.lower()
    with open(file, "rb") as handle:
        head = handle.read(65536).lower()
    if suffix in (".box", ".cbox"):
        return True
    if suffix == ".cs":  # the fields stand in the header; a packed one is left to its reader
        return b"location/center_x_frac" in head or not head.startswith(b"\x93numpy")
    if suffix == ".star":
        labels = (b"_rlncoordinatex", b"_rlnmicrographcoordinates", b"_cistemoriginalxposition")
        return any(label in head for label in labels)
    if suffix == ".json":
        return b'"boxes"' in head or ANNOTATIONS in head
    if b"\n#helix" in head:
        return True
    first = head.lstrip(b"\xef\xbb\xbf \r\n").split(b"\n")[0].replace(b'"', b"")
    names = {name.strip() for name in first.replace(b";", b",").replace(b"\t", b",").split(b",")}
    return bool(names & {b"x", b"y", b"x_coord", b"x-coordinate", b"axis-0"}) or _is_box_row(
        first.decode("latin-1")
    )
