"""A micrograph as the network sees it: particle 24 px wide, flat background, unit contrast."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fft, irfft2, next_fast_len, rfft2

from napari_unetpick.errors import InputError
from napari_unetpick.io.images.image import (
    check_values,
    read_ahead,
    read_micrograph,
    resolve_pixel_size,
)
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.picking.border import NO_BORDER, Border, find_border
from napari_unetpick.picking.crop import resample
from napari_unetpick.picking.scale import Scale, make_scale

QUARTILES = (25, 50, 75)
CLIP = 5.0  # robust standard deviations kept of the result: ice and gold must not rule the contrast


class Preprocess(Protocol):
    """Returns a micrograph's pixels (rows, cols) as the network sees them."""

    def __call__(
        self, image: NDArray[np.generic], scale: Scale, *, name: str
    ) -> NDArray[np.float32]:
        """Return (rows, cols) float32 of `scale.network_shape`."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A micrograph as the network sees it.

    Parameters
    ----------
    pixel_size
        A/px of the file.
    image
        (rows, cols) float32 of `scale.network_shape`, from `preprocess`.
    border
        Where no particle can be seen.
    """

    scale: Scale
    pixel_size: float
    image: NDArray[np.float32]
    border: Border = NO_BORDER


def preprocess(
    image: NDArray[np.generic],
    scale: Scale,
    *,
    name: str = "micrograph",
    threads: int | None = None,
) -> NDArray[np.float32]:
    """Resample in Fourier space, remove the background, normalise.

    Parameters
    ----------
    image
        (rows, cols), any real type, may be memory-mapped; a few non-finite pixels are replaced.
    scale
        From `picking.scale.make_scale`.
    threads
        None: one for each core. The result does not depend on it.

    Returns
    -------
    (rows, cols) float32 of `scale.network_shape`, median 0, robust standard deviation 1.

    Raises
    ------
    InputError
        The micrograph is constant.
    """
    low, high = outlier_limits(image, name)
    small = resample(image, scale.network_shape, low, high, threads or count_cores())
    # Ice thickness varies over several particles: what is wider than a particle is background.
    small -= smoothed(small, scale.network_diameter, threads or count_cores())
    return normalise(small, name)


def prepare_micrograph(
    micrograph: Micrograph,
    *,
    diameter: float,
    particle_px: float,
    upsample: bool = False,
    pixel_size: float | None = None,
    threads: int | None = None,
    prepare: Preprocess | None = None,
    mapped: bool = True,
) -> Prepared:
    """Read, check, scale and preprocess a micrograph.

    Parameters
    ----------
    diameter
        A.
    particle_px
        The diameter that the network sees, pixels.
    upsample
        As for `make_scale`.
    pixel_size
        A/px, or None to take the micrograph's own.
    prepare
        Does what `preprocess` does, elsewhere.
    mapped
        False: see `read_micrograph`.

    Raises
    ------
    InputError
        It cannot be read, has no signal, or its pixel size is not known.
    """
    scale, size, image = open_micrograph(
        micrograph,
        diameter=diameter,
        particle_px=particle_px,
        upsample=upsample,
        pixel_size=pixel_size,
        mapped=mapped,
    )
    prepare = prepare or partial(preprocess, threads=threads)
    prepared = prepare(image, scale, name=micrograph.name)
    return Prepared(scale, size, prepared, find_border(image))


def open_micrograph(
    micrograph: Micrograph,
    *,
    diameter: float,
    particle_px: float,
    upsample: bool = False,
    pixel_size: float | None = None,
    mapped: bool = True,
) -> tuple[Scale, float, NDArray[np.generic]]:
    """Read, check and scale a micrograph: its scale, pixel size (A/px) and pixels."""
    image = read_micrograph(micrograph.path, mapped=mapped)
    read_ahead(image.data, micrograph.path)
    check_values(image, micrograph.name)
    size = resolve_pixel_size(micrograph, image, pixel_size)
    rows, cols = image.data.shape
    scale = make_scale(
        (rows, cols),
        size,
        diameter,
        particle_px=particle_px,
        upsample=upsample,
        name=micrograph.name,
    )
    return scale, size, image.data


def smoothed(image: NDArray[np.float32], sigma: float, threads: int) -> NDArray[np.float32]:
    """Smooth (rows, cols) by a Gaussian that ends at two sigma, with edges reflected.

    It is what `gaussian_filter` gives with `truncate=2`, by Fourier transforms: sigma is a
    particle's diameter, and the time does not grow with it.
    """
    radius = int(2 * sigma + 0.5)
    wide = np.pad(image, radius, mode="symmetric")
    shape = [next_fast_len(length, real=True) for length in wide.shape]
    spectrum = rfft2(wide, s=shape, workers=threads)
    rows, cols = (bell_spectrum(sigma, radius, length) for length in shape)
    spectrum *= np.outer(rows, cols[: spectrum.shape[1]])
    smooth = irfft2(spectrum, s=shape, workers=threads, overwrite_x=True)
    height, width = image.shape
    return np.asarray(smooth[radius : radius + height, radius : radius + width])


def bell_spectrum(sigma: float, radius: int, length: int) -> NDArray[np.float32]:
    """Return the Fourier transform, (length,), of a Gaussian of sum 1 around pixel 0."""
    offsets = np.arange(-radius, radius + 1)
    bell = np.zeros(length)
    bell[offsets] = np.exp(-0.5 * (offsets / sigma) ** 2)
    return np.asarray(fft(bell / bell.sum()).real, dtype=np.float32)


def count_cores() -> int:
    """Count the CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def sample_step(pixels: int) -> int:
    """Return the step at which the rows and columns of so many pixels are sampled."""
    return max(1, int(np.sqrt(pixels / 250_000)))


def outlier_limits(image: NDArray[np.generic], name: str) -> tuple[float, float]:
    """Return the range that X-ray hits and dead pixels are clipped to, from a sample of pixels."""
    step = sample_step(image.size)
    sample = np.asarray(image[::step, ::step], dtype=np.float32)
    sample = sample[np.isfinite(sample)]
    if sample.size == 0 or sample.min() == sample.max():
        raise all_equal(name)
    quartiles = np.percentile(sample, QUARTILES).tolist()
    return limits_of(quartiles, float(sample.std()))


def limits_of(quartiles: Sequence[float], deviation: float) -> tuple[float, float]:
    """Return the range that is kept of pixels with such quartiles and standard deviation."""
    median = float(quartiles[1])
    # Sparse electron counts have no interquartile range. Elsewhere the standard deviation has no
    # say: a single X-ray hit would widen its own limits.
    spread = spread_of(quartiles) or deviation
    return median - 8 * spread, median + 8 * spread


def spread_of(quartiles: Sequence[float]) -> float:
    """Return the standard deviation of a normal distribution with such quartiles."""
    return float(quartiles[2] - quartiles[0]) / 1.349


def all_equal(name: str) -> InputError:
    """Say that a micrograph is constant."""
    return InputError(f"{name}: all pixels are equal; not a micrograph, remove it from the list")


def no_contrast(name: str) -> InputError:
    """Say that nothing is left of a micrograph without its background."""
    return InputError(f"{name}: has no contrast at the particle's scale; remove it from the list")


def normalise(image: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """Subtract the median, divide by the interquartile range / 1.349, clip at +-`CLIP`."""
    quartiles = np.percentile(image[::2, ::2], QUARTILES).tolist()
    median, spread = quartiles[1], spread_of(quartiles)
    if not spread > 0:
        raise no_contrast(name)
    image -= np.float32(median)
    image /= np.float32(spread)
    return np.clip(image, -CLIP, CLIP, out=image)
