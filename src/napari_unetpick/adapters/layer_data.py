"""Micrographs and picks as napari layer data: styled in one place, without importing napari."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.io.picks import Picks, typical_diameter

LayerData = tuple[Any, dict[str, Any], str]

OWN = "unetpick"
"""The entry of `layer.metadata` by which own layers are known, whatever a user names them."""
PLAIN_COLOR = "#00e5ff"
"""Cyan, of picks: nowhere on the scale of scores, also to colour-blind eyes."""
RING, PICK_RING = 0.06, 0.1
"""Width of the rings of candidates and of picks, of the diameter."""
SCORE_COLORMAP = "autumn"
"""Red (0) to yellow (1): colour-blind eyes see it yellowish, and never grey on grey."""
SMALLEST_LEVEL = 512
DEFAULT_SIZE = 0.04
"""Ring size as a fraction of the image's width where no diameter is known."""


def score_color(score: float) -> tuple[int, int, int]:
    """Return the colour of `SCORE_COLORMAP` for a score in [0, 1]: (red, green, blue) to 255."""
    share = min(max(score, 0.0), 1.0)
    return 255, round(255 * share), 0


def image_layer(
    data: NDArray[Any], key: str, pixel_size: float | None, **metadata: Any
) -> LayerData:
    """Return a micrograph as napari layer data, with binned levels for views from afar.

    Seen whole, a micrograph of 4,000 pixels is drawn from every fourth pixel and noise hides the
    particles; drawn from means, they stand out. `layer.data` is then napari's list of levels;
    `full_resolution` gives the file's own pixels.

    Parameters
    ----------
    data
        (rows, cols) of any real type, row 0 on top; a memory map stays one.
    key
        Name of the micrograph without folders and image extension.
    pixel_size
        A/px, or None where unknown: the layer is then in pixels.
    metadata
        More entries for `layer.metadata["unetpick"]`.
    """
    if not data.dtype.isnative or data.dtype == np.float16:  # textures take neither
        data = data.astype(np.float32)
    levels = pyramid(data)
    attributes = {
        "name": key,
        "colormap": "gray",
        "contrast_limits": contrast_limits(levels[min(1, len(levels) - 1)]),
        "interpolation2d": "linear",
        "multiscale": len(levels) > 1,
        "metadata": {OWN: own_metadata("micrograph", key, pixel_size, **metadata)},
        **scale_and_units(pixel_size),
    }
    return (levels if len(levels) > 1 else data), attributes, "image"


def points_layer(
    picks: Picks, key: str, pixel_size: float | None, size: float, **metadata: Any
) -> LayerData:
    """Return the picks of a micrograph as napari layer data: open circles of the particle's size.

    Parameters
    ----------
    picks
        Coordinates are (row, col) in pixels; the layer's scale makes them Angstrom.
    key
        Name of the micrograph without folders and image extension.
    pixel_size
        A/px of the micrograph, or None where unknown.
    size
        Diameter in pixels of the circles of picks without an own diameter.
    metadata
        More entries for `layer.metadata["unetpick"]`.
    """
    count = len(picks)
    features: dict[str, Any] = {}
    border: dict[str, Any] = {"border_color": PLAIN_COLOR}
    if picks.scores is not None:
        # One NaN would make every circle invisible, and free limits would hide what a score means.
        features["score"] = np.nan_to_num(picks.scores, nan=0.0)
        border = {"border_contrast_limits": (0.0, 1.0), "border_colormap": SCORE_COLORMAP}
        border["border_color"] = "score" if count else PLAIN_COLOR
    features["source"] = (
        np.full(count, "file", dtype=object)
        if picks.sources is None
        else picks.sources.astype(object)
    )
    clicked = {"score": 1.0, "source": "manual"}  # else a click inherits what the last row holds
    attributes = {
        "name": f"{key} picks",
        "ndim": 2,
        "features": features,
        "feature_defaults": {name: clicked[name] for name in features},
        "size": size if picks.diameters is None else _one_or_all(picks.diameters, size),
        "symbol": "disc",  # "ring" is drawn as two circles
        "face_color": "transparent",
        "border_width": PICK_RING if picks.scores is None else RING,
        "metadata": {
            OWN: own_metadata(
                "picks",
                key,
                pixel_size,
                micrograph=picks.micrograph,
                diameter_px=typical_diameter(picks),
                **metadata,
            )
        },
        **border,
        **scale_and_units(pixel_size),
    }
    return np.asarray(picks.coords, dtype=np.float64).reshape(-1, 2), attributes, "points"


def own_metadata(kind: str, key: str, pixel_size: float | None, **more: Any) -> dict[str, Any]:
    """Return what an own layer remembers: its kind, its micrograph's key, the pixel size (A/px)."""
    return {"kind": kind, "key": key, "pixel_size": pixel_size, **more}


def scale_and_units(pixel_size: float | None) -> dict[str, Any]:
    """Return the layer attributes that place pixels in Angstrom, or none where that is unknown."""
    if pixel_size is None:
        return {}
    return {"scale": (pixel_size, pixel_size), "units": ("angstrom", "angstrom")}


def _one_or_all(sizes: NDArray[np.float64], usual: float) -> float | NDArray[np.float64]:
    """Return the one size that all have, which napari then gives to clicked points too."""
    sizes = np.nan_to_num(sizes, nan=usual)  # napari draws no circle of an unknown size
    return float(sizes[0]) if len(sizes) and np.ptp(sizes) == 0 else sizes


def default_size(picks: Picks, width: int | None) -> float:
    """Return a circle size in pixels for picks without diameters: a part of the image's width.

    `width` is the micrograph's number of columns, or None where it is unknown: the picks' own
    extent then stands for it.
    """
    if width is None:
        width = int(picks.coords.max()) + 1 if len(picks) else 1
    return max(1.0, DEFAULT_SIZE * width)


def pyramid(data: NDArray[Any]) -> list[NDArray[Any]]:
    """Return the image and its means over 2 x 2, 4 x 4, ... pixels down to a screen's size.

    Sample k of a mean over s pixels lies at (k + 0.5) s - 0.5, where napari draws it. An odd last
    row or column is left out of the next level, which moves that by less than one of its pixels.
    """
    levels = [data]
    while min(levels[-1].shape) >= 2 * SMALLEST_LEVEL:
        rows, cols = (side // 2 for side in levels[-1].shape)
        even = levels[-1][: 2 * rows, : 2 * cols].reshape(rows, 2, cols, 2)
        levels.append(even.mean(axis=(1, 3), dtype=np.float32))
    return levels


def full_resolution(layer: Any) -> NDArray[Any]:
    """Return the pixels of an image layer as its file holds them, (rows, cols)."""
    data: NDArray[Any] = layer.data[0] if layer.multiscale else layer.data
    return data


def contrast_limits(data: NDArray[Any]) -> tuple[float, float]:
    """Return display limits that hot pixels and ice do not move: percentiles of a sparse sample."""
    step = max(1, min(data.shape) // 512)
    sample = np.asarray(data[::step, ::step], dtype=np.float64)
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(sample, [1.0, 99.0]))
    return (low, high) if high > low else (low, low + 1.0)
