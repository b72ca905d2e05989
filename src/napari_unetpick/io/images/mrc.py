"""MRC images: our check of the 1024-byte header, then the pixels as mrcfile maps them.

The check comes first since mrcfile's permissive mode only warns of damage. NumPy maps what mrcfile
takes for something else: IMOD's unsigned bytes, big-endian bytes without a machine stamp, single
images in the space group of a volume stack. Rows are read here, too: a mapped file that another
program makes shorter ends the process that looks at it, and mrcfile reads only whole files.
Header layout: Cheng et al. 2015, MRC2014, J. Struct. Biol. 192.
"""

from __future__ import annotations

import os
import struct
import warnings
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import IncompleteError, InputError
from napari_unetpick.io.images.compressed import LARGEST, is_compressed, open_unpacked

HEADER_BYTES = 1024
Order = Literal["<", ">"]
LARGEST_SIDE = 1 << 18
COMPLEX_MODES = (3, 4)
PACKED_MODE = 101
IMOD_STAMP = 1146047817
OTHER_FILES = {
    b"PK\x03\x04": "is a zip archive; unpack it first",
    b"II*\0": "is a TIFF file; name it .tif",
    b"MM\0*": "is a TIFF file; name it .tif",
    b"\x89HDF": "is an HDF5 file; convert it to MRC",
    b"\x93NUMPY": "is a NumPy file; convert it to MRC",
    b"%PDF": "is a PDF file",
    b"\x89PNG": "is a PNG image; convert it to MRC",
}


@dataclass(frozen=True)
class MrcHeader:
    """What is needed of the header: shape (sections, rows, columns), type, where the data starts.

    `pixel_size` is cell length over sampling, in A/px, as written (it may be 0 or nonsense).
    `compressed` tells whether the file is so as a whole.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    offset: int
    pixel_size: float
    compressed: bool = False


def open_mrc(path: Path, mapped: bool = True) -> tuple[NDArray[Any], float]:
    """Map the image of an MRC file read-only, or read it; a stack of one frame is its frame.

    One that is compressed with gzip or bzip2 is read in any case.

    Returns
    -------
    (rows, columns) array, memory-mapped or not, pixel size of the header in A/px (unchecked).

    Raises
    ------
    InputError
        The file is empty, cut short, a movie, complex, packed, or no MRC at all.
    """
    header = read_mrc_header(path)
    if mapped and not header.compressed:
        return _map(path, header), header.pixel_size
    return read_mrc_rows(path, header, range(header.shape[1])), header.pixel_size


def _map(path: Path, header: MrcHeader) -> NDArray[Any]:
    """Map the (rows, columns) of a checked file: by mrcfile, where it reads the header likewise."""
    import mrcfile  # late: 10 ms that the command line need not wait

    _, rows, columns = header.shape
    with warnings.catch_warnings(), suppress(ValueError, ZeroDivisionError, MemoryError):
        warnings.simplefilter("ignore")  # of what the check let through
        with mrcfile.mmap(path, permissive=True) as mrc:
            data = mrc.data
            if data is not None and (data.dtype, data.size) == (header.dtype, rows * columns):
                return np.asarray(data).reshape(rows, columns)
    return np.asarray(np.memmap(path, header.dtype, "r", header.offset, (rows, columns)))


def read_mrc_header(path: Path) -> MrcHeader:
    """Read the header of a single image; an InputError as `open_mrc` raises."""
    with open_unpacked(path) as file:
        raw = file.read(HEADER_BYTES)
    header = replace(parse_header(raw, path), compressed=is_compressed(path))
    frames, rows, columns = header.shape
    if frames > 1:
        raise InputError(f"{path}: {_say_frames(path, header.shape)}")
    expected = header.offset + rows * columns * header.dtype.itemsize
    size = path.stat().st_size
    if header.compressed:
        if expected > LARGEST:
            raise InputError(f"{path}: unpacks to {expected:,} bytes; decompress it first")
    elif size < expected:
        raise IncompleteError(
            f"{path}: is cut short: its header asks for {expected:,} bytes, the file has {size:,}; "
            "copy or download it again"
        )
    return header


def _say_frames(path: Path, shape: tuple[int, int, int]) -> str:
    """Say what a file of several sections is, and what to give instead."""
    frames, rows, columns = shape
    if frames == rows == columns or path.suffix.lower() in (".rec", ".map"):
        return f"is a volume of {frames} sections (a map or tomogram), not a micrograph"
    return (
        f"is a movie or stack of {frames} frames; "
        "motion-correct it first and give the averaged micrograph"
    )


def read_mrc_rows(path: Path, header: MrcHeader, rows: range) -> NDArray[Any]:
    """Read some rows into memory; an InputError where the file has become shorter."""
    found = np.empty((len(rows), header.shape[2]), header.dtype)
    width, bytes_ = found.itemsize * found.shape[1], found.view(np.uint8)
    at_once = len(rows) if rows.step == 1 else 1
    with open_unpacked(path) as file:
        for number in range(0, len(rows), max(at_once, 1)):
            file.seek(header.offset + rows[number] * width)
            part = bytes_[number : number + at_once].data.cast("B")
            if (count := _fill(part, file)) < len(part):
                what = "became shorter while it was read; is it being overwritten?"
                if header.compressed:
                    row = rows[number] + count // width
                    what = f"is cut short: it ends in row {row}; copy or download it again"
                raise InputError(f"{path}: {what}")
    return found


def _fill(part: memoryview, file: Any) -> int:
    """Read into all of a buffer; return how many bytes there were."""
    count = 0
    while count < len(part) and (more := file.readinto(part[count:])):
        count += more
    return count


def parse_header(raw: bytes, path: Path) -> MrcHeader:
    """Read the header's first 1024 bytes; refuse what is no micrograph, and say what it is."""
    from mrcfile.dtypes import HEADER_DTYPE
    from mrcfile.utils import dtype_from_mode

    _refuse_other_files(raw, path)
    order = _byte_order(raw)
    if order is None:
        kind = InputError if any(raw) else IncompleteError  # room was made for it, and no more
        raise kind(f"{path}: is not an MRC file (invalid header); a damaged copy?")
    fields = np.frombuffer(raw, HEADER_DTYPE.newbyteorder(order))[0]
    nx, ny, nz, mode, mx, extended = (
        int(fields[name]) for name in ("nx", "ny", "nz", "mode", "mx", "nsymbt")
    )
    if mode in COMPLEX_MODES:
        raise InputError(
            f"{path}: holds complex numbers (MRC mode {mode}, a Fourier transform); "
            "give the real-space micrograph"
        )
    if mode == PACKED_MODE:
        raise InputError(
            f"{path}: is packed at 4 bits a pixel (MRC mode 101, a raw movie); motion-correct it"
        )
    try:
        dtype = dtype_from_mode(mode).newbyteorder(order)
    except ValueError:
        raise InputError(
            f"{path}: MRC mode {mode} is unknown; convert it to mode 2 (float32)"
        ) from None
    if extended < 0:
        raise InputError(f"{path}: its header says {extended} extended bytes; a damaged copy?")
    if mode in (0, 1) and _is_unsigned(raw, order, mode):
        dtype = np.dtype(f"{order}u{mode + 1}")
    pixel_size = float(fields["cella"]["x"]) / mx if mx > 0 else 0.0
    return MrcHeader((nz, ny, nx), dtype, HEADER_BYTES + extended, pixel_size)


def _byte_order(raw: bytes) -> Order | None:
    """Return "<" or ">", whichever makes sense of size and mode; the machine stamp breaks ties."""
    orders: tuple[Order, ...] = (">", "<") if raw[212:213] == b"\x11" else ("<", ">")
    for order in orders:
        nx, ny, nz, mode = struct.unpack_from(f"{order}4i", raw, 0)
        if 0 < nx <= LARGEST_SIDE and 0 < ny <= LARGEST_SIDE and nz > 0 and 0 <= mode < 256:
            return order
    return None


def _is_unsigned(raw: bytes, order: str, mode: int) -> bool:
    """Tell whether the bytes of mode 0, or the words of mode 1, are unsigned.

    By the standard they are signed. IMOD wrote unsigned bytes, and marks signed ones by a flag
    beside its stamp; others (EMAN, cameras) mark nothing, but the range in the header may tell:
    no signed byte is above 127, and no unsigned one below 0.
    """
    stamp, flags = struct.unpack_from(f"{order}2i", raw, 152)
    lowest, highest = struct.unpack_from(f"{order}2f", raw, 76)
    marked = stamp == IMOD_STAMP and mode == 0
    if lowest < 0 < highest or (marked and flags & 1):
        return False
    largest = 127 if mode == 0 else 32767  # of a signed one
    return marked or (lowest >= 0 and largest < highest <= 2 * largest + 1)


def _refuse_other_files(raw: bytes, path: Path) -> None:
    """Say what a file that is named .mrc really is."""
    if not raw:
        raise IncompleteError(f"{path}: is empty (0 bytes); copy or download it again")
    for magic, reason in OTHER_FILES.items():
        if raw.startswith(magic):
            raise InputError(f"{path}: {reason}")
    text = raw.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] == b"<" and b"\0" not in raw[:32]:  # an image 60 pixels wide starts with "<", too
        is_html = text[:15].lower().startswith((b"<!doctype html", b"<html"))
        kind = "an HTML" if is_html else "an XML"
        raise InputError(f"{path}: is {kind} page with the name of an image; a failed download?")
    if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in raw):
        raise InputError(f"{path}: is a text file with the name of an image; a failed download?")
    if len(raw) < HEADER_BYTES:
        raise IncompleteError(
            f"{path}: is cut short: an MRC header has {HEADER_BYTES:,} bytes, "
            f"the file has {os.path.getsize(path):,}; copy or download it again"
        )
