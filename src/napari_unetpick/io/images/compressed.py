"""Files that are compressed as a whole (gzip, bzip2), read as if they were not."""

from __future__ import annotations

import bz2
import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedIOBase, RawIOBase
from pathlib import Path
from typing import Any

from napari_unetpick.errors import InputError

EXTENSIONS = (".gz", ".bz2")
OPENERS: dict[bytes, Callable[[Path], Any]] = {b"\x1f\x8b\x08": gzip.open, b"BZh": bz2.open}
"""By the first three bytes of a file, whatever its name."""
LARGEST = 1 << 32
"""Bytes of an image that is unpacked into memory."""


def is_compressed(path: Path) -> bool:
    """Tell whether a file is, by its first bytes; an OSError where it cannot be read."""
    return _opener(path) is not None


def _opener(path: Path) -> Callable[[Path], Any] | None:
    with open(path, "rb") as file:
        return OPENERS.get(file.read(3))


@contextmanager
def open_unpacked(path: Path) -> Iterator[RawIOBase | BufferedIOBase]:
    """Open a file for reading its own or its unpacked bytes, from first to last.

    Raises
    ------
    InputError
        What is compressed ends too early, or is damaged.
    """
    opener = _opener(path)
    if opener is None:
        with open(path, "rb", buffering=0) as file:
            yield file
        return
    try:
        with opener(path) as file:
            yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"{path}: is cut short or damaged ({error}); copy or download it again"
        ) from None
