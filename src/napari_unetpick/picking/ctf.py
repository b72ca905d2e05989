"""The contrast transfer function (CTF), and a Wiener filter that undoes it for the eye."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from napari_unetpick.io.images.micrograph import Ctf

Float32 = NDArray[np.float32]
Floats = NDArray[np.floating]

SNR = 1000.0
"""Signal-to-noise ratio at low frequency, at strength 1."""
FALLOFF = 200.0  # A
"""The signal-to-noise ratio falls by a factor e per 1 / (200 A), at falloff 1."""
LEAST_SNR = 0.01
"""Detail of a lower one is hardly there after the filter."""
COARSEST = 300.0  # A
"""Detail coarser than this is mostly ice: it is raised the less, the coarser it is."""


def electron_wavelength(voltage: float) -> float:
    """Relativistic wavelength (A) at `voltage` kV: 0.0197 A at 300 kV.

    lambda = 12.2643 / sqrt(V + 0.978466e-6 V^2), V in volts (Reimer, Transmission Electron
    Microscopy).
    """
    volts = voltage * 1e3
    return float(12.2643 / np.sqrt(volts + 0.978466e-6 * volts**2))


def frequencies(
    shape: tuple[int, int], pixel_size: float | tuple[float, float]
) -> tuple[Float32, Float32]:
    """Frequencies (1/A) along rows, (rows, 1), and columns, (1, cols // 2 + 1), of an rfft2.

    `pixel_size` is A/px, one or (along rows, along columns).
    """
    down, across = pixel_size if isinstance(pixel_size, tuple) else (pixel_size, pixel_size)
    along_rows = scipy.fft.fftfreq(shape[0], down).astype(np.float32)
    along_cols = scipy.fft.rfftfreq(shape[1], across).astype(np.float32)
    return along_rows[:, None], along_cols[None, :]


def phase_shift(ctf: Ctf, squared: Float32, defocus: Floats | float) -> Floats:
    """Argument of the CTF's sine at squared frequencies (1/A^2) and underfocus (A), radians.

    chi = pi lambda g^2 (df - lambda^2 g^2 Cs / 2) + atan(w2 / sqrt(1 - w2^2)) + phase plate
    (Rohou & Grigorieff 2015, J. Struct. Biol. 192, 216-221, eqs. 2-5).
    """
    wavelength = electron_wavelength(ctf.voltage)
    w2 = ctf.amplitude_contrast
    spherical = 0.5 * wavelength**2 * ctf.cs * 1e7 * squared
    constant = np.arctan(w2 / np.sqrt(1.0 - w2**2)) + np.deg2rad(ctf.phase_plate)
    chi: Floats = np.pi * wavelength * squared * (defocus - spherical) + constant
    return chi


def transfer_function(ctf: Ctf, rows: Float32, cols: Float32) -> Floats:
    """CTF without envelope at `frequencies`: negative at low frequency, so matter is dark."""
    squared = rows**2 + cols**2
    # df = (df1 + df2 + (df1 - df2) cos 2(angle - angle_ast)) / 2, written without arctan2:
    # cos 2(a - b) = ((x^2 - y^2) cos 2b + 2 x y sin 2b) / (x^2 + y^2)
    twice = 2.0 * np.deg2rad(ctf.astigmatism_angle)
    direction = (cols**2 - rows**2) * np.float32(np.cos(twice))
    direction += 2.0 * cols * rows * np.float32(np.sin(twice))
    direction /= np.maximum(squared, np.float32(1e-12))
    half_difference = np.float32(0.5 * (ctf.defocus_u - ctf.defocus_v))
    defocus = np.float32(ctf.mean_defocus) + half_difference * direction
    transfer: Floats = -np.sin(phase_shift(ctf, squared, defocus))
    return transfer


def wiener_filter(
    ctf: Ctf, rows: Float32, cols: Float32, strength: float = 1.0, falloff: float = 1.0
) -> Float32:
    """Wiener filter c / (c^2 + 1 / SNR) at `frequencies`, where matter stays dark.

    As in Warp (Tegunov & Cramer 2019, Nat. Methods 16, 1146-1152) the signal-to-noise ratio is
    assumed to be SNR(k) = 1000^strength exp(-200 A falloff k). Warp removes detail coarser than
    300 A; here the filter goes to 1, so that it is kept.
    """
    frequency = np.sqrt(rows**2 + cols**2)
    transfer = -transfer_function(ctf, rows, cols)
    noise = np.exp(np.minimum(FALLOFF * falloff * frequency, 80.0)) / SNR**strength
    share = 0.5 - 0.5 * np.cos(np.pi * np.minimum(1.0, frequency * COARSEST))
    wiener = transfer / (transfer**2 + noise)
    return np.asarray(share * wiener + (1.0 - share), dtype=np.float32)


def finest_detail(strength: float, falloff: float) -> float:
    """Finest detail (A) that `wiener_filter` leaves: 17 A at strength 1 and falloff 1."""
    return float(FALLOFF * falloff / (strength * np.log(SNR) - np.log(LEAST_SNR)))


def deconvolve(
    image: Float32,
    ctf: Ctf,
    pixel_size: tuple[float, float],
    strength: float = 1.0,
    falloff: float = 1.0,
) -> Float32:
    """Undo the CTF of an image for the eye: phases flipped, low frequencies raised.

    The image is mirrored beyond its edges meanwhile, which would not fit together.

    Parameters
    ----------
    image
        (rows, cols), protein dark; so is the result.
    pixel_size
        A/px along (row, col).
    strength, falloff
        See `wiener_filter`.
    """
    around = [
        min(n - 1, round(COARSEST / size)) for n, size in zip(image.shape, pixel_size, strict=True)
    ]
    padded = np.pad(image, [(width, width) for width in around], mode="reflect")
    spectrum = scipy.fft.rfft2(padded)
    spectrum *= wiener_filter(ctf, *frequencies(padded.shape, pixel_size), strength, falloff)
    whole = scipy.fft.irfft2(spectrum, s=padded.shape)
    top, left = around
    inside = whole[top : top + image.shape[0], left : left + image.shape[1]]
    return np.asarray(inside, dtype=np.float32)
