"""One micrograph of the diet as the network learns from it: simulated, scaled, labelled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.engine.data.preprocess import preprocess
from napari_unetpick.engine.data.targets import FULL, fit_discs, paint_targets
from napari_unetpick.errors import InputError
from napari_unetpick.io.labels import Labels
from napari_unetpick.picking.scale import SMALLEST_PX, Scale, make_scale
from napari_unetpick.settings import Settings
from napari_unetpick.simulate.micrograph import SimulatedMicrograph, simulate_micrograph
from napari_unetpick.simulate.sample import Sample
from napari_unetpick.simulate.samples import get_sample

UNSURE = 0.07
"""Standard deviation of the logarithm of the diameter that a user gives."""


@dataclass(frozen=True, eq=False)
class Rendered:
    """A micrograph of the diet at the network's scale.

    Parameters
    ----------
    image
        (rows, cols) float32, from `preprocess`.
    planes
        (3, rows, cols) uint8 target, weight and junk.
    centres
        (N, 2) (row, col) of the particles, network pixels.
    """

    image: NDArray[np.float32]
    planes: NDArray[np.uint8]
    centres: NDArray[np.float64]


def render(settings: Settings, seed: int, number: int, sample: Sample | None = None) -> Rendered:
    """Render micrograph `number` of the diet; the same arguments give the same arrays.

    Every micrograph has its own sample, `diet-<number>`, or a changed one that is given.

    Raises
    ------
    InputError
        The micrograph has no contrast.
    """
    micrograph, scale = imaged(settings, seed, number, sample)
    labels = Labels("full", micrograph.coords)
    centres = scale.to_network(micrograph.coords)
    discs = fit_discs(settings.target, [centres], scale.network_diameter)
    image = preprocess(micrograph.image, scale, threads=1)
    junk = paint_junk(micrograph, scale)
    planes = np.concatenate([paint_targets(labels, scale, discs), junk[None]])
    return Rendered(image, planes, centres)


def render_or_none(settings: Settings, seed: int, number: int) -> Rendered | None:
    """Render micrograph `number`, or None where it has no contrast."""
    try:
        return render(settings, seed, number)
    except InputError:
        return None


def paint_junk(micrograph: SimulatedMicrograph, scale: Scale) -> NDArray[np.uint8]:
    """Paint what must not be picked, (rows, cols) of the network's shape, 255 on junk.

    Broken molecules are too much like intact ones to be areas of junk.
    """
    rows, cols = scale.network_shape
    corners = np.indices((rows, cols)).reshape(2, -1).T
    at = np.rint(scale.to_file(corners.astype(float))).astype(int)
    at = np.clip(at, 0, np.array(micrograph.ignore_mask.shape) - 1)
    junk = micrograph.ignore_mask[tuple(at.T)].reshape(rows, cols)
    return np.where(junk, np.uint8(FULL), np.uint8(0))


def imaged(
    settings: Settings, seed: int, number: int, sample: Sample | None = None
) -> tuple[SimulatedMicrograph, Scale]:
    """Simulate micrograph `number`, and scale it by the diameter that somebody would give."""
    sample = sample or get_sample(f"diet-{number}")
    micrograph = simulate_micrograph(sample, seed)
    scale = make_scale(
        micrograph.image.shape,
        micrograph.pixel_size,
        given_diameter(sample, seed, number),
        particle_px=settings.particle_px,
        upsample=settings.upsample,
    )
    return micrograph, scale


def given_diameter(sample: Sample, seed: int, number: int) -> float:
    """Draw the diameter (A) that a user gives: between the molecule's axes, and not quite right."""
    rng = np.random.default_rng([seed, number, 0x646961])
    width, length = sample.particle.width_A, sample.particle.diameter_A
    share = rng.beta(1.0, 2.0)
    between = max(width, 0.5 * length) ** share * length ** (1 - share)
    given = float(between * np.exp(UNSURE * rng.standard_normal()))
    return max(given, 1.1 * SMALLEST_PX * sample.pixel_size)
