"""Scale and orientation that a user gives picks, for all of them or for those of one name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from napari_unetpick.errors import InputError
from napari_unetpick.inspection.orientation import (
    AS_READ,
    Orientation,
    read_orientation,
    turn_picks,
)
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.images.image import Images
from napari_unetpick.io.picks import PickSet


@dataclass(frozen=True)
class Correction:
    """What is done to picks as they are read.

    Parameters
    ----------
    scale
        Factor for coordinates and diameters.
    orientation
        Applied after it, in pixels of the micrograph.
    """

    scale: float = 1.0
    orientation: Orientation = AS_READ

    def __post_init__(self) -> None:
        if not 0 < self.scale < inf:
            raise InputError(f"a scale of {self.scale:g} is not possible; give a number above 0")


AS_IT_IS = Correction()
NO_IMAGES = Images()
TRUTH = "truth"


@dataclass(frozen=True)
class Corrections:
    """Corrections by name of a set of picks ("truth", a method's), and that of all other picks."""

    other: Correction = AS_IT_IS
    named: Mapping[str, Correction] = field(default_factory=dict)

    def of(self, name: str) -> Correction:
        """Return the correction of a set; the truth has its own or none."""
        return self.named.get(name, AS_IT_IS if name == TRUTH else self.other)


UNCORRECTED = Corrections()


def make_correction(scale: float = 1.0, orientation: str = "none") -> Correction:
    """Return a correction from what a user gives.

    Raises
    ------
    InputError
        The scale is not above 0, or the orientation unknown.
    """
    return Correction(scale, read_orientation(orientation))


def read_corrected(
    path: str | Path,
    correction: Correction,
    images: Images = NO_IMAGES,
    pixel_size: float | None = None,
    fmt: str | None = None,
) -> PickSet:
    """Read picks (see `io.formats.read.read_picks`) in pixels and orientation of the micrographs.

    Raises
    ------
    InputError
        The file cannot be used, or its picks are to be mirrored without a known image size.
    """
    found = read_picks(
        path,
        fmt,
        image_shapes=images.shapes,
        pixel_size=pixel_size,
        scale=correction.scale,
        pixel_sizes=images.pixel_sizes,
    )
    return turn_picks(found, correction.orientation, images.shapes)


def read_corrections(
    scales: Sequence[str], orientations: Sequence[str], names: Sequence[str]
) -> Corrections:
    """Read `FACTOR` or `NAME=FACTOR`, and likewise orientations, each any number of times.

    Parameters
    ----------
    names
        Those that there are.

    Raises
    ------
    InputError
        A name is unknown, a factor no number, or an orientation unknown.
    """
    scaled = _by_name("--scale", scales, names)
    turned = _by_name("--orientation", orientations, names)
    factors = {name: _number(text) for name, text in scaled.items()}

    def correction(name: str) -> Correction:
        factor = factors.get(name, factors.get("", 1.0) if name != TRUTH else 1.0)
        other = turned.get("", "none") if name != TRUTH else "none"
        return make_correction(factor, turned.get(name, other))

    named = {name: correction(name) for name in {*scaled, *turned} - {""}}
    return Corrections(correction(""), named)


def _by_name(option: str, texts: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in texts:
        name, _, value = text.rpartition("=")
        if name and name not in names:
            raise InputError(f"{option} {text}: there is no {name}; give one of {', '.join(names)}")
        found[name] = value
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"--scale {text}: give a number above 0") from None
