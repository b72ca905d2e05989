"""Pixel sizes of micrographs, and what is said of those whose size nobody knows.

Those can be marked, but not trained on or picked.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.images.unmapped import UnmappedImage
from napari_unetpick.io.picks import tell_count
from napari_unetpick.io.sizes import is_pixel_size

if TYPE_CHECKING:
    from napari_unetpick.widgets.session.session import Session

LOOKED_AT = 20  # headers that are read in the main thread; the files of a data set are alike
WHERE = "type it in Annotate, under the diameter"


class PixelSizes:
    """A/px of micrographs, as they are listed or else as their headers say; for any thread.

    A header is read once. A file that is away, or is still being copied, is looked at again.
    """

    def __init__(self) -> None:
        self._headers: dict[Path, float | None] = {}

    def of(self, micrograph: Micrograph) -> float | None:
        """Return a micrograph's A/px, or None where it is not known."""
        listed, path = micrograph.pixel_size, micrograph.path
        if listed is not None and is_pixel_size(listed):
            return listed
        headers = self._headers  # another thread may put others in their place
        if path in headers:
            return headers[path]
        try:
            found = UnmappedImage(path).pixel_size
        except UnetPickError:
            return None
        headers[path] = found
        return found

    def diameter_px(self, micrograph: Micrograph, diameter: float | None) -> float | None:
        """Return a particle diameter in A as pixels of a micrograph's file, or None.

        All who choose among candidates ask here, so that lists, layers and files agree; where it
        is None, candidates are as far apart as they were found.
        """
        size = None if diameter is None else self.of(micrograph)
        return diameter / size if diameter and size else None

    def forget_unknown(self) -> None:
        """Read headers that had no size again when they are asked for."""
        sized = {path: size for path, size in list(self._headers.items()) if size is not None}
        self._headers = sized


def size_obstacle(session: Session, keys: Sequence[str]) -> str:
    """Say that none of these micrographs has a pixel size and where to give it, or ""."""
    first = keys[:LOOKED_AT]
    if not first or not all(_is_unsized(session, key) for key in first):  # ends at the first size
        return ""
    more = f" and {len(keys) - 1:,} more" if len(keys) > 1 else ""
    return f"No pixel size in {first[0]}{more}: {WHERE}."


def size_caution(session: Session, keys: Sequence[str]) -> str:
    """Say that some of these micrographs have no pixel size, and so are left out, or ""."""
    first = keys[:LOOKED_AT]
    unsized = [key for key in first if _is_unsized(session, key)]
    if not unsized or len(unsized) == len(first):
        return ""
    more = tell_count(len(unsized), "micrograph")
    return (
        f"No pixel size in {more} ({unsized[0]}): left out. To use them, {WHERE}; it then holds "
        "for all."
    )


def _is_unsized(session: Session, key: str) -> bool:
    """Tell whether a micrograph has no pixel size.

    A file that is gone is not blamed for it: that is told when it is read.
    """
    known = session.known_pixel_size(key) is not None
    return not known and session.entry(key).micrograph.path.is_file()
