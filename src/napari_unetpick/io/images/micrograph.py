"""One micrograph of a list: where it lies, what it is called, what its list says of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_unetpick.io.names import micrograph_key


@dataclass(frozen=True)
class Ctf:
    """The contrast transfer function of a micrograph; see `picking.ctf`.

    Parameters
    ----------
    defocus_u, defocus_v
        Largest and smallest underfocus, A (positive is under focus).
    astigmatism_angle
        Angle of `defocus_u` from the column axis towards growing rows, degrees.
    voltage
        kV.
    cs
        Spherical aberration, mm.
    amplitude_contrast
        Fraction w2 of the contrast that is amplitude contrast.
    phase_plate
        Phase shift of a phase plate, degrees.
    """

    defocus_u: float
    defocus_v: float
    astigmatism_angle: float = 0.0
    voltage: float = 300.0
    cs: float = 2.7
    amplitude_contrast: float = 0.07
    phase_plate: float = 0.0

    @property
    def mean_defocus(self) -> float:
        """Mean of the two principal underfocus values, A."""
        return 0.5 * (self.defocus_u + self.defocus_v)


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
    ctf
        The whole CTF, or None where the list lacks a value of it.
    """

    path: Path
    name: str
    pixel_size: float | None = None
    defocus: float | None = None
    ctf_resolution: float | None = None
    optics_group: int | None = None
    ctf: Ctf | None = None

    @property
    def key(self) -> str:
        """The name without folders and image extension: what picks are matched by."""
        return micrograph_key(self.name)
