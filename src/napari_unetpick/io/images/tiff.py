"""TIFF images: mapped where the file allows it, and turned to the row order of MRC."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import IncompleteError, InputError
from napari_unetpick.io.images.compressed import LARGEST

ANGSTROM_PER_UNIT = {
    "a": 1.0, "å": 1.0, "angstrom": 1.0, "ångström": 1.0, "nm": 10.0, "um": 1e4, "µm": 1e4,
    "μm": 1e4, "micron": 1e4, "mm": 1e7, "cm": 1e8, "inch": 2.54e8,
}  # fmt: skip
CLASSIC, BIG = 42, 43
"""Versions of TIFF: with addresses of 4 and of 8 bytes."""
RESOLUTION_UNIT = {2: "inch", 3: "cm"}


def open_tiff(path: Path, mapped: bool = True) -> tuple[NDArray[Any], float]:
    """Map the image of a one-page TIFF, flipped to MRC's row order, or read it.

    What is compressed is read in any case.

    RELION, IMOD, EMAN2 and SerialEM store a TIFF's rows from the top down and an MRC's from the
    bottom up: row r of the TIFF is row H - 1 - r here, so that picks agree with those programs.

    Returns
    -------
    (rows, columns) array, pixel size of the tags in A/px or 0 where they have none (unchecked).

    Raises
    ------
    InputError
        The file is no TIFF, cut short, in colour, complex, or a movie.
    """
    import tifffile

    with _only_page(path) as (page, pixel_size):
        data: NDArray[Any] = (
            tifffile.memmap(path, page=0, mode="r")
            if mapped and page.is_memmappable
            else page.asarray()
        )
    return np.asarray(data)[::-1], pixel_size


def read_tiff_header(path: Path) -> tuple[tuple[int, int], float]:
    """Read (rows, columns) and pixel size, no pixel; an InputError as `open_tiff` raises."""
    with _only_page(path) as (page, pixel_size):
        rows, columns = page.shape
        return (rows, columns), pixel_size


@contextmanager
def _only_page(path: Path) -> Iterator[tuple[Any, float]]:
    """Open a TIFF for its page, which is checked, and pixel size; what fails is an InputError."""
    import tifffile  # late: a tenth of a second that MRC users need not wait

    _refuse_without_tags(path)
    try:
        with tifffile.TiffFile(path) as tiff:
            page = tiff.pages.first
            shape, dtype = page.shape, page.dtype
            frames = max(len(tiff.pages), _hidden_frames(tiff))
            pixel_size = _pixel_size(tiff)
            if frames > 1 or (len(shape) == 3 and shape[-1] not in (3, 4)):
                raise InputError(
                    f"{path}: is a movie or stack of {frames if frames > 1 else shape[0]} frames; "
                    "motion-correct it first and give the averaged micrograph"
                )
            if len(shape) != 2 or dtype is None or dtype.kind not in "iuf":
                raise InputError(
                    f"{path}: is not a grey-scale image of real numbers; convert it to MRC"
                )
            _refuse_cut_short(page, path)
            _check_codec(page, path)
            yield page, pixel_size
    except InputError:
        raise
    except Exception as error:  # tifffile raises many kinds on damaged files
        raise InputError(
            f"{path}: is not a readable TIFF ({_first_line(error)}); copy or download it again"
        ) from None


def _refuse_without_tags(path: Path) -> None:
    """Refuse a file that ends before its first tags, which many programs write last."""
    with open(path, "rb") as file:
        head, size = file.read(16), file.seek(0, 2)
    if not size:
        raise IncompleteError(f"{path}: is empty (0 bytes); copy or download it again")
    order: Literal["little", "big"] = "little" if head[:2] == b"II" else "big"
    version = int.from_bytes(head[2:4], order)
    if head[:2] not in (b"II", b"MM") or version not in (CLASSIC, BIG):
        return  # tifffile says what is wrong
    tags = int.from_bytes(head[4:8] if version == CLASSIC else head[8:16], order)
    if not 0 < tags < size:
        raise IncompleteError(
            f"{path}: is not a readable TIFF (its tags start at byte {tags:,}, the file has "
            f"{size:,}); copy or download it again"
        )


def _hidden_frames(tiff: Any) -> int:
    """Return how many images lie behind the first of a file with one page, as ImageJ writes."""
    series = tiff.series
    return int(np.prod(series[0].shape) // max(1, np.prod(tiff.pages.first.shape))) if series else 1


def _check_codec(page: Any, path: Path) -> None:
    """Refuse a compression that tifffile needs imagecodecs for, where that is not installed."""
    try:
        page.decode(None, 0)  # of no data: it only looks the codec up
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        raise InputError(
            f"{path}: is compressed with {page.compression.name}; install imagecodecs to read it "
            "(pip install 'napari-unetpick[tiff]'), or convert it to MRC"
        ) from None


def _refuse_cut_short(page: Any, path: Path) -> None:
    """Refuse strips that lie behind the file's end, lack, or unpack to more than memory holds."""
    strips, wanted = len(page.dataoffsets), int(np.prod(page.chunked))
    if strips != wanted:
        raise InputError(
            f"{path}: is damaged: its tags name {strips:,} of {wanted:,} strips; copy or download "
            "it again"
        )
    size = path.stat().st_size
    ends = map(sum, zip(page.dataoffsets, page.databytecounts, strict=True))
    expected = max(ends, default=0)
    if size < expected:
        raise IncompleteError(
            f"{path}: is cut short: its tags ask for {expected:,} bytes, the file has {size:,}; "
            "copy or download it again"
        )
    if page.nbytes > LARGEST and not page.is_memmappable:
        raise InputError(f"{path}: unpacks to {page.nbytes:,} bytes; convert it to MRC")


def _pixel_size(tiff: Any) -> float:
    """Return A/px from ImageJ's unit or the resolution tags, 0 where there is none."""
    tags = tiff.pages.first.tags
    if "XResolution" not in tags:
        return 0.0
    numerator, denominator = tags["XResolution"].value
    if not numerator or not denominator:
        return 0.0
    unit = str((tiff.imagej_metadata or {}).get("unit", "")).strip()
    if "\\u" in unit:  # ImageJ escapes the ring of the angstrom
        unit = unit.encode().decode("unicode_escape")
    unit = unit.lower()
    if unit not in ANGSTROM_PER_UNIT:
        code = int(tags["ResolutionUnit"].value) if "ResolutionUnit" in tags else 2
        unit = RESOLUTION_UNIT.get(code, "")
    return ANGSTROM_PER_UNIT.get(unit, 0.0) * float(denominator) / float(numerator)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
