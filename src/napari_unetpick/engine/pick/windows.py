"""Windows of a few micrographs, scored at any diameter and in either contrast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.engine.data.preprocess import Prepared, preprocess
from napari_unetpick.engine.pick.ensemble import Scorer
from napari_unetpick.engine.pick.find_one import find_one
from napari_unetpick.errors import InputError, UnetPickError
from napari_unetpick.io.images.image import check_values, read_micrograph, resolve_pixel_size
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.picking.scale import make_scale

Floats = NDArray[np.float64]
SURVEYED = 6
"""Micrographs that are looked at before the picking."""
ACROSS = 20.0
"""Width and height of a window, diameters: hundreds of particles, and one tile of the network."""


@dataclass(frozen=True, eq=False)
class Opened:
    """A micrograph ready to be cut: (rows, cols) of the file, and its pixel size in A/px."""

    name: str
    pixels: NDArray[np.generic]
    pixel_size: float


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a scorer finds in a window.

    Parameters
    ----------
    scores
        (N,) calibrated, of candidates at the model's minimum distance from each other.
    area
        Of the window, in squared diameters.
    """

    scores: Floats
    area: float


def spread(micrographs: Sequence[Micrograph], count: int = SURVEYED) -> list[Micrograph]:
    """Return up to `count` micrographs, evenly spread over the list by name."""
    ordered = sorted(micrographs, key=lambda each: each.name)
    if len(ordered) <= count:
        return ordered
    places = np.rint(np.linspace(0, len(ordered) - 1, count)).astype(int)
    return [ordered[place] for place in places]


def open_some(
    micrographs: Sequence[Micrograph], pixel_size: float | None, *, mapped: bool = True
) -> list[Opened]:
    """Open micrographs, without those that cannot be used; `mapped` as for `read_micrograph`.

    Raises
    ------
    InputError
        None of them can be used; the reason is that of the first.
    """
    opened: list[Opened] = []
    failure = ""
    for micrograph in micrographs:
        try:
            image = read_micrograph(micrograph.path, mapped=mapped)
            check_values(image, micrograph.name)
            size = resolve_pixel_size(micrograph, image, pixel_size)
            opened.append(Opened(micrograph.name, image.data, size))
        except UnetPickError as error:
            failure = failure or str(error)
    if not opened:
        raise InputError(failure or "no micrographs were given")
    return opened


def look(
    scorer: Scorer,
    opened: Opened,
    diameter: float,
    *,
    negative: bool = False,
    across: float = ACROSS,
    check_stop: Callable[[], None] = lambda: None,
) -> Evidence:
    """Score the middle of a micrograph, or of its negative, at a diameter in A.

    It is `across` diameters wide. A window without contrast is evidence of nothing.
    """
    side = int(np.ceil(across * diameter / opened.pixel_size))
    rows, cols = opened.pixels.shape
    top, left = max(rows - side, 0) // 2, max(cols - side, 0) // 2
    window = opened.pixels[top : top + side, left : left + side]
    scale = make_scale(
        (window.shape[0], window.shape[1]),
        opened.pixel_size,
        diameter,
        particle_px=scorer.settings.particle_px,
        upsample=scorer.settings.upsample,
        name=opened.name,
    )
    area = window.size / scale.diameter_px**2
    try:
        image = preprocess(window, scale, name=opened.name)
    except InputError:
        return Evidence(np.empty(0), area)
    prepared = Prepared(scale, opened.pixel_size, image)
    found = find_one(scorer, prepared, check_stop, negative=negative)
    return Evidence(thinned(found, scorer), area)


def thinned(found: Candidates, scorer: Scorer, distance: float | None = None) -> Floats:
    """Return the calibrated scores of the candidates that a minimum distance (diameters) leaves."""
    chosen, scores = found.picked(scorer.calibration, 0.0, distance)
    return np.asarray(scores[chosen])
