"""Which micrographs train, validate and test: a CSV `micrograph,split`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from napari_unetpick.errors import InputError
from napari_unetpick.io.choices import read_choices
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.names import match_names, micrograph_key

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")


def read_split(path: Path, micrographs: list[Micrograph]) -> dict[str, Part]:
    """Read which part each micrograph belongs to, by key; those not named are left out.

    Raises
    ------
    InputError
        A column is missing, a part is unknown, rows contradict, or no micrograph is named.
    """
    named = read_choices(path, "split", PARTS)
    pairs = match_names(named, [m.name for m in micrographs]).pairs
    if not pairs:
        raise InputError(
            f"{path}: has none of the given micrographs; names must agree except for folder "
            "and extension"
        )
    return {micrograph_key(given): named[name] for name, given in pairs.items()}
