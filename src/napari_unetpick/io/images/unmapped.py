"""A micrograph whose pixels are read from its file when they are looked at, and never mapped.

A mapped file that another program makes shorter ends the process that looks at it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_unetpick.io.atomic import explain_read_error
from napari_unetpick.io.images.image import check_file, known_size, read_micrograph
from napari_unetpick.io.images.mrc import MrcHeader, read_mrc_header, read_mrc_rows
from napari_unetpick.io.images.tiff import read_tiff_header


class UnmappedImage:
    """Opened by its header; of an MRC each look reads its rows.

    A TIFF, or a compressed MRC, is kept once it is read.

    Attributes
    ----------
    shape
        (rows, columns).
    pixel_size
        A/px of the header, or None where it has none that can be.

    Raises
    ------
    InputError
        As `read_micrograph` does; when it is looked at, too.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._header: MrcHeader | None = None
        self._whole: NDArray[Any] | None = None
        with _told(path):
            if check_file(path):
                self.shape, pixel_size = read_tiff_header(path)
            else:
                header = read_mrc_header(path)
                self._header = None if header.compressed else header
                self.shape, pixel_size = header.shape[1:], header.pixel_size
        self.pixel_size = known_size(pixel_size)

    def __getitem__(self, where: slice | tuple[slice, slice]) -> NDArray[Any]:
        """Read some rows, or some columns of them."""
        rows, columns = where if isinstance(where, tuple) else (where, slice(None))
        with _told(self.path):
            if self._header is not None:
                wanted = range(*rows.indices(self.shape[0]))
                return read_mrc_rows(self.path, self._header, wanted)[:, columns]
            if self._whole is None:
                self._whole = read_micrograph(self.path, mapped=False).data
            return self._whole[rows, columns]


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise explain_read_error(error, path) from None
