"""How the session's layers look, and how each is filled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from napari_unetpick.adapters.layer_data import (
    DEFAULT_SIZE,
    PICK_RING,
    PLAIN_COLOR,
    RING,
    SCORE_COLORMAP,
)
from napari_unetpick.widgets.layers.points_table import one_step

if TYPE_CHECKING:
    from napari_unetpick.widgets.layers.images import Shown
    from napari_unetpick.widgets.session.pick_model import Chosen

ORDER = ("micrograph", "junk", "exclusions", "complete", "candidates", "negatives", "picks")
REJECTED_COLOR = "#ff40ff"
EXCLUDED_COLOR = "#ff4040"
COMPLETE_COLOR = "#4060ff"
JUNK_COLOR = "#ff8000"
JUNK_OPACITY = 0.2
JUNK_BRUSH = 6  # cells: a particle
TOLD_MS = 60  # after a change: it is drawn by then
NAMES = {
    "picks": "Picks",
    "candidates": "Candidates",
    "negatives": "Not particles",
    "exclusions": "Excluded areas",
    "complete": "Fully labelled areas",
    "junk": "Junk",
}


def placement(
    pixel_size: float | None, ratio: tuple[float, float], *, cells: bool = False
) -> dict[str, Any]:
    """Return scale, shift and units of a layer whose pixels are `ratio` pixels of the file.

    Their first ones lie centre on centre, or, of `cells`, edge on edge.
    """
    size = pixel_size or 1.0
    unit = "pixel" if pixel_size is None else "angstrom"
    shift = [size * (each - 1) / 2 if cells else 0.0 for each in ratio]
    return {
        "scale": (size * ratio[0], size * ratio[1]),
        "translate": (shift[0], shift[1]),
        "units": (unit, unit),
    }


def put(layer: Any, place: dict[str, Any]) -> None:
    """Give a layer its place; napari draws all again at each change, so only where it differs."""
    for name in ("scale", "translate"):
        if not np.array_equal(getattr(layer, name), place[name]):
            setattr(layer, name, place[name])
    if tuple(map(str, layer.units)) != place["units"]:
        layer.units = place["units"]


def image(shown: Shown, place: dict[str, Any]) -> Any:
    """Make the micrograph's layer."""
    from napari.layers import Image

    limits = (-1, 1)  # else napari looks for them
    layer = Image(
        shown.image, colormap="gray", contrast_limits=limits, interpolation2d="linear", **place
    )
    layer.bind_key("Escape", lambda _: None, overwrite=True)
    return layer


def put_grey_scale(layer: Any, spread: float) -> None:
    """Show `spread` standard deviations either way."""
    layer.contrast_limits_range = (-2 * spread, 2 * spread)
    layer.contrast_limits = (-spread, spread)


def _points(kind: str, colour: str, symbol: str, **more: Any) -> Any:
    from napari.layers import Points

    return Points(
        np.empty((0, 2)),
        name=NAMES[kind],
        symbol=symbol,
        face_color="transparent",
        border_color=colour,
        border_width=PICK_RING if kind == "picks" else RING,
        canvas_size_limits=(0, 10_000),  # else a ring of size 0 is drawn as a dot
        **more,
    )


def _picks() -> Any:
    columns: dict[str, Any] = {
        "source": np.array([], dtype=object),
        "score": np.array([], dtype=float),
    }
    return _points("picks", PLAIN_COLOR, "disc", features=columns)


def _candidates() -> Any:
    layer = _points("candidates", PLAIN_COLOR, "disc", features={"score": np.array([], float)})
    layer.editable = False
    return layer


def _negatives() -> Any:
    layer = _points("negatives", REJECTED_COLOR, "cross")
    layer.face_color = layer.current_face_color = REJECTED_COLOR
    return layer


def _areas(kind: str, colour: str) -> Any:
    from napari.layers import Shapes

    return Shapes(
        name=NAMES[kind], edge_color=colour, face_color=colour, opacity=0.25, edge_width=8, ndim=2
    )


def _junk() -> Any:
    from napari.layers import Labels
    from napari.utils.colormaps import DirectLabelColormap

    colours = {None: JUNK_COLOR, 0: "transparent"}
    layer = Labels(
        np.zeros((1, 1), np.uint8),
        name=NAMES["junk"],
        colormap=DirectLabelColormap(color_dict=colours),
        opacity=JUNK_OPACITY,
    )
    layer.brush_size = JUNK_BRUSH
    return layer


EMPTY: dict[str, Callable[[], Any]] = {
    "picks": _picks,
    "candidates": _candidates,
    "negatives": _negatives,
    "exclusions": lambda: _areas("exclusions", EXCLUDED_COLOR),
    "complete": lambda: _areas("complete", COMPLETE_COLOR),
    "junk": _junk,
}


def default_diameter(shown: Shown | None) -> float:
    """Ring size in pixels while no diameter is set: a part of the micrograph's width."""
    return 40.0 if shown is None else max(1.0, DEFAULT_SIZE * shown.file_shape[1])


def show_image(layer: Any, image: NDArray[np.generic], closed: Callable[[], bool]) -> None:
    """Put another image into its layer.

    One of the same size leaves the extent as it is, and napari, which then looks at the dimensions
    of all layers, is told a turn of the event loop later, if there still is a viewer.
    """
    if layer.data.shape != image.shape:
        layer.data = image
        return
    with layer.events.extent.blocker(), layer.events.data.blocker():
        layer.data = image
    QTimer.singleShot(TOLD_MS, lambda: closed() or layer.events.data(value=layer.data))


def show_points(layer: Any, coords: NDArray[np.float64], size: float) -> None:
    """Put plain points into a layer."""
    layer.selected_data = set()
    layer.data = np.asarray(coords, float).reshape(-1, 2)
    layer.size = layer.current_size = size
    layer.shown = True


def show_candidates(layer: Any, chosen: Chosen | None, diameter: float) -> None:
    """Put candidates into their layer, coloured by score; those below the threshold are hidden.

    Where only the threshold moved the points stay; their `shown` mask and size alone change.
    """
    coords = np.empty((0, 2)) if chosen is None else chosen.coords
    scores = np.empty(0) if chosen is None else chosen.scores
    same = len(layer.data) == len(coords) and np.array_equal(layer.data, coords)
    same &= np.array_equal(np.asarray(layer.features["score"], float), scores)
    sizes = np.empty(0) if chosen is None else np.where(chosen.above, diameter, 0.0)
    if same and np.array_equal(layer.size, sizes):
        return
    if layer.selected_data:
        layer.selected_data = set()
    with one_step(layer, moves=not same):
        if not same:
            layer.data = coords
            layer.features = {"score": np.nan_to_num(scores)}
            if len(coords) and layer.border_color_mode != "colormap":
                layer.border_color = "score"
                layer.border_colormap = SCORE_COLORMAP
                layer.border_contrast_limits = (0.0, 1.0)
        if chosen is not None:
            hide_rings(layer, chosen.above, diameter)
    if layer.editable:
        layer.editable = False


def hide_rings(layer: Any, shown: NDArray[np.bool_], diameter: float) -> None:
    """Show some of the points, (N,), only.

    Napari 0.9.2 draws what is not `shown` all the same in a layer of two dimensions: what is
    hidden gets size 0 as well.
    """
    sizes = np.where(shown, diameter, 0.0)
    if not np.array_equal(layer.shown, shown):
        layer.shown = shown
    if not np.array_equal(layer.size, sizes):
        layer.size = sizes


def show_areas(layer: Any, areas: tuple[NDArray[np.float64], ...]) -> None:
    """Put areas into a Shapes layer."""
    layer.selected_data = set()
    if len(layer.data):
        layer.data = []
    if areas:
        layer.add([np.asarray(area) for area in areas], shape_type="polygon")
