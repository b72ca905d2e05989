"""cryoSPARC .cs particle files: centres as fractions of the image, and shifts of alignments.

For the way back, cryoSPARC imports the combined STAR that `write_combined_star` writes.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.formats.csv_picks import group_rows
from napari_unetpick.io.images.cs_table import Fields, as_text, first_numbers, load_fields
from napari_unetpick.io.names import base_name, match_names
from napari_unetpick.io.picks import Picks, PickSet, ReadOptions, tell_count
from napari_unetpick.io.star import read_text

NEEDED = tuple(
    f"location/{name}"
    for name in ("micrograph_path", "micrograph_shape", "center_x_frac", "center_y_frac")
)
SCORES = ("pick_stats/ncc_score",)
FILAMENT = "filament/filament_uid"
ALIGNMENTS = ("alignments3D", "alignments2D")
"""Whose shifts count, in cryoSPARC's own order: its extraction recentres by the 3D ones first."""
GROUP_LINE = re.compile(r"  (?P<result>\w+):|\s+metafile:\s*['\"]?>?(?P<file>[^'\"]+?)['\"]?\s*")
"""What names a result, or its file, in a group: two lines of the list `results:`."""
SAME_SIZE = 0.01
"""How far two sizes of an image, or its two ratios, may differ and still be one."""


def read_cryosparc(path: Path, options: ReadOptions | None = None) -> PickSet:
    """Read picks: column = center_x_frac * nx, row = center_y_frac * ny of the MRC as stored.

    Alignments move the centre: their shift is subtracted, in pixels of the size that stands beside
    it. Locations that are missing are looked for in the job's other file (`cs_table`). Fractions of
    an image of another size than the micrograph given become pixels of that.

    Raises
    ------
    InputError
        The file is no .cs, holds Python objects (which are never unpickled), has no locations, or
        shifts without pixel sizes; its images have another shape than those given.
    """
    path = _locations_of_group(path) if path.suffix.lower() == ".csg" else path
    fields, messages = load_fields(path, NEEDED)
    found = picks_of(fields, options or ReadOptions(), path)
    return PickSet(found.values(), [*messages, *found.messages])


def _locations_of_group(path: Path) -> Path:
    """Return the file of locations that a result group (`.csg`, YAML) names beside itself."""
    result = ""
    files: dict[str, str] = {}
    for line in read_text(path).splitlines():
        if match := GROUP_LINE.fullmatch(line):
            result = match["result"] or result
            files[result] = match["file"] or files.get(result, "")
    if not (name := files.get("location")):
        known = ", ".join(name for name, file in files.items() if file) or "none"
        raise InputError(f"{path}: names no file of particle locations (it has: {known})")
    file = path.parent / base_name(name)
    if not file.is_file():
        raise InputError(f"{path}: names {file.name}, which is not beside it")
    return file


def picks_of(fields: Fields, options: ReadOptions, path: Path) -> PickSet:
    """Return the picks of fields that were read, as `read_cryosparc` does."""
    _check(fields, path)
    shape = fields["location/micrograph_shape"].astype(np.float64)  # (ny, nx)
    moved, told = _shifts(fields, options, path)
    numbers: dict[str, NDArray[np.float64]] = {
        "x": fields["location/center_x_frac"].astype(np.float64) * shape[:, 1] - moved[:, 0],
        "y": fields["location/center_y_frac"].astype(np.float64) * shape[:, 0] - moved[:, 1],
    }
    score = first_numbers(fields, *SCORES)
    if score is not None:
        numbers["score"] = score
    if FILAMENT in fields:
        numbers["track"] = np.unique(fields[FILAMENT], return_inverse=True)[1].astype(np.float64)
    names = as_text(fields["location/micrograph_path"])
    sizes = {name: (float(ny), float(nx)) for name, (ny, nx) in zip(names, shape, strict=True)}
    picks, scaled = _fit(group_rows(names, numbers, "cryoSPARC"), sizes, options, path)
    return PickSet(picks, [*told, *scaled])


def _check(fields: Fields, path: Path) -> None:
    missing = [name for name in NEEDED if name not in fields]
    if missing and "micrograph_blob/path" in fields:
        raise InputError(f"{path}: lists micrographs, not particles; give the particles' .cs")
    if missing:
        raise InputError(
            f"{path}: no field {' and '.join(missing)}; put the job's passthrough file "
            "(*_passthrough_*.cs), which holds the locations, beside it"
        )
    shifts = [f"{name}/shift" for name in ALIGNMENTS if f"{name}/shift" in fields]
    for name in ("location/micrograph_shape", *shifts):
        if fields[name].shape[1:] != (2,):
            raise InputError(f"{path}: is damaged ({name} is not two numbers)")
    if (fields["location/micrograph_shape"] <= 0).any():
        raise InputError(
            f"{path}: has particles without a micrograph (location/micrograph_shape 0), as of an "
            "imported stack; give those of a picking or extraction job"
        )


def _shifts(
    fields: Fields, options: ReadOptions, path: Path
) -> tuple[NDArray[np.float64], list[str]]:
    """Return what to subtract from the centres, (N, 2) (x, y) in pixels of the micrograph.

    A shift of 4 pixels of 2 A on a micrograph of 1 A/px moves the centre by 8 pixels.
    """
    count = len(fields["location/center_x_frac"])
    which = next((name for name in ALIGNMENTS if f"{name}/shift" in fields), None)
    if which is None or not options.recentre or not fields[f"{which}/shift"].any():
        return np.zeros((count, 2)), []
    shift = fields[f"{which}/shift"].astype(np.float64)
    size = first_numbers(fields, f"{which}/psize_A", "blob/psize_A")
    micrograph = first_numbers(fields, "location/micrograph_psize_A")
    if micrograph is None:
        micrograph = options.pixel_sizes_of(as_text(fields["location/micrograph_path"]))
    if size is None or not (size > 0).all():
        raise InputError(
            f"{path}: its {which}/shift is in pixels of the particles, and {which}/psize_A is "
            "missing or 0; export a STAR with csparc2star.py"
        )
    if not (micrograph > 0).all():
        raise InputError(
            f"{path}: its {which}/shift needs the pixel size of the micrographs, and "
            "location/micrograph_psize_A is missing or 0",
            "give --pixel-size",
            viewer="enter the pixel size in Annotate, under the diameter",
        )
    moved = int(shift.any(axis=1).sum())
    told = f"{moved:,} of {tell_count(count, 'coordinate')} corrected by their shifts ({which})"
    return shift * (size / micrograph)[:, None], [told]


def _fit(
    picks: list[Picks], sizes: dict[str, tuple[float, float]], options: ReadOptions, path: Path
) -> tuple[list[Picks], list[str]]:
    """Bring picks to pixels of the micrographs given, where those have another size."""
    match = match_names(sizes, options.image_shapes) if options.image_shapes else None
    fitted: list[Picks] = []
    messages: list[str] = []
    for each in picks:
        own = sizes[each.micrograph]
        known = match.pairs.get(each.micrograph) if match else None
        given = own if known is None else options.image_shapes[known]
        rows, columns = (there / here for there, here in zip(given, own, strict=True))
        if max(abs(rows - 1), abs(columns - 1)) > SAME_SIZE:
            seen = f"{own[0]:.0f} x {own[1]:.0f} px"
            if abs(rows / columns - 1) > SAME_SIZE:
                raise InputError(
                    f"{path}: {each.micrograph} was {seen} in cryoSPARC, and the micrograph given "
                    f"is {given[0]:.0f} x {given[1]:.0f} px; give the micrographs that it used"
                )
            each = replace(each, coords=each.coords * [rows, columns])
            if not messages:
                messages = [
                    f"{path.name}: picked on images of {seen}; scaled to those given, of "
                    f"{given[0]:.0f} x {given[1]:.0f} px"
                ]
        fitted.append(each)
    return fitted, messages
