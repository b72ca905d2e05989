"""The image of a micrograph: opened, checked, and how large its pixels are."""

from __future__ import annotations

import errno
import mmap
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import explain_read_error
from napari_unetpick.io.images.compressed import EXTENSIONS as COMPRESSED
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.images.mrc import open_mrc
from napari_unetpick.io.images.tiff import open_tiff
from napari_unetpick.io.sizes import check_pixel_size, is_pixel_size

MRC_EXTENSIONS = (".mrc", ".mrcs", ".map", ".st", ".rec")
TIFF_EXTENSIONS = (".tif", ".tiff")
REFUSED_EXTENSIONS = {
    ".eer": "is a raw EER movie; motion-correct it first and give the averaged micrograph",
    ".gain": "is a gain reference, not a micrograph",
    ".zst": "is compressed; decompress it first",
}
SAMPLES = 256
"""Rows and columns that `check_values` looks at: a 65,536-pixel sample of any image."""
MOST_NON_FINITE = 0.01
POPULATE_READ = 22
"""`MADV_POPULATE_READ` of Linux, which Python has no name for."""


@dataclass(frozen=True)
class MicrographImage:
    """The pixels of a micrograph, memory-mapped read-only where the file allows it.

    Parameters
    ----------
    data
        (rows, columns), any real type; row 0 is the first stored row of an MRC.
    pixel_size
        A/px of the header, or None where it has none that can be.
    flipped
        Whether the rows were turned on reading (TIFF; see `io.tiff`).
    """

    data: NDArray[Any]
    pixel_size: float | None
    flipped: bool = False


def read_micrograph(path: str | Path, *, mapped: bool = True) -> MicrographImage:
    """Open the image of a micrograph, by default without copying it.

    Parameters
    ----------
    mapped
        False: read it into memory. A mapped file that another program makes shorter ends the
        process that looks at it.

    Raises
    ------
    InputError
        The file is missing, damaged, a movie, complex, or of a type that is not read.
    """
    path = Path(path)
    flipped = check_file(path)
    try:
        data, pixel_size = open_tiff(path, mapped) if flipped else open_mrc(path, mapped)
    except OSError as error:
        raise explain_read_error(error, path) from None
    return MicrographImage(data, known_size(pixel_size), flipped)


def read_ahead(data: NDArray[Any], path: Path) -> None:
    """Have the system read all of a mapped image now: later a drive's error would end the process.

    Raises
    ------
    InputError
        The drive failed, or the file has become shorter.
    """
    base: Any = data
    while base is not None and not isinstance(base, mmap.mmap):
        base = base.obj if isinstance(base, memoryview) else getattr(base, "base", None)
    if base is None or sys.platform != "linux":
        return
    try:
        base.madvise(POPULATE_READ)
    except OSError as error:
        if error.errno == errno.EFAULT:
            error = OSError(error.errno, "it has become shorter")
        if error.errno != errno.EINVAL:  # before Linux 5.14
            raise explain_read_error(error, path) from None


def check_file(path: Path) -> bool:
    """Refuse what cannot be a micrograph by its name; tell whether it is a TIFF."""
    suffix = path.suffix.lower()
    if path.is_dir():
        raise InputError(f"{path}: is a folder where a micrograph is needed")
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if not path.is_file():
        raise InputError(f"{path}: is a device or a pipe where a micrograph is needed")
    if suffix in COMPRESSED:
        suffix = Path(path.stem).suffix.lower()
        if suffix not in MRC_EXTENSIONS:
            raise InputError(f"{path}: is compressed; decompress it first")
    if suffix in REFUSED_EXTENSIONS:
        raise InputError(f"{path}: {REFUSED_EXTENSIONS[suffix]}")
    if suffix not in MRC_EXTENSIONS + TIFF_EXTENSIONS:
        raise InputError(
            f"{path}: {suffix or 'no extension'} cannot be read; convert it to .mrc or .tif"
        )
    return suffix in TIFF_EXTENSIONS


def known_size(pixel_size: float) -> float | None:
    """Return a header's pixel size (A/px), or None where it has none that can be."""
    return round(pixel_size, 5) if is_pixel_size(pixel_size) else None  # 7.0799999 in float32


def check_values(image: MicrographImage, name: str) -> None:
    """Refuse an image without signal, from a sample of its pixels.

    A few NaN or infinite pixels are let through (the engine replaces them by the median); more
    than 1 % of them, or one value everywhere, is an InputError that names the micrograph.
    """
    sample = _sample(image.data)
    finite = np.isfinite(sample)
    bad = 1.0 - float(finite.mean())
    if bad > MOST_NON_FINITE:
        raise InputError(
            f"{name}: {bad:.0%} of its pixels are NaN or infinite; redo the motion correction"
        )
    values = sample[finite]
    if values.min() == values.max():
        full = image.data  # sparse counts may hide between the samples: look at all of it
        if np.nanmin(full) == np.nanmax(full):
            raise InputError(
                f"{name}: every pixel is {float(values[0]):g}; an empty exposure or a failed copy?"
            )


def _sample(data: NDArray[Any]) -> NDArray[Any]:
    """Take at most about SAMPLES x SAMPLES pixels at odd steps (even ones meet camera blocks)."""
    row_step, column_step = (max(1, side // SAMPLES) | 1 for side in data.shape)
    return np.asarray(data[::row_step, ::column_step])


def resolve_pixel_size(
    micrograph: Micrograph, image: MicrographImage, override: float | None = None
) -> float:
    """Return the pixel size in A/px: the user's, else the list's, else the header's.

    Raises
    ------
    InputError
        The user's cannot be, or there is none at all.
    """
    if override is not None:
        return check_pixel_size(override)
    for size in (micrograph.pixel_size, image.pixel_size):
        if size is not None and is_pixel_size(size):
            return float(size)
    raise InputError(
        f"{micrograph.name}: no valid pixel size in its header or its list",
        "give --pixel-size (A/px)",
        viewer="enter it in Annotate, under the diameter",
    )


@dataclass(frozen=True)
class Images:
    """Sizes of the images that were opened, by key: (rows, cols), and A/px where it is known.

    `failed` says by key why an image could not be opened.
    """

    shapes: dict[str, tuple[int, int]] = field(default_factory=dict)
    pixel_sizes: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def open_images(micrographs: Iterable[Micrograph], pixel_size: float | None = None) -> Images:
    """Open images for their sizes, one after the other.

    Parameters
    ----------
    pixel_size
        A/px, instead of the micrographs' own.
    """
    found = Images()
    for micrograph in micrographs:
        try:
            image = read_micrograph(micrograph.path)
        except InputError as error:
            found.failed[micrograph.key] = str(error)
            continue
        rows, cols = image.data.shape
        found.shapes[micrograph.key] = (rows, cols)
        with suppress(InputError):  # no pixel size matters only where Angstrom become pixels
            found.pixel_sizes[micrograph.key] = resolve_pixel_size(micrograph, image, pixel_size)
    return found
