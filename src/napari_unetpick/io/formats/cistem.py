"""cisTEM's STAR: places of particles in A on the images they come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_unetpick.errors import InputError
from napari_unetpick.io.formats.csv_picks import group_rows
from napari_unetpick.io.picks import PickSet, ReadOptions, tell_count
from napari_unetpick.io.star import Block

X, Y = "cisTEMOriginalXPosition", "cisTEMOriginalYPosition"
IMAGE, PIXEL_SIZE = "cisTEMOriginalImageFilename", "cisTEMPixelSize"
SHIFTS = ("cisTEMXShift", "cisTEMYShift")


def read_cistem(table: Block, path: Path, options: ReadOptions) -> PickSet:
    """Read the picks of a table: column = X / pixel size, row = Y / pixel size of the micrograph.

    The pixel size is the user's, else the micrograph's own, else that of the particle images.

    Raises
    ------
    InputError
        It names no images, or a pixel size is unknown.
    """
    names = table.text(IMAGE)
    size = options.pixel_sizes_of(names)
    messages = []
    if PIXEL_SIZE in table and not (size > 0).all():
        size = np.where(size > 0, size, table.numbers(PIXEL_SIZE))
        messages.append(
            f"positions converted with _{PIXEL_SIZE} ({size[0]:g} A/px), that of the particles; if "
            "the micrographs have another one, give --pixel-size"
        )
    if not (size > 0).all():
        raise InputError(
            f"{path}: its positions are in A, but it has no pixel size",
            "give --pixel-size",
            viewer="enter the pixel size in Annotate, under the diameter",
        )
    moved = sum(table.numbers(label) != 0 for label in SHIFTS if label in table)
    if count := int(np.count_nonzero(moved)):
        messages.append(
            f"{tell_count(count, 'particle')} not recentred: cisTEM's shifts are not applied"
        )
    numbers = {"x": table.numbers(X) / size, "y": table.numbers(Y) / size}
    return PickSet(group_rows(names, numbers, "cisTEM"), messages)
