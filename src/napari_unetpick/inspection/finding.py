"""What seems to be wrong with a set of picks: one line, and what would correct it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from napari_unetpick.inspection.orientation import Orientation

Kind = Literal["scale", "orientation", "doubles", "pixel size", "spacing", "chance", "contrast"]


@dataclass(frozen=True)
class Finding:
    """Something to check in a set of labels or picks; nothing is refused for it.

    Parameters
    ----------
    kind
        Which check found it.
    what
        What is seen, with its figure.
    fix
        What to do, in the words of the command line; "" where nothing is to be done.
    viewer
        The same in the words of the viewer, where that is another one.
    scale
        Factor for the coordinates that would correct it, if one would.
    orientation
        Change of orientation that would correct it, if one would.
    """

    kind: Kind
    what: str
    fix: str = ""
    viewer: str = ""
    scale: float | None = None
    orientation: Orientation | None = None

    def __str__(self) -> str:
        return "; ".join(filter(None, (self.what, self.fix)))

    @property
    def in_viewer(self) -> str:
        """The line as the viewer shows it."""
        return "; ".join(filter(None, (self.what, self.viewer or self.fix)))
