"""The gallery's pictures: cut from the micrographs in a thread, some of them averaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.picking.cutouts import WIDTH, cut_crop, mean_crop
from napari_unetpick.widgets.gallery.items import GalleryItem
from napari_unetpick.widgets.qt.workers import Task
from napari_unetpick.widgets.session.snapshot import OpenMicrograph, Snapshot

SIDE = 64  # px of a picture
LOW_PASS = 20.0  # A, as the viewer shows micrographs
MOST_AVERAGED = 300  # their mean's noise is 6 % of a single one's
FALLBACK_PX = 40.0  # diameter where none is set

Crop = NDArray[np.float32]


@dataclass(frozen=True)
class Mean:
    """The mean of `count` crops; None where none could be cut."""

    crop: Crop | None
    count: int


class Cutter:
    """Cuts crops and keeps the last micrograph open; for one thread.

    Parameters
    ----------
    low_pass
        In A; 0 filters no more than the resampling needs.
    """

    def __init__(self, low_pass: float = LOW_PASS) -> None:
        self._low_pass = low_pass
        self._open: tuple[Micrograph, OpenMicrograph] | None = None

    def cut(self, item: GalleryItem, snapshot: Snapshot) -> Crop | None:
        """Cut one; None where its micrograph cannot be read."""
        try:
            micrograph = snapshot.entries[item.key].micrograph
            if self._open is None or self._open[0] != micrograph:
                self._open = micrograph, snapshot.open(item.key)
            found = self._open[1]
            diameter = found.diameter_px(snapshot.diameter or 0.0) or item.diameter or FALLBACK_PX
            low_pass = self._low_pass / found.pixel_size if found.pixel_size else 0.0
            return cut_crop(found.image, (item.row, item.col), WIDTH * diameter, SIDE, low_pass)
        except (UnetPickError, OSError, KeyError):  # the gallery shows an empty frame there
            return None


def average(items: Sequence[GalleryItem], snapshot: Snapshot, task: Task) -> Mean:
    """Average crops that are not low-passed; of very many, some that lie evenly among them."""
    some = items
    if len(items) > MOST_AVERAGED:
        some = [items[i] for i in np.linspace(0, len(items) - 1, MOST_AVERAGED).round().astype(int)]
    cutter, crops = Cutter(0.0), []
    for done, item in enumerate(sorted(some, key=lambda item: item.key)):
        task.step(done, len(some))
        crop = cutter.cut(item, snapshot)
        if crop is not None:
            crops.append(crop)
    return Mean(mean_crop(crops), len(crops))
