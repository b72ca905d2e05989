"""Micrographs as they are shown: low-passed, deconvolved, or an image of another folder instead.

A micrograph is Fourier-cropped to the pixels that a low-passed image needs, so that stepping
through large micrographs is quick. Sample k of the crop lies at k N / n of the file, so the shown
image has scale N / n pixels and no translation against the picks (rows and columns apart). The same
holds for an image of another folder that is shown in its place: denoised, or Fourier-binned.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.images.image import read_micrograph
from napari_unetpick.io.images.micrograph import Ctf, Micrograph
from napari_unetpick.io.images.unmapped import UnmappedImage
from napari_unetpick.picking.crop import fourier_crop
from napari_unetpick.picking.ctf import deconvolve, finest_detail
from napari_unetpick.picking.scale import fast_even_length

LOW_PASS = 20.0  # A
SPREAD = 3.0  # standard deviations on either side of the mean that the grey scale spans
PIXELS_A_PERIOD = 2.5  # samples in the shortest period shown: a little above Nyquist's 2
SAME_ASPECT = 0.02  # binning cuts off what is left at the edges


@dataclass(frozen=True)
class DisplaySettings:
    """How micrographs are shown.

    Parameters
    ----------
    low_pass
        Resolution in A; 0: none.
    spread
        The grey scale's range, in standard deviations to either side.
    deconvolve
        Whether the CTF is undone, where it is known.
    strength, falloff
        See `picking.ctf.wiener_filter`.
    """

    low_pass: float = LOW_PASS
    spread: float = SPREAD
    deconvolve: bool = False
    strength: float = 1.0
    falloff: float = 1.0

    @property
    def finest(self) -> float:
        """Finest detail that is shown, A; 0: all."""
        if not self.deconvolve:
            return self.low_pass
        return max(self.low_pass, finest_detail(self.strength, self.falloff))


@dataclass(frozen=True)
class Shown:
    """A micrograph ready to be shown.

    Parameters
    ----------
    image
        (rows, cols) float32, in standard deviations from its mean: one grey scale fits all.
    ratio
        File pixels a pixel of `image`, along (row, col).
    file_shape
        (rows, cols) of the file.
    pixel_size
        A/px of the file, or None where unknown.
    view
        Name of the other folder that the image is from, or "".
    trouble
        Why it is the micrograph's own where another was wanted, or "".
    """

    image: NDArray[np.float32]
    ratio: tuple[float, float]
    file_shape: tuple[int, int]
    pixel_size: float | None
    view: str = ""
    trouble: str = ""


class Opened(NamedTuple):
    """An image as it was read; the rest is as in `Shown`."""

    data: NDArray[np.generic]
    file_shape: tuple[int, int]
    pixel_size: float | None
    view: str = ""
    trouble: str = ""


def prepare_image(
    micrograph: Micrograph, settings: DisplaySettings, instead: Path | None = None
) -> Shown:
    """Read and filter one micrograph, or the image that is to be shown `instead`.

    Raises
    ------
    InputError
        The micrograph's own file cannot be read.
    """
    if micrograph.ctf is None:
        settings = replace(settings, deconvolve=False)
    found = _open(micrograph, instead)
    (rows, cols), size = found.data.shape, found.pixel_size
    shape = rows, cols
    ratio = found.file_shape[0] / rows, found.file_shape[1] / cols
    if settings.finest > 0 and size is not None:
        factors = (min(1.0, size * each * PIXELS_A_PERIOD / settings.finest) for each in ratio)
        lengths = [fast_even_length(n * f) for n, f in zip((rows, cols), factors, strict=True)]
        shape = min(rows, lengths[0]), min(cols, lengths[1])
    low, high = _outliers(found.data)
    image = fourier_crop(found.data, shape, low, high, threads=1)
    ratio = found.file_shape[0] / shape[0], found.file_shape[1] / shape[1]
    if size is not None:
        image = _filtered(image, (size * ratio[0], size * ratio[1]), settings, micrograph.ctf)
    image = (image - image.mean()) / (float(image.std()) or 1.0)
    return Shown(image, ratio, found.file_shape, size, found.view, found.trouble)


def _open(micrograph: Micrograph, instead: Path | None) -> Opened:
    """Read the image that is to be shown, or the micrograph's own where it does not fit."""
    trouble = ""
    if instead is not None:
        try:
            return _open_instead(micrograph, instead)
        except InputError as error:
            trouble = error.in_viewer
    found = read_micrograph(micrograph.path, mapped=False)
    rows, cols = found.data.shape
    pixel_size = micrograph.pixel_size or found.pixel_size
    return Opened(found.data, (rows, cols), pixel_size, trouble=trouble)


def _open_instead(micrograph: Micrograph, instead: Path) -> Opened:
    """Read another image of a micrograph: as large, or binned by any factor."""
    own = UnmappedImage(micrograph.path)
    data = read_micrograph(instead, mapped=False).data
    (rows, cols), (own_rows, own_cols) = data.shape, own.shape
    if abs(rows * own_cols / (cols * own_rows) - 1) > SAME_ASPECT:
        raise InputError(
            f"{instead}: {rows} x {cols} pixels is not the shape of the micrograph "
            f"({own_rows} x {own_cols})"
        )
    return Opened(data, own.shape, micrograph.pixel_size or own.pixel_size, instead.parent.name)


def _filtered(
    image: NDArray[np.float32],
    pixel_size: tuple[float, float],
    settings: DisplaySettings,
    ctf: Ctf | None,
) -> NDArray[np.float32]:
    """Deconvolve and low-pass an image of `pixel_size` A/px along (row, col), as is wanted."""
    if ctf is not None and settings.deconvolve:
        image = deconvolve(image, ctf, pixel_size, settings.strength, settings.falloff)
    if settings.low_pass > 0:
        image = _low_pass(image, settings.low_pass / pixel_size[0])
    return image


def _outliers(data: NDArray[np.generic]) -> tuple[float, float]:
    """Limits that X-ray hits are clipped to, from a sample of pixels."""
    step = max(1, int(np.sqrt(data.size / 100_000)))
    sample = np.asarray(data[::step, ::step], dtype=np.float32)
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return 0.0, 1.0
    middle = float(np.median(sample))
    reach = 8 * (float(sample.std()) or 1.0)
    return middle - reach, middle + reach


def _low_pass(image: NDArray[np.float32], period: float) -> NDArray[np.float32]:
    """Gaussian filter that halves the amplitude at `period` pixels: sigma = 0.187 period."""
    from scipy.ndimage import gaussian_filter

    # exp(-2 pi^2 s^2 / period^2) = 1/2  ->  s = period sqrt(ln 2 / 2) / pi
    sigma = period * np.sqrt(np.log(2) / 2) / np.pi
    return np.asarray(gaussian_filter(image, sigma, mode="reflect"), dtype=np.float32)
