"""The layer of junk: areas of the micrograph in view without picks, painted and erased there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from napari_unetpick.adapters.layer_data import OWN
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.widgets.layers.styles import placement, put


def show_junk(layer: Any, found: Candidates | None, own: dict[str, Any], *, locked: bool) -> None:
    """Show the map of junk of candidates, cell by cell; None or a `locked` one cannot be painted.

    Napari's undo is emptied for another map, or another micrograph's (`own` is the new metadata):
    its strokes would go to the wrong one.
    """
    junk = None if found is None else found.junk
    cells = np.zeros((1, 1), bool) if junk is None else junk.cells
    height, width = cells.shape if junk is None else junk.shape
    ratio = height / cells.shape[0], width / cells.shape[1]
    put(layer, placement(own["pixel_size"], ratio, cells=True))
    before, layer.metadata[OWN] = layer.metadata.get(OWN, {}), own
    same = np.array_equal(np.asarray(layer.data) != 0, cells)
    if not same or before.get("micrograph") != own["micrograph"]:
        layer.editable = False  # which forgets the strokes
        layer.data = cells.astype(np.uint8)
    editable = junk is not None and not locked
    if layer.editable != editable:
        layer.editable = editable


def follow_strokes(layer: Any, changed: Callable[[str, NDArray[np.bool_]], None]) -> None:
    """Call with the micrograph's key and its cells when a stroke ends, is undone or redone.

    That is a turn of the event loop later: napari tells of a polygon before it is painted.
    """

    def later(_: Any = None) -> None:
        key, data = layer.metadata[OWN]["micrograph"], layer.data  # whatever it shows by then
        QTimer.singleShot(0, lambda: changed(key, np.asarray(data) != 0))

    def undo(_: Any) -> None:
        layer.undo()
        later()

    def redo(_: Any) -> None:
        layer.redo()
        later()

    layer.events.paint.connect(later)
    layer.bind_key("Control-Z", undo, overwrite=True)
    layer.bind_key("Control-Shift-Z", redo, overwrite=True)
