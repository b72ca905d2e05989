"""Sizes of a CryoPPP set: the particle's diameter in pixels, and what a pixel is in A."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_unetpick.errors import InputError, UnetPickError
from napari_unetpick.io.picks import Picks
from napari_unetpick.io.sizes import is_diameter, is_pixel_size
from napari_unetpick.io.star import read_star
from napari_unetpick.study.cryoppp.published import PUBLISHED

OPTICS_LABELS = ("rlnMicrographPixelSize", "rlnMicrographOriginalPixelSize", "rlnImagePixelSize")
SAME = 0.01  # relative difference of pixel sizes that nobody needs to hear of


def find_diameter(name: str, folder: Path, truth: Iterable[Picks]) -> float:
    """Return the particle diameter in pixels: the truth's median, or the published one."""
    known = [each.diameters for each in truth if each.diameters is not None]
    values = np.concatenate(known) if known else np.empty(0)
    values = values[np.isfinite(values) & (values > 0)]
    if len(values):
        return float(np.median(values))
    if name in PUBLISHED:
        return PUBLISHED[name].diameter_px
    raise InputError(f"{folder}: its truth has no diameters, and none is published for {name}")


def fill_diameters(picks: Picks, diameter_px: float) -> Picks:
    """Return the picks with the set's diameter (pixels) where they have none of their own."""
    own = np.full(len(picks), np.nan) if picks.diameters is None else picks.diameters
    known = np.isfinite(own) & (own > 0)
    return replace(picks, diameters=np.where(known, own, diameter_px))


def find_pixel_size(
    name: str, folder: Path, headers: list[float], diameter_px: float, notes: list[str]
) -> float:
    """Return A/px: the published one, else that of the set's STAR, else the headers', else 1.

    Headers are often wrong or empty. What was overridden is added to `notes`.
    """
    published = PUBLISHED[name].pixel_size if name in PUBLISHED else None
    header = float(np.median(headers)) if headers else None
    declared = _declared(folder / "ground_truth")
    sources = {"published": published, "its STAR": declared, "its headers": header}
    known = {
        source: size
        for source, size in sources.items()
        if size is not None and is_diameter(size * diameter_px)
    }
    if not known:
        notes.append("the pixel size is unknown: 1 A/px is assumed, so lengths in A are pixels")
        return 1.0
    source, size = next(iter(known.items()))
    others = [f"{each:g} ({s})" for s, each in known.items() if abs(each / size - 1) > SAME]
    if others:
        notes.append(f"pixel size {size:g} A/px ({source}) instead of {' and '.join(others)}")
    return size


def _declared(folder: Path) -> float | None:
    """Return the pixel size that the optics of CryoPPP's own STAR declare, if they do."""
    for star in sorted(folder.glob("*.star")):
        try:
            blocks = [block for block in read_star(star) if len(block)]
            for label in OPTICS_LABELS:
                for block in blocks:
                    if label in block and is_pixel_size(float(block.numbers(label)[0])):
                        return round(float(block.numbers(label)[0]), 5)
        except UnetPickError:
            continue
    return None
