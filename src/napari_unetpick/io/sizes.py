"""What a micrograph's pixel size and a particle's diameter can be: one rule each, for everybody."""

from __future__ import annotations

import math
from numbers import Real

from napari_unetpick.errors import InputError

PIXEL_SIZES = (0.1, 50.0)
"""A/px; outside of it a header holds something else (0, a DPI, a length in nm)."""
DIAMETERS = (10.0, 5000.0)
"""A; from a small protein to the largest viruses."""


def is_pixel_size(value: float) -> bool:
    """Tell whether a number can be the pixel size (A/px) of a micrograph."""
    return _within(value, PIXEL_SIZES)


def check_pixel_size(value: float) -> float:
    """Return a pixel size (A/px); an InputError if no micrograph can have it."""
    return _checked("pixel size", value, PIXEL_SIZES, "A/px", "--pixel-size")


def is_diameter(value: float) -> bool:
    """Tell whether a number can be the diameter (A) of a particle."""
    return _within(value, DIAMETERS)


def check_diameter(value: float) -> float:
    """Return a diameter (A); an InputError if no particle can have it."""
    return _checked("particle diameter", value, DIAMETERS, "A", "--diameter")


def check_sizes(diameter: float | None, pixel_size: float | None, border: float = 0.0) -> None:
    """Refuse a diameter (A), a pixel size (A/px) or a border (A) that is given and cannot be."""
    if diameter is not None:
        check_diameter(diameter)
    if pixel_size is not None:
        check_pixel_size(pixel_size)
    if not (math.isfinite(border) and border >= 0):
        raise InputError(f"--border {border:g}: give the width of the border in Angstrom, or 0")


def _within(value: float, limits: tuple[float, float]) -> bool:
    return math.isfinite(value) and limits[0] <= value <= limits[1]


def _checked(what: str, value: float, limits: tuple[float, float], unit: str, option: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InputError(f"the {what} {value!r} is not a number; give it in {unit}")
    if not _within(value, limits):
        fix = f"give one of {limits[0]:g} to {limits[1]:g} {unit}"
        raise InputError(
            f"a {what} of {value:g} {unit} is out of range", f"{fix} ({option})", viewer=fix
        )
    return float(value)
