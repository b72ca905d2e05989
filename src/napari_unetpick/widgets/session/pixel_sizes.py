"""Pixel sizes of micrographs, and what is said of those whose size nobody knows.

Those can be marked, but not trained on or picked.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.images.unmapped import UnmappedImage
from napari_unetpick.io.picks import tell_count
from napari_unetpick.io.sizes import is_pixel_size
from napari_unetpick.project.project import Entry

LOOKED_AT = 20  # headers that are read in the main thread; the files of a data set are alike
WHERE = "enter it in the Annotate dock, below the diameter"


def describe_length(fraction: float, diameter: float | None) -> str:
    """Return a length that is kept as a part of the diameter (A, or None), as users read it.

    Example: "90 Å (0.5 x diameter)"; without a diameter "0.5 x diameter".
    """
    relative = describe_fraction(fraction)
    return relative if diameter is None else f"{fraction * diameter:.0f} Å ({relative})"


def describe_fraction(fraction: float) -> str:
    """Return a part of the diameter in words: "0.5 x diameter"."""
    return f"{fraction:.2f}".rstrip("0").rstrip(".") + " x diameter"


class HeaderSizes:
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
        sized: dict[Path, float | None] = {
            path: size for path, size in list(self._headers.items()) if size is not None
        }
        self._headers = sized


class HasSizes(Protocol):
    """The project whose micrographs are asked about."""

    @property
    def headers(self) -> HeaderSizes:
        """Sizes by file."""

    @property
    def diameter(self) -> float | None:
        """Of the particles, in A."""

    def entry(self, key: str) -> Entry:
        """Return what is known of a micrograph."""


class PixelSizes:
    """Pixel sizes by key of the open project's micrographs."""

    def __init__(self, project: HasSizes) -> None:
        self._project = project

    def known(self, key: str) -> float | None:
        """A/px of a micrograph as it was given or as its header says, or None."""
        return self._project.headers.of(self._project.entry(key).micrograph)

    def of(self, key: str) -> float:
        """A/px of a micrograph; 1 where it is unknown."""
        return self.known(key) or 1.0

    def diameter_px(self, key: str) -> float | None:
        """Particle diameter in pixels of a micrograph's file, or None where it is not set."""
        diameter = self._project.diameter
        return None if diameter is None else diameter / self.of(key)

    def obstacle(self, keys: Sequence[str]) -> str:
        """Say that none of these micrographs has a pixel size and where to give it, or ""."""
        first = keys[:LOOKED_AT]
        if not first or not all(self._is_unsized(key) for key in first):  # ends at the first size
            return ""
        more = f" and {len(keys) - 1:,} more" if len(keys) > 1 else ""
        return f"No pixel size in {first[0]}{more}: {WHERE}."

    def caution(self, keys: Sequence[str]) -> str:
        """Say that some of these micrographs have no pixel size, and so are left out, or ""."""
        first = keys[:LOOKED_AT]
        unsized = [key for key in first if self._is_unsized(key)]
        if not unsized or len(unsized) == len(first):
            return ""
        more = tell_count(len(unsized), "micrograph")
        return (
            f"{more} without pixel size skipped ({unsized[0]}). To use them, {WHERE}; it then "
            "applies to all micrographs."
        )

    def _is_unsized(self, key: str) -> bool:
        """Tell whether a micrograph has no pixel size.

        A file that is gone is not blamed for it: that is told when it is read.
        """
        return self.known(key) is None and self._project.entry(key).micrograph.path.is_file()
