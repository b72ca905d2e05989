"""Labels painted as maps: what the network should say, and how much each pixel counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from skimage.draw import polygon

from napari_unetpick.io.labels import Labels
from napari_unetpick.picking.scale import Scale
from napari_unetpick.settings import TargetSettings

CROWDED = 0.4  # largest radius of a disc, of the distance to the nearest particle
TIGHT = 10  # percentile of those distances: as near as a tenth of all particles lie
SMALLEST = 0.08  # of the diameter: about two network pixels
FULL = 255  # planes are uint8, 255 = 1.0: a quarter of the room of float32 on the disk

Floats = NDArray[np.float64]


def paint_targets(
    labels: Labels,
    scale: Scale,
    settings: TargetSettings,
    ignored: Floats | None = None,
    junk: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8]:
    """Paint target and weight of one micrograph.

    A small disc at each particle's centre is positive, so that touching particles stay apart; a
    ring around it is ignored; the rest is background where the labels are complete, and counts
    `unknown_weight` where they are not. Negatives are background at full weight over half a
    diameter, wherever they lie.

    Parameters
    ----------
    ignored
        (N, 2) places, pixels of the file, that are probably particles though unmarked.
    junk
        (rows, cols) of the network's shape: where nothing is learned but what is marked.

    Returns
    -------
    (2, rows, cols) uint8 of the network's shape: target and weight, 255 = 1; and junk, where given.
    """
    shape = scale.network_shape
    diameter = scale.network_diameter
    target = np.zeros(shape, np.uint8)
    unmarked = {"full": 1.0, "partial": settings.unknown_weight, "none": 0.0}[labels.state]
    weight = np.full(shape, round(unmarked * FULL), np.uint8)
    for area in labels.complete:
        paint_area(weight, scale.to_network(area), FULL)
    if junk is not None:
        weight[junk] = 0
    for row, col in scale.to_network(np.empty((0, 2)) if ignored is None else ignored):
        paint_disc(weight, row, col, settings.ignore_radius * diameter, 0)
    for row, col in scale.to_network(labels.negatives):
        paint_disc(weight, row, col, diameter / 2, FULL)
    centres = scale.to_network(labels.positives)
    for row, col in centres:
        paint_disc(weight, row, col, settings.ignore_radius * diameter, 0)
    for row, col in centres:
        paint_disc(weight, row, col, settings.disc_radius * diameter, FULL)
        paint_disc(target, row, col, settings.disc_radius * diameter, FULL)
    for area in labels.exclusions:
        paint_area(weight, scale.to_network(area), 0)
    return np.stack([target, weight, *([] if junk is None else [junk.astype(np.uint8) * FULL])])


def fit_discs(
    settings: TargetSettings, centres: Sequence[Floats], diameter: float
) -> TargetSettings:
    """Make the discs smaller where particles lie so close that discs would merge.

    The labels say how close particles come, whatever diameter was given: a diameter that is too
    large costs less so. Sparse labels leave the settings as they are.

    Parameters
    ----------
    centres
        Of each micrograph, (N, 2) network pixels.
    diameter
        Network pixels.
    """
    spacings = [nearest_distances(each) for each in centres if len(each) > 1]
    if not spacings:
        return settings
    room = CROWDED * float(np.percentile(np.concatenate(spacings), TIGHT)) / diameter
    radius = min(settings.disc_radius, max(room, SMALLEST))
    ring = settings.ignore_radius - settings.disc_radius
    return replace(settings, disc_radius=radius, ignore_radius=radius + ring)


def nearest_distances(places: Floats) -> Floats:
    """Distance of each of (N, 2) places, N > 1, to the nearest other one."""
    distances, _ = cKDTree(places).query(places, k=2)
    return np.asarray(distances[:, 1])


def paint_disc(plane: NDArray[np.uint8], row: float, col: float, radius: float, value: int) -> None:
    """Set the pixels whose centre lies within `radius` of (row, col)."""
    top, bottom = max(0, int(row - radius)), min(plane.shape[0], int(row + radius) + 2)
    left, right = max(0, int(col - radius)), min(plane.shape[1], int(col + radius) + 2)
    if top >= bottom or left >= right:
        return
    y = np.arange(top, bottom)[:, None] - row
    x = np.arange(left, right)[None, :] - col
    window = plane[top:bottom, left:right]
    window[y * y + x * x <= radius * radius] = value


def paint_area(plane: NDArray[np.uint8], corners: Floats, value: int) -> None:
    """Set the pixels inside the polygon of `corners` (N, 2), (row, col)."""
    rows, cols = polygon(corners[:, 0], corners[:, 1], plane.shape)  # type: ignore[no-untyped-call]
    plane[rows, cols] = value
