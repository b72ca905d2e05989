"""Spares the viewer Python's full collections of garbage among what lives as long as it does.

A napari with all docks is some 300,000 objects. To walk through them all takes 100 to 300 ms, which
comes at a moment that nobody has chosen, mostly while somebody steps through micrographs. So they
are set aside while there are docks; what is made later is collected as ever. A layer that is
deleted may hold gigabytes: all is looked through once then, and set aside again.
"""

from __future__ import annotations

import gc
from typing import Any

from napari_unetpick.widgets.qt.throttle import single_shot

AFTER_MS = 1000  # the dock is drawn by then, or napari is done with a layer that has gone


class Aside:
    """What is set aside while a viewer has docks."""

    def __init__(self, viewer: Any) -> None:
        self._begun = False
        self._timer = single_shot(None, AFTER_MS, self._look_through)
        viewer.layers.events.removed.connect(self._removed)

    def begin(self) -> None:
        """Leave what is there now out of all collections, and soon drop what nobody holds of it."""
        self._begun = True
        gc.freeze()
        self._timer.start()

    def end(self) -> None:
        """Collect among everything again; the docks of another viewer begin anew when shown."""
        self._begun = False
        gc.unfreeze()

    def _removed(self, _: object) -> None:
        if self._begun:
            self._timer.start()

    def _look_through(self) -> None:
        if self._begun:
            gc.unfreeze()
            gc.collect()
            gc.freeze()
