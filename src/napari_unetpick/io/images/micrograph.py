"""One micrograph of a list: where it lies, what it is called, what its list says of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_unetpick.io.names import micrograph_key


@dataclass(frozen=True)
class Micrograph:
    """One micrograph of a list; its image is read by `read_micrograph(m.path)`.

    Parameters
    ----------
    path
        Where the image lies.
    name
        As the STAR wrote it (RELION compares names as strings), or the path as given.
    pixel_size
        A/px as the list says, or None.
    defocus, ctf_resolution
        In A (defocus is the mean of U and V), or None.
    optics_group
        RELION's optics group, or None.
    """

    path: Path
    name: str
    pixel_size: float | None = None
    defocus: float | None = None
    ctf_resolution: float | None = None
    optics_group: int | None = None

    @property
    def key(self) -> str:
        """The name without folders and image extension: what picks are matched by."""
        return micrograph_key(self.name)
