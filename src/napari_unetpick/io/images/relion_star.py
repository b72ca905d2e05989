"""RELION micrographs STAR (3.0 and since 3.1 with optics block) -> list of micrographs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from napari_unetpick.errors import InputError
from napari_unetpick.io.images.micrograph import Ctf, Micrograph
from napari_unetpick.io.names import find_root
from napari_unetpick.io.picks import tell_count
from napari_unetpick.io.star import Block, read_star

PIXEL_SIZE_LABELS = ("rlnMicrographPixelSize", "rlnPixelSize", "rlnMicrographOriginalPixelSize")
RESOLUTION_LABELS = ("rlnCtfMaxResolution", "rlnFinalResolution")
CTF_VALUES = {
    "rlnDefocusU": None,
    "rlnDefocusV": None,
    "rlnDefocusAngle": 0.0,
    "rlnVoltage": None,
    "rlnSphericalAberration": None,
    "rlnAmplitudeContrast": 0.1,
    "rlnPhaseShift": 0.0,
}
"""What `Ctf` takes, in its order, and what stands for a missing column, where something can."""
OPTICS = "optics"
Number = Callable[[int], float | None]


def read_micrograph_star(path: Path) -> list[Micrograph]:
    """Read a micrographs STAR; image paths are found from the working folder or above the STAR.

    Raises
    ------
    InputError
        The file is no micrographs STAR, lists none, or none of its images is found.
    """
    blocks = read_star(path)
    table = _micrograph_table(blocks, path)
    names = table.text("rlnMicrographName")
    if not names:
        raise InputError(f"{path}: lists no micrographs (its table has 0 rows)")
    root = find_root(names, path)
    if root is None:
        raise InputError(
            f"{path}: none of its {tell_count(len(names), 'micrograph')} is found (the first is "
            f"{names[0]}); run in the RELION project folder"
        )
    pixel_size = (
        number_by_row(blocks, table, PIXEL_SIZE_LABELS)
        or magnification_pixel_size(table)
        or (lambda row: None)
    )
    resolution = _first_column(table, RESOLUTION_LABELS)
    defocus_u, defocus_v = (_first_column(table, (f"rlnDefocus{a}",)) for a in "UV")
    group = _first_column(table, ("rlnOpticsGroup",))
    ctf = _ctf_by_row(blocks, table)
    micrographs = []
    for i, name in enumerate(names):
        u, v, g = defocus_u(i), defocus_v(i), group(i)
        defocus = u if v is None else v if u is None else (u + v) / 2
        optics_group = None if g is None else int(g)
        micrographs.append(
            Micrograph(
                root / name, name, pixel_size(i), defocus, resolution(i), optics_group, ctf(i)
            )
        )
    return micrographs


def _micrograph_table(blocks: list[Block], path: Path) -> Block:
    """Return the block that lists micrographs, or say what the file is instead."""
    for block in blocks:
        if "rlnCoordinateX" in block:
            raise InputError(f"{path}: lists particles, not micrographs; give the micrographs STAR")
        if "rlnMicrographName" in block:
            return block
    if any("rlnMicrographMovieName" in block for block in blocks):
        raise InputError(f"{path}: lists movies; motion-correct them and give that job's STAR")
    columns = ", ".join(f"_{label}" for block in blocks for label in block.columns) or "none"
    raise InputError(
        f"{path}: is not a micrographs STAR: no _rlnMicrographName (columns: {columns})"
    )


def _ctf_by_row(blocks: list[Block], table: Block) -> Callable[[int], Ctf | None]:
    """Return a function from row to CTF, which gives None where a value is missing."""
    columns = [number_by_row(blocks, table, (label,)) for label in CTF_VALUES]

    def ctf(row: int) -> Ctf | None:
        values = [
            instead if column is None else column(row)
            for column, instead in zip(columns, CTF_VALUES.values(), strict=True)
        ]
        known = [value for value in values if value is not None]
        return possible_ctf(known) if len(known) == len(values) else None

    return ctf


def possible_ctf(values: Sequence[float]) -> Ctf | None:
    """Return the CTF of the values in its order, or None where they cannot be."""
    if len(values) != len(CTF_VALUES) or not all(map(math.isfinite, values)):
        return None
    ctf = Ctf(*map(float, values))
    return ctf if ctf.voltage > 0 and ctf.cs >= 0 and 0 <= ctf.amplitude_contrast < 1 else None


def number_by_row(blocks: list[Block], table: Block, labels: tuple[str, ...]) -> Number | None:
    """Return a function from row to a number, or None where no label of `labels` is.

    Looked for in the row itself, then in its optics group.
    """
    if any(label in table for label in labels):
        return _first_column(table, labels)
    optics = next((b for b in blocks if b.name == OPTICS and len(b)), None)
    if optics is not None and any(label in optics for label in labels):
        size = _first_column(optics, labels)
        if "rlnOpticsGroup" not in optics or "rlnOpticsGroup" not in table:
            return lambda row: size(0)
        rows = {group: i for i, group in enumerate(optics.text("rlnOpticsGroup"))}
        groups = table.text("rlnOpticsGroup")
        return lambda row: size(rows[groups[row]]) if groups[row] in rows else None
    return None


def magnification_pixel_size(table: Block) -> Number | None:
    """Return the 3.0 dialect's pixel size by row, or None where it has no magnification.

    A/px = detector pixel (um) * 10,000 / magnification, e.g. 5 um at 50,000 x is 1 A/px.
    """
    if "rlnDetectorPixelSize" not in table or "rlnMagnification" not in table:
        return None
    detector = table.numbers("rlnDetectorPixelSize")
    magnification = table.numbers("rlnMagnification")
    return lambda row: (
        float(detector[row] * 1e4 / magnification[row]) if magnification[row] > 0 else None
    )


def _first_column(table: Block, labels: tuple[str, ...]) -> Number:
    """Return a function from row to the first of `labels` that the table has, None without."""
    label = next((label for label in labels if label in table), None)
    if label is None:
        return lambda row: None
    values = table.numbers(label)
    return lambda row: float(values[row])
