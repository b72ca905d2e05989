"""Coordinates in STAR: one file a micrograph, combined, or a particles STAR with its shifts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.formats.csv_picks import group_rows
from napari_unetpick.io.images.relion_star import magnification_pixel_size, number_by_row
from napari_unetpick.io.picks import Picks, PickSet, ReadOptions, tell_count
from napari_unetpick.io.star import Block, format_loop, quote, read_star

RELION_SUFFIX = re.compile("(?<=.)_(auto|manual)pick$")
UNSET = -999.0
"""What RELION writes for a figure of merit, class or angle that is not known."""
UNKNOWN = (UNSET, -9999.0)
"""That, and what crYOLO writes."""
TOMOGRAM = ("rlnTomoName", "rlnCenteredCoordinateXAngst")
MICROGRAPH_PIXEL_SIZE = ("rlnMicrographPixelSize",)
MOVIE_PIXEL_SIZE = ("rlnMicrographOriginalPixelSize",)
IMAGE_PIXEL_SIZE = ("rlnImagePixelSize",)


def read_star_picks(path: Path, options: ReadOptions, blocks: list[Block] | None = None) -> PickSet:
    """Read the picks of a STAR file, or of its blocks: coordinates or particles.

    Raises
    ------
    InputError
        It holds no coordinates, or those of tomograms; shifts in A without the micrograph's pixel
        size.
    """
    blocks = read_star(path) if blocks is None else blocks
    table = _coordinate_table(blocks, path)
    x, y = table.numbers("rlnCoordinateX"), table.numbers("rlnCoordinateY")
    placed = ~(np.isin(x, UNKNOWN) & np.isin(y, UNKNOWN))
    if not placed.all():
        table, blocks = _placed_rows(table, blocks, placed, path)
        x, y = x[placed], y[placed]
    shift, messages = recentring_shift(blocks, table, options)
    if not placed.all():
        messages.append(f"{(~placed).sum():,} of {len(placed):,} rows have no coordinates: skipped")
    numbers = {"x": x - shift[:, 0], "y": y - shift[:, 1]}
    for axis, values in numbers.items():
        if not np.isfinite(values).all():
            raise InputError(f"{path}: a coordinate {axis} is not a number")
    if "rlnAutopickFigureOfMerit" in table:
        merit = table.numbers("rlnAutopickFigureOfMerit")
        numbers["score"] = np.where(np.isin(merit, UNKNOWN), np.nan, merit)
    if "rlnAnglePsi" in table:
        psi = table.numbers("rlnAnglePsi")
        psi[np.isin(psi, UNKNOWN)] = np.nan
        if np.nan_to_num(psi).any():
            numbers["angle"] = psi
    if "rlnHelicalTubeID" in table:
        numbers["track"] = table.numbers("rlnHelicalTubeID")
    if "rlnMicrographName" in table:
        picks = group_rows(table.text("rlnMicrographName"), numbers)
    elif "rlnImageName" in table:
        raise InputError(
            f"{path}: its particles have no micrograph name (no column _rlnMicrographName)"
        )
    else:
        stem = RELION_SUFFIX.sub("", path.stem)
        picks = group_rows([stem] * len(table), numbers) or [Picks(stem)]
    return PickSet(picks, messages)


def recentring_shift(
    blocks: list[Block], table: Block, options: ReadOptions
) -> tuple[NDArray[np.float64], list[str]]:
    """Return what to subtract from the coordinates, (N, 2) (x, y) in micrograph pixels.

    Alignment finds a particle off the centre of its image by an origin; the true centre is
    coordinate - origin, in micrograph pixels. Since RELION 3.1 the origin is in A: with
    rlnCoordinateX 100, rlnOriginXAngst 6 and 1.5 A/px the centre is at 100 - 6 / 1.5 = 96.
    Before, it was in pixels of the particle image, which may be binned: rlnOriginX 2 at 3 A/px on a
    micrograph of 1.5 A/px makes 100 - 2 * 3 / 1.5 = 96 as well.
    """
    in_angstrom = "rlnOriginXAngst" in table and "rlnOriginYAngst" in table
    labels = ("rlnOriginXAngst", "rlnOriginYAngst") if in_angstrom else ("rlnOriginX", "rlnOriginY")
    none = np.zeros((len(table), 2))
    if not options.recentre or not all(label in table for label in labels):
        return none, []
    origin = np.column_stack([table.numbers(label) for label in labels])
    moved = int(origin.any(axis=1).sum())
    if not moved:
        return none, []
    messages = [
        f"{moved:,} of {tell_count(len(table), 'coordinate')} corrected by recentring shifts"
    ]
    scale = (_scale_of_angstrom if in_angstrom else _scale_of_pixels)(
        blocks, table, options, messages
    )
    return origin * scale[:, None], messages


def _scale_of_angstrom(
    blocks: list[Block], table: Block, options: ReadOptions, messages: list[str]
) -> NDArray[np.float64]:
    """Return micrograph pixels per A, (N,)."""
    size = _micrograph_pixel_size(blocks, table, options, messages)
    if size is None:
        raise _lacks_pixel_size(table, "in A")
    return 1.0 / size


def _scale_of_pixels(
    blocks: list[Block], table: Block, options: ReadOptions, messages: list[str]
) -> NDArray[np.float64]:
    """Return micrograph pixels per particle pixel, (N,); 1 where the particles' is unknown."""
    particle = magnification_pixel_size(table) or number_by_row(blocks, table, IMAGE_PIXEL_SIZE)
    if particle is None:
        messages.append(
            "recentring shifts taken as micrograph pixels, since the file has no pixel size of the "
            "particles; wrong if they were binned"
        )
        return np.ones(len(table))
    size = _micrograph_pixel_size(blocks, table, options, messages)
    if size is None:
        raise _lacks_pixel_size(table, "in pixels of the particles")
    return np.array([particle(row) or np.nan for row in range(len(table))]) / size


def _lacks_pixel_size(table: Block, unit: str) -> InputError:
    return InputError(
        f"{table.source}: its recentring shifts are {unit}, but it has no pixel size of "
        "the micrographs",
        "give --pixel-size",
        viewer="enter the pixel size in Annotate, under the diameter",
    )


def _micrograph_pixel_size(
    blocks: list[Block], table: Block, options: ReadOptions, messages: list[str]
) -> NDArray[np.float64] | None:
    """Return the micrographs' A/px by row, or None where one is unknown.

    The user's goes first, then the file's own, then the micrographs' themselves, and then the
    movies' in the file, which is another one where motion correction binned.
    """
    if options.pixel_size is not None:
        return np.full(len(table), options.pixel_size)
    size = _by_row(blocks, table, MICROGRAPH_PIXEL_SIZE)
    if "rlnMicrographName" in table:
        size = np.where(size > 0, size, options.pixel_sizes_of(table.text("rlnMicrographName")))
    if not (size > 0).all():
        movie = _by_row(blocks, table, MOVIE_PIXEL_SIZE)
        used = ~(size > 0) & (movie > 0)
        size = np.where(used, movie, size)
        if used.any():
            messages.append(
                f"shifts converted with _{MOVIE_PIXEL_SIZE[0]} ({movie[used][0]:g} A/px); if "
                "motion correction binned the micrographs, give --pixel-size"
            )
    return size if (size > 0).all() else None


def _by_row(blocks: list[Block], table: Block, labels: tuple[str, ...]) -> NDArray[np.float64]:
    """Return the pixel size of each row, (N,), NaN where it is unknown."""
    by_row = number_by_row(blocks, table, labels) or (lambda row: None)
    return np.array([by_row(row) or np.nan for row in range(len(table))], np.float64)


def write_star(path: Path, picks: Picks) -> None:
    """Write one micrograph's coordinates: one bare `data_` block, class 0, psi 0 if unknown.

    RELION reads only the first block, so there is no optics block. Without scores there is no
    figure of merit: an invented one would pass or fail Extract's minimum.
    """
    labels = ["rlnCoordinateX", "rlnCoordinateY", "rlnClassNumber", "rlnAnglePsi"]
    psi = np.zeros(len(picks)) if picks.angles is None else picks.angles
    form = "%12.3f %12.3f            0 %12.6f"
    columns: list[NDArray[Any]] = [picks.coords[:, 1], picks.coords[:, 0]]
    columns.append(np.nan_to_num(psi, nan=UNSET))
    if picks.scores is not None:
        labels.append("rlnAutopickFigureOfMerit")
        form += " %12.6f"
        columns.append(np.nan_to_num(picks.scores, nan=UNSET))
    if picks.tracks is not None:
        labels.append("rlnHelicalTubeID")
        form += " %6d"
        columns.append(picks.tracks)
    rows = map(form.__mod__, zip(*(column.tolist() for column in columns), strict=True))
    write_text(path, "# version 30001\n\n" + format_loop("", labels, rows))


def write_combined_star(path: Path, picks: Iterable[Picks]) -> None:
    """Write one table of all micrographs, as cryoSPARC's Import Particle Stack takes it."""
    each = list(picks)
    scored = any(p.scores is not None for p in each)
    labels = ["rlnMicrographName", "rlnCoordinateX", "rlnCoordinateY"]
    labels += ["rlnAutopickFigureOfMerit"] * scored
    rows: list[str] = []
    for one in each:
        form = quote(one.micrograph).replace("%", "%%") + " %.3f %.3f"
        columns = [one.coords[:, 1], one.coords[:, 0]]
        if scored:
            form += " %.6f"
            scores = np.full(len(one), UNSET) if one.scores is None else one.scores
            columns.append(np.nan_to_num(scores, nan=UNSET))
        rows += map(form.__mod__, zip(*(c.tolist() for c in columns), strict=True))
    write_text(path, format_loop("", labels, rows))


def _placed_rows(
    table: Block, blocks: list[Block], placed: NDArray[np.bool_], path: Path
) -> tuple[Block, list[Block]]:
    """Return the table, and the file, without the rows whose coordinates are unknown."""
    if not placed.any():
        raise InputError(
            f"{path}: its particles have no coordinates (all are {UNSET:g}), as those of an "
            "imported stack; give the job that extracted them from micrographs"
        )
    columns = {name: tuple(compress(column, placed)) for name, column in table.columns.items()}
    kept = replace(table, columns=columns)
    return kept, [kept if block is table else block for block in blocks]


def _coordinate_table(blocks: list[Block], path: Path) -> Block:
    for block in blocks:
        depth = "rlnCoordinateZ" in block and block.numbers("rlnCoordinateZ").any()
        if depth or any(label in block for label in TOMOGRAM):
            raise InputError(f"{path}: has particles of tomograms, not of micrographs")
        if "rlnCoordinateX" in block and "rlnCoordinateY" in block:
            return block
    columns = ", ".join(f"_{label}" for block in blocks for label in block.columns) or "none"
    raise InputError(
        f"{path}: has no picks: no _rlnCoordinateX and _rlnCoordinateY (it has: {columns})"
    )
