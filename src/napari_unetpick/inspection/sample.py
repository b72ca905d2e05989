"""Some micrographs of a set, spread over it, read to compare picks with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import UnetPickError
from napari_unetpick.inspection.evidence import Evidence, View, strength
from napari_unetpick.inspection.orientation import AS_READ, Orientation
from napari_unetpick.io.images.image import read_micrograph
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import Picks
from napari_unetpick.picking.diameter import Picture, estimate_diameter
from napari_unetpick.picking.scale import SMALLEST_PX

CLEAR = 1.5  # strength of the evidence that is no accident: chance stays below 1.3
CERTAIN = 2.5  # strength from which no other orientation needs to be tried
BETTER = 1.5  # times: by so much another orientation or scale must be stronger
MOST = 16  # micrographs that are read
LEAST_ACROSS = 4  # diameters that an image is wide
ENOUGH, AT_LEAST = 1000, 4  # picks and micrographs: with both, no more are read

Floats = NDArray[np.float64]
OpenImage = Callable[[Path], Any]
"""Opens the file of an image: (rows, cols), an array or what reads parts of the file as one."""


def map_image(path: Path) -> NDArray[Any]:
    """Open an image mapped into memory where that can be."""
    return read_micrograph(path).data


@dataclass(frozen=True)
class Seen:
    """A micrograph that was read: its picks, pixels of the file, and its image."""

    key: str
    coords: Floats
    view: View

    def evidence(self, orientation: Orientation = AS_READ, scale: float = 1.0) -> Evidence | None:
        """Return the evidence for the picks at another scale or orientation."""
        return self.view.evidence(orientation.apply(self.coords * scale, self.view.shape))


@dataclass(frozen=True)
class Sample:
    """The micrographs that were read."""

    seen: tuple[Seen, ...] = ()

    @property
    def count(self) -> int:
        """Number of picks on them."""
        return sum(len(each.coords) for each in self.seen)

    def strength(self, orientation: Orientation = AS_READ, scale: float = 1.0) -> float:
        """Return how strongly the images speak for the picks; below 1 is chance."""
        parts = (each.evidence(orientation, scale) for each in self.seen)
        return strength([part for part in parts if part is not None])

    def stretched(self, rows: float, cols: float, orientation: Orientation = AS_READ) -> float:
        """Return the strength where rows and columns are multiplied, and then turned."""
        factors = np.array((rows, cols))
        parts = (
            each.view.evidence(orientation.apply(each.coords * factors, each.view.shape))
            for each in self.seen
        )
        return strength([part for part in parts if part is not None])

    def first(self, picks: int) -> Sample:
        """Return the first micrographs that together have so many picks, or all."""
        counts = np.cumsum([len(each.coords) for each in self.seen])
        return Sample(self.seen[: int(np.searchsorted(counts, picks)) + 1])

    def third(self, axis: int, last: bool) -> Sample:
        """Return the picks in the first or last third of the images' rows (0) or columns (1)."""
        parts = []
        for each in self.seen:
            places, side = each.coords[:, axis], each.view.shape[axis]
            keep = places > 2 * side / 3 if last else places < side / 3
            parts.append(replace(each, coords=each.coords[keep]))
        return Sample(tuple(part for part in parts if len(part.coords)))

    def contrast(self) -> float:
        """Return how much lighter the picks are than their surroundings, in standard errors."""
        values = [each.view.contrast(each.coords) for each in self.seen]
        return float(np.sum(values) / np.sqrt(max(1, len(values))))


def read_sample(
    picks: Mapping[str, Picks],
    micrographs: Mapping[str, Micrograph],
    diameters: Mapping[str, float],
    open_image: OpenImage,
) -> Sample:
    """Read micrographs with picks until there are enough.

    Parameters
    ----------
    picks, micrographs
        By key.
    diameters
        Pixels by key; a micrograph without one, or too small for it, is passed over.
    open_image
        Opens the file of an image, of which parts are then read.
    """
    sized = {key: each for key, each in picks.items() if diameters.get(key, 0) >= SMALLEST_PX}
    return Sample(
        tuple(
            Seen(key, picks[key].coords, View(image, diameters[key]))
            for key, image in _read_some(sized, micrographs, open_image)
            if LEAST_ACROSS * diameters[key] < min(image.shape)
        )
    )


def seen_diameter(
    picks: Mapping[str, Picks], micrographs: Mapping[str, Micrograph], open_image: OpenImage
) -> float | None:
    """Estimate the diameter of the particles picked, pixels, or None where they disagree."""
    pictures = [
        Picture(image, picks[key].coords, 1.0)
        for key, image in _read_some(picks, micrographs, open_image)
    ]
    found = estimate_diameter(pictures, np.random.default_rng(0))
    return None if found is None or not found.sure else found.diameter


def _read_some(
    picks: Mapping[str, Picks], micrographs: Mapping[str, Micrograph], open_image: OpenImage
) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Yield images with picks until there are enough; one that cannot be read is passed over."""
    seen = found = 0
    for key in _spread(sorted(k for k, each in picks.items() if len(each) and k in micrographs)):
        if seen >= MOST or (seen >= AT_LEAST and found >= ENOUGH):
            break
        try:
            image = open_image(micrographs[key].path)
        except UnetPickError:  # it is reported where it is used
            continue
        seen, found = seen + 1, found + len(picks[key])
        yield key, image


def _spread(keys: Sequence[str]) -> Iterator[str]:
    """Yield keys so that any first few of them are spread over all: middle, quarters, eighths."""
    order = np.argsort([_reversed_bits(number) for number in range(len(keys))], kind="stable")
    steps = np.empty(len(keys), int)
    steps[order] = np.arange(len(keys))
    yield from (keys[step] for step in steps)


def _reversed_bits(number: int) -> float:
    """Return a whole number's place in van der Corput's sequence: 1, 2, 3 -> 1/2, 1/4, 3/4."""
    bits = bin(number)[2:]
    return float(int(bits[::-1], 2) / 2 ** len(bits))
