"""From projected potential to an image: contrast transfer, envelope and camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Optics:
    """The microscope of one micrograph.

    Parameters
    ----------
    defocus_u, defocus_v
        Largest and smallest underfocus, A (positive is under focus).
    astigmatism_angle
        Angle of `defocus_u` from the column axis towards growing rows, degrees.
    voltage
        kV.
    cs
        Spherical aberration, mm.
    amplitude_contrast
        Fraction w2 of the contrast that is amplitude contrast.
    b_factor
        Envelope exp(-B k^2 / 4) of drift, charging and radiation damage, A^2.
    focal_spread
        Standard deviation of the defocus over the exposure (energy spread and chromatic
        aberration), A.
    """

    defocus_u: float
    defocus_v: float
    astigmatism_angle: float = 0.0
    voltage: float = 300.0
    cs: float = 2.7
    amplitude_contrast: float = 0.07
    b_factor: float = 80.0
    focal_spread: float = 60.0

    @property
    def mean_defocus(self) -> float:
        """Mean of the two principal underfocus values, A."""
        return 0.5 * (self.defocus_u + self.defocus_v)


def electron_wavelength(voltage: float) -> float:
    """Relativistic wavelength (A) at `voltage` kV: 0.0197 A at 300 kV.

    lambda = 12.2643 / sqrt(V + 0.978466e-6 V^2), V in volts (Reimer, Transmission Electron
    Microscopy).
    """
    volts = voltage * 1e3
    return float(12.2643 / np.sqrt(volts + 0.978466e-6 * volts**2))


def interaction_constant(voltage: float) -> float:
    """Phase shift per projected potential, rad / (V A): 6.53e-4 at 300 kV.

    sigma = 2 pi m e lambda / h^2 with the relativistic mass (Kirkland, Advanced Computing in
    Electron Microscopy, eq. 5.6).
    """
    rest, volts = 510.999e3, voltage * 1e3
    relative = (rest + volts) / (2.0 * rest + volts)
    return float(2.0 * np.pi / (electron_wavelength(voltage) * volts) * relative)


def frequencies(shape: tuple[int, int], pixel_size: float) -> tuple[Float32, Float32]:
    """Frequencies (1/A) along rows, (rows, 1), and columns, (1, cols // 2 + 1), of an rfft2."""
    along_rows = scipy.fft.fftfreq(shape[0], pixel_size).astype(np.float32)
    along_cols = scipy.fft.rfftfreq(shape[1], pixel_size).astype(np.float32)
    return along_rows[:, None], along_cols[None, :]


def phase_shift(optics: Optics, squared: Float32, defocus: Float32 | float) -> Float32:
    """Argument of the CTF's sine at squared frequencies (1/A^2) and underfocus (A), radians.

    chi = pi lambda g^2 (df - lambda^2 g^2 Cs / 2) + atan(w2 / sqrt(1 - w2^2))
    (Rohou & Grigorieff 2015, J. Struct. Biol. 192, 216-221, eqs. 2-5, without a phase plate).
    """
    wavelength = electron_wavelength(optics.voltage)
    w2 = optics.amplitude_contrast
    spherical = 0.5 * wavelength**2 * optics.cs * 1e7 * squared
    amplitude = np.arctan(w2 / np.sqrt(1.0 - w2**2))
    return np.pi * wavelength * squared * (defocus - spherical) + amplitude


def contrast_transfer(optics: Optics, shape: tuple[int, int], pixel_size: float) -> Float32:
    """CTF with envelope on the rfft2 grid: negative at low frequency, so matter comes out dark."""
    rows, cols = frequencies(shape, pixel_size)
    squared = rows**2 + cols**2
    # df = (df1 + df2 + (df1 - df2) cos 2(angle - angle_ast)) / 2, written without arctan2:
    # cos 2(a - b) = ((x^2 - y^2) cos 2b + 2 x y sin 2b) / (x^2 + y^2)
    twice = 2.0 * np.deg2rad(optics.astigmatism_angle)
    direction = (cols**2 - rows**2) * np.float32(np.cos(twice))
    direction += 2.0 * cols * rows * np.float32(np.sin(twice))
    direction /= np.maximum(squared, np.float32(1e-12))
    half_difference = np.float32(0.5 * (optics.defocus_u - optics.defocus_v))
    defocus = np.float32(optics.mean_defocus) + half_difference * direction
    transfer = -np.sin(phase_shift(optics, squared, defocus))
    return (transfer * envelope(optics, squared)).astype(np.float32)


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
