"""From projected potential to an image: contrast transfer, envelope and camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from napari_unetpick.io.images.micrograph import Ctf
from napari_unetpick.picking.ctf import electron_wavelength, frequencies, transfer_function

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Optics(Ctf):
    """The microscope of one micrograph: its CTF and what damps it.

    Parameters
    ----------
    b_factor
        Envelope exp(-B k^2 / 4) of drift, charging and radiation damage, A^2.
    focal_spread
        Standard deviation of the defocus over the exposure (energy spread and chromatic
        aberration), A.
    """

    b_factor: float = 80.0
    focal_spread: float = 60.0


def interaction_constant(voltage: float) -> float:
    """Phase shift per projected potential, rad / (V A): 6.53e-4 at 300 kV.

    sigma = 2 pi m e lambda / h^2 with the relativistic mass (Kirkland, Advanced Computing in
    Electron Microscopy, eq. 5.6).
    """
    rest, volts = 510.999e3, voltage * 1e3
    relative = (rest + volts) / (2.0 * rest + volts)
    return float(2.0 * np.pi / (electron_wavelength(voltage) * volts) * relative)


def contrast_transfer(optics: Optics, shape: tuple[int, int], pixel_size: float) -> Float32:
    """CTF with envelope on the rfft2 grid: negative at low frequency, so matter comes out dark."""
    rows, cols = frequencies(shape, pixel_size)
    transfer = transfer_function(optics, rows, cols)
    return (transfer * envelope(optics, rows**2 + cols**2)).astype(np.float32)


def envelope(optics: Optics, squared: Float32) -> Float32:
    """Fall-off of the contrast by damage and drift (B factor) and by partial temporal coherence."""
    wavelength = electron_wavelength(optics.voltage)
    temporal = 0.5 * (np.pi * wavelength * optics.focal_spread * squared) ** 2
    return np.exp(-0.25 * np.float32(optics.b_factor) * squared - temporal.astype(np.float32))


@dataclass(frozen=True)
class Camera:
    """How the camera blurs.

    Parameters
    ----------
    pixel
        Side of its pixels at the specimen, A.
    softness
        Standard deviation of the spread of an electron's signal, pixels.
    counting
        A counting camera sets one pixel for each electron, so that its noise stays white while the
        signal is blurred; an integrating one blurs both alike (McMullan et al. 2014,
        Ultramicroscopy 147, 156-163).
    """

    pixel: float = 1.0
    softness: float = 0.3
    counting: bool = True


def signal_transfer(camera: Camera, shape: tuple[int, int], pixel_size: float) -> Float32:
    """Modulation transfer on the rfft2 grid: the pixel's aperture times a Gaussian.

    An image with larger pixels than the camera's is taken as Fourier-cropped from it; one with
    smaller pixels as made by a finer camera.
    """
    side = np.float32(min(camera.pixel, pixel_size))
    rows, cols = (f * side for f in frequencies(shape, pixel_size))
    factor = np.float32(-2.0 * (np.pi * camera.softness) ** 2)
    along_rows = np.sinc(rows) * np.exp(factor * rows**2)
    along_cols = np.sinc(cols) * np.exp(factor * cols**2)
    return (along_rows * along_cols).astype(np.float32)


def count_electrons(
    expected: Float32, camera: Camera, pixel_size: float, rng: np.random.Generator
) -> Float32:
    """Count electrons where `expected` (rows, cols) arrive in the mean, blurred by the camera."""
    counted = rng.poisson(expected)
    if camera.counting:
        return counted.astype(np.float32)
    noise = scipy.fft.rfft2((counted - expected).astype(np.float32), workers=-1)
    noise *= signal_transfer(camera, expected.shape, pixel_size)
    return expected + scipy.fft.irfft2(noise, s=expected.shape, workers=-1)
