"""Which way up a truth is: particles are darker than what lies between them, in one way only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from napari_unetpick.engine.data.preprocess import preprocess
from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.formats.cryoppp import flip_rows
from napari_unetpick.io.images.image import read_micrograph
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import Picks
from napari_unetpick.picking.scale import make_scale

LOOKED_AT = 5  # micrographs
CLEAR = 5.0  # standard errors from which a contrast is no accident
TIMES = 2.0  # by which the wrong way must be the better one to be believed


@dataclass(frozen=True)
class Orientation:
    """Contrast of the particles, in standard errors, with rows as read and with rows turned.

    Both are absolute values: a data set may be inverted, its particles then are bright.
    """

    as_read: float
    turned: float
    micrographs: int

    @property
    def doubtful(self) -> bool:
        """Whether the image speaks clearly for the other way."""
        return self.turned > CLEAR and self.turned > TIMES * self.as_read

    @property
    def warning(self) -> str:
        """What to say where it is doubtful."""
        return (
            "the truth fits the images better without mirroring its rows (contrast "
            f"{self.turned:.0f} against {self.as_read:.0f} standard errors); was this copy "
            "already mirrored? It is scored as CryoPPP defines it, rows counted from the "
            "last one"
        )


def check_orientation(
    micrographs: Mapping[str, Micrograph], truth: Mapping[str, Picks], diameter_px: float
) -> Orientation | None:
    """Compare the truth as read with its mirror image, on a few micrographs.

    Parameters
    ----------
    micrographs, truth
        By micrograph key; (row, col), pixels of the file.
    diameter_px
        Particle diameter, pixels of the file.

    Returns
    -------
    The contrasts, or None where no micrograph with particles could be looked at.
    """
    keys = [key for key in micrographs if len(truth[key])]
    if len(keys) > LOOKED_AT:
        keys = [keys[i] for i in np.linspace(0, len(keys) - 1, LOOKED_AT).round().astype(int)]
    values: list[NDArray[np.float64]] = []
    turned: list[NDArray[np.float64]] = []
    for key in keys:
        try:
            image = read_micrograph(micrographs[key].path).data
            height = int(image.shape[0])
            values.append(_values(image, truth[key], diameter_px, key))
            turned.append(_values(image, flip_rows(truth[key], height), diameter_px, key))
        except UnetPickError:  # it will be reported where it is used
            continue
    if not values:
        return None
    return Orientation(_contrast(values), _contrast(turned), len(values))


def _values(
    image: NDArray[Any], picks: Picks, diameter_px: float, name: str
) -> NDArray[np.float64]:
    """Return the blurred image at the particles, in its own standard deviations."""
    rows, cols = image.shape
    scale = make_scale((int(rows), int(cols)), 1.0, diameter_px, name=name)
    flat = gaussian_filter(preprocess(image, scale, name=name), scale.network_diameter / 4)
    found = map_coordinates(flat, scale.to_network(picks.coords).T, order=1, mode="nearest")
    values: NDArray[np.float64] = (found - flat.mean()) / flat.std()
    return values


def _contrast(parts: list[NDArray[np.float64]]) -> float:
    """Return the mean in standard errors: one value's deviation is 1 away from particles."""
    values = np.concatenate(parts)
    return float(abs(values.mean()) * np.sqrt(len(values)))
