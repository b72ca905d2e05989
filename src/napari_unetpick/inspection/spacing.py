"""How far picks are apart and where they end: at which scale of the image they were made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy

from napari_unetpick.io.picks import Picks

FEWEST = 30  # picks of a set
CLOSE = 0.35  # diameters: usual is 0.55 to 1.05, on one crowded micrograph 0.38 at least
USUAL = 0.9  # diameters to the nearest neighbour, where particles are crowded
PART = 0.6  # of the image's sides: picks that end there were made on a smaller image
BEYOND = 1.3  # of both sides: picks that reach there were made on a larger image
ALIKE = 1.2  # by how much the two sides may differ for it
OUTERMOST = 99.5  # percentile of the coordinates that counts as their end


@dataclass(frozen=True)
class Spacing:
    """How a set's picks lie.

    Parameters
    ----------
    neighbour
        Median distance to the nearest neighbour in diameters, or None where it is unknown.
    extent
        Where the picks end, as fractions of the images' height and width, or None likewise.
    """

    neighbour: float | None
    extent: tuple[float, float] | None

    @property
    def close(self) -> bool:
        """Whether the picks are too near to each other."""
        return self.neighbour is not None and self.neighbour < CLOSE

    @property
    def largest_scale(self) -> float | None:
        """The factor that would bring the last picks to the edge, if they clearly don't end there.

        The true one is a little smaller: few picks lie at the very edge.
        """
        if self.extent is None:
            return None
        least, most = sorted(self.extent)
        beyond = least > BEYOND and most < ALIKE * least  # else x and y may be swapped
        return 1 / most if most < PART or beyond else None


def measure_spacing(
    picks: Mapping[str, Picks],
    diameters: Mapping[str, float],
    shapes: Mapping[str, tuple[int, int]],
    reach: tuple[float, float] | None = None,
) -> Spacing:
    """Measure how picks lie.

    Parameters
    ----------
    picks, diameters, shapes
        By micrograph key; diameters in pixels, shapes (rows, cols).
    reach
        (rows, cols) that stand for the shape where it is unknown.
    """
    apart, places = [np.empty(0)], [np.empty((0, 2))]
    for key, each in picks.items():
        if (shape := shapes.get(key, reach)) is not None:
            places.append(each.coords / shape)
        if key in diameters and len(each) > 1 and each.tracks is None:
            nearest, _ = scipy.spatial.cKDTree(each.coords).query(each.coords, k=2)
            apart.append(nearest[:, 1] / diameters[key])
    distances, ends = np.concatenate(apart), np.concatenate(places)
    extent = None
    if len(ends) >= FEWEST:
        rows, cols = np.percentile(ends, OUTERMOST, axis=0)
        extent = (float(rows), float(cols))
    neighbour = float(np.median(distances)) if len(distances) >= FEWEST else None
    return Spacing(neighbour, extent)


def reach_of(picks: Mapping[str, Picks]) -> tuple[float, float] | None:
    """Return where picks end, (rows, cols) in pixels, or None where they are few."""
    coords = np.concatenate([np.empty((0, 2)), *(each.coords for each in picks.values())])
    if len(coords) < FEWEST:
        return None
    rows, cols = np.percentile(coords, OUTERMOST, axis=0)
    return float(rows), float(cols)
