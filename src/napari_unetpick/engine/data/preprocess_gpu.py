"""What `preprocess` does, on a GPU: the pixels go there as they are in the file."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from napari_unetpick.engine.data.preprocess import (
    CLIP,
    QUARTILES,
    all_equal,
    bell_spectrum,
    limits_of,
    no_contrast,
    preprocess,
    sample_step,
    spread_of,
)
from napari_unetpick.picking.scale import Scale


def preprocess_on(
    device: torch.device, image: NDArray[np.generic], scale: Scale, *, name: str = "micrograph"
) -> NDArray[np.float32]:
    """Resample in Fourier space, remove the background, normalise; see `preprocess`."""
    if scale.network_shape[0] >= image.shape[0]:  # small, and enlarged: nothing to be gained
        return preprocess(image, scale, name=name)
    with torch.inference_mode():
        pixels = upload(image, device)
        step = sample_step(image.size)
        sample = pixels[::step, ::step].flatten()
        sample = sample[torch.isfinite(sample)]
        if not len(sample) or sample.min() == sample.max():
            raise all_equal(name)
        low, high = limits_of(quartiles_of(sample), float(sample.std(correction=0)))
        pixels = pixels.clamp(low, high).nan_to_num_(nan=(low + high) / 2)
        small = fourier_crop_on(pixels, scale.network_shape)
        small -= smoothed_on(small, scale.network_diameter)
        quartiles = quartiles_of(small[::2, ::2].flatten())
        spread = spread_of(quartiles)
        if not spread > 0:
            raise no_contrast(name)
        ready = ((small - quartiles[1]) / spread).clamp_(-CLIP, CLIP)
        return np.asarray(ready.cpu().numpy(), dtype=np.float32)


def upload(image: NDArray[np.generic], device: torch.device) -> Tensor:
    """Return (rows, cols) float32 on the device; what is copied there has the file's type."""
    native = np.ascontiguousarray(image, dtype=image.dtype.newbyteorder("="))
    if not native.flags.writeable:  # mapped from the file
        native = native.copy()
    host = torch.from_numpy(native)
    if device.type == "cuda":
        host = host.pin_memory()
    return host.to(device, non_blocking=True).to(torch.float32)


def quartiles_of(values: Tensor) -> list[float]:
    """Return the three quartiles of (N,) values."""
    ordered = values.sort().values
    places = [percent / 100 * (len(ordered) - 1) for percent in QUARTILES]
    below = [int(place) for place in places]
    pairs = ordered[[*below, *(min(each + 1, len(ordered) - 1) for each in below)]].tolist()
    parts = [place - each for place, each in zip(places, below, strict=True)]
    return [
        low + part * (high - low)
        for low, high, part in zip(pairs[:3], pairs[3:], parts, strict=True)
    ]


def fourier_crop_on(image: Tensor, shape: tuple[int, int]) -> Tensor:
    """Reduce (rows, cols) to `shape`; see `picking.crop.fourier_crop`."""
    (rows, cols), (new_rows, new_cols) = image.shape, shape
    half = torch.fft.rfft(image, dim=1)[:, : new_cols // 2 + 1]
    full = torch.fft.fft(half, dim=0)
    top = (new_rows + 1) // 2
    crop = torch.cat([full[:top], full[rows - (new_rows - top) :]])
    if new_rows < rows and new_rows % 2 == 0:
        crop[top] = 0
    if new_cols < cols and new_cols % 2 == 0:
        crop[:, -1] = 0
    small: Tensor = torch.fft.irfft2(crop, s=shape)
    return small * ((new_rows * new_cols) / (rows * cols))


def smoothed_on(image: Tensor, sigma: float) -> Tensor:
    """Smooth by a Gaussian that ends at two sigma; see `preprocess.smoothed`."""
    radius = int(2 * sigma + 0.5)
    height, width = image.shape
    wide = image[torch.from_numpy(mirrored(height, radius)).to(image.device)]
    wide = wide[:, torch.from_numpy(mirrored(width, radius)).to(image.device)]
    shape = wide.shape[0] + wide.shape[0] % 2, wide.shape[1] + wide.shape[1] % 2
    wide = pad(wide, (0, shape[1] - wide.shape[1], 0, shape[0] - wide.shape[0]))
    rows, cols = (
        torch.from_numpy(bell_spectrum(sigma, radius, length)).to(image.device) for length in shape
    )
    spectrum = torch.fft.rfft2(wide) * rows[:, None] * cols[: shape[1] // 2 + 1]
    smooth: Tensor = torch.fft.irfft2(spectrum, s=shape)
    return smooth[radius : radius + height, radius : radius + width]


def mirrored(length: int, radius: int) -> NDArray[np.intp]:
    """Return the pixels of a row that is continued by its mirror images, `radius` on each side."""
    place = np.arange(-radius, length + radius) % (2 * length)
    return np.where(place < length, place, 2 * length - 1 - place)
