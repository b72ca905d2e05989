"""Resampling of a micrograph in Fourier space: cropping its transform, or padding it."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

ROWS_AT_ONCE = 128  # rows transformed together: 2 MB of a 4096 x 4096 micrograph stay in cache


def resample(
    image: NDArray[np.generic],
    shape: tuple[int, int],
    low: float = -np.inf,
    high: float = np.inf,
    threads: int = 2,
) -> NDArray[np.float32]:
    """Reduce or enlarge (rows, cols) to `shape`; see `fourier_crop` and `fourier_pad`."""
    enlarge = shape[0] > image.shape[0]
    return (fourier_pad if enlarge else fourier_crop)(image, shape, low, high, threads)


def fourier_pad(
    image: NDArray[np.generic],
    shape: tuple[int, int],
    low: float = -np.inf,
    high: float = np.inf,
    threads: int = 2,
) -> NDArray[np.float32]:
    """Enlarge (rows, cols) to `shape` by adding frequencies that are zero.

    Sample k of the result lies at k * N / n of the input; those that coincide are equal, but for
    the input's Nyquist terms, which are dropped.
    """
    (rows, cols), (new_rows, new_cols) = image.shape, shape
    spectrum = scipy.fft.rfft2(clipped(image, low, high), workers=threads)
    padded = np.zeros((new_rows, new_cols // 2 + 1), dtype=np.complex64)
    top, kept = (rows + 1) // 2, (cols + 1) // 2
    padded[:top, :kept] = spectrum[:top, :kept]
    padded[new_rows - (top - 1) :, :kept] = spectrum[rows - (top - 1) :, :kept]
    large = scipy.fft.irfft2(padded, s=shape, workers=threads)
    large *= (new_rows * new_cols) / (rows * cols)
    return np.asarray(large, dtype=np.float32)


def fourier_crop(
    image: NDArray[np.generic],
    shape: tuple[int, int],
    low: float = -np.inf,
    high: float = np.inf,
    threads: int = 2,
) -> NDArray[np.float32]:
    """Reduce (rows, cols) to `shape` by keeping the lowest frequencies.

    Only frequencies that survive are transformed along the second axis. Sample k of the result
    lies at k * N / n of the input. The Nyquist terms of the result are dropped: half of each
    would belong to the other sign.
    """
    rows, cols = image.shape
    new_rows, new_cols = shape
    if (rows, cols) == shape:
        return clipped(image, low, high)
    kept = new_cols // 2 + 1
    half = np.empty((rows, kept), dtype=np.complex64)
    for start in range(0, rows, ROWS_AT_ONCE):
        block = clipped(image[start : start + ROWS_AT_ONCE], low, high)
        half[start : start + len(block)] = scipy.fft.rfft(block, axis=1, workers=threads)[:, :kept]
    full = scipy.fft.fft(half, axis=0, workers=threads, overwrite_x=True)
    top = (new_rows + 1) // 2
    crop = np.concatenate([full[:top], full[rows - (new_rows - top) :]])
    if new_rows < rows and new_rows % 2 == 0:
        crop[top] = 0
    if new_cols < cols and new_cols % 2 == 0:
        crop[:, -1] = 0
    small = scipy.fft.irfft2(crop, s=shape, workers=threads)
    small *= (new_rows * new_cols) / (rows * cols)
    return np.asarray(small, dtype=np.float32)


def clipped(image: NDArray[np.generic], low: float, high: float) -> NDArray[np.float32]:
    """Copy as float32, clipped; non-finite pixels become the middle of the range."""
    copy = np.array(image, dtype=np.float32)
    if np.isfinite(low) and np.isfinite(high):
        np.clip(copy, low, high, out=copy)  # infinite pixels too, but NaN stays
        if np.isnan(copy.sum()):  # one pass instead of looking at every pixel for what is rare
            copy[np.isnan(copy)] = (low + high) / 2
    return copy


def average_blocks(image: NDArray[np.generic], side: int) -> NDArray[np.float32]:
    """Reduce (rows, cols) by the mean of blocks of `side` pixels; what is left at the end is cut.

    The first block has its centre at (side - 1) / 2. Pixels that are not finite count as the median
    of those around.
    """
    rows, cols = (length // side for length in image.shape)
    small = np.empty((rows, cols), np.float32)
    at_once = max(1, ROWS_AT_ONCE // side)
    for start in range(0, rows, at_once):
        stop = min(rows, start + at_once)
        block = np.asarray(image[start * side : stop * side, : cols * side], np.float32)
        finite = np.isfinite(block)
        if not finite.all():
            block = np.where(finite, block, np.median(block[finite]) if finite.any() else 0)
        small[start:stop] = block.reshape(stop - start, side, cols, side).mean(axis=(1, 3))
    return small
