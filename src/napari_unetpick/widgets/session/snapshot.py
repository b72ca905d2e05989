"""The state of a project as a thread may read it: what is in memory now, the rest from its files.

The session changes only in the main thread; a snapshot is taken there and is handed to a thread.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from pathlib import Path

from napari_unetpick.io.images.unmapped import UnmappedImage
from napari_unetpick.io.sizes import is_pixel_size
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project.annotations import read_annotations
from napari_unetpick.project.candidates import SUFFIX, read_candidates
from napari_unetpick.project.folder import CANDIDATES, PICKS
from napari_unetpick.project.project import Annotations, Entry
from napari_unetpick.widgets.session.pick_model import PickModel
from napari_unetpick.widgets.session.pixel_sizes import HeaderSizes
from napari_unetpick.widgets.session.session import Session


@dataclass(frozen=True)
class OpenMicrograph:
    """A micrograph, whose pixels are read when they are looked at, and its A/px, or None."""

    image: UnmappedImage
    pixel_size: float | None

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, cols)."""
        return self.image.shape

    def diameter_px(self, diameter: float) -> float:
        """Return a diameter in A as pixels; where the pixel size is unknown, A count as pixels."""
        return diameter / (self.pixel_size or 1.0)


@dataclass(frozen=True)
class Snapshot:
    """What a session knew when the snapshot was taken.

    Parameters
    ----------
    folder
        The project's.
    entries, marks, candidates
        By micrograph key; marks and candidates hold only what was in memory.
    diameter
        In A, or None.
    model
        Calibration, threshold and minimum distance.
    sizes
        The session's pixel sizes; headers that are read here need not be read there.
    """

    folder: Path
    entries: dict[str, Entry]
    diameter: float | None
    marks: dict[str, Annotations]
    candidates: dict[str, Candidates | None]
    model: PickModel
    sizes: HeaderSizes

    def diameter_px(self, key: str) -> float | None:
        """Return the diameter in pixels of a micrograph's file, or None where it is not known."""
        return self.sizes.diameter_px(self.entries[key].micrograph, self.diameter)

    def marks_of(self, key: str) -> Annotations:
        """Return what is marked on a micrograph; an InputError where a file is damaged."""
        if key in self.marks:
            return self.marks[key]
        return read_annotations(self.folder / PICKS, key, [])

    def candidates_of(self, key: str) -> Candidates | None:
        """Return a micrograph's candidates; an InputError where the file is damaged."""
        if key in self.candidates:
            return self.candidates[key]
        return read_candidates(self.folder / CANDIDATES / f"{key}{SUFFIX}")

    def open(self, key: str) -> OpenMicrograph:
        """Open a micrograph; an InputError where it cannot be read."""
        micrograph = self.entries[key].micrograph
        found = UnmappedImage(micrograph.path)
        for size in (micrograph.pixel_size, found.pixel_size):
            if size is not None and is_pixel_size(size):
                return OpenMicrograph(found, float(size))
        return OpenMicrograph(found, None)


def take_snapshot(session: Session) -> Snapshot:
    """Take a snapshot, in the main thread."""
    project = session.project
    return Snapshot(
        project.folder,
        dict(project.entries),
        project.diameter,
        dict(session.annotations.loaded),
        session.candidates.loaded,
        copy(session.selection.model),
        project.headers,
    )
