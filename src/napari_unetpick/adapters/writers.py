"""napari saves picks (Points) as RELION STAR or EMAN .box: thin over `io`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_unetpick.adapters.layer_data import OWN
from napari_unetpick.adapters.notify import current_viewer, tell
from napari_unetpick.adapters.pairing import own_layers
from napari_unetpick.errors import InputError
from napari_unetpick.io.formats.box_size import BOX_PER_DIAMETER, good_box
from napari_unetpick.io.formats.eman import write_box as write_box_file
from napari_unetpick.io.formats.relion_picks import UNSET
from napari_unetpick.io.formats.relion_picks import write_star as write_star_file
from napari_unetpick.io.picks import Picks, typical_diameter


def write_star(path: str, data: ArrayLike, attributes: Mapping[str, Any]) -> list[str]:
    """Write the shown picks as a RELION coordinate file; return where it lies.

    Parameters
    ----------
    path
        Gets the ending .star if it has another or none: the dialog adds none.
    data
        (N, 2) (row, col), pixels of the micrograph.
    attributes
        The Points layer's: `shown`, `features` (score), `size`, `scale`, `metadata`.

    Raises
    ------
    UnetPickError
        The layer cannot be picks, or the file cannot be written.
    """
    target = _with_ending(path, ".star")
    write_star_file(target, read_layer(data, attributes))
    return [str(target)]


def write_box(path: str, data: ArrayLike, attributes: Mapping[str, Any]) -> list[str]:
    """Write the shown picks as EMAN .box, 1.5 circles wide; parameters as in `write_star`."""
    target = _with_ending(path, ".box")
    picks = read_layer(data, attributes)
    size = good_box((typical_diameter(picks) or 1.0) * BOX_PER_DIAMETER)
    write_box_file(target, picks, size)
    if len(picks):
        tell(f"{target.name}: boxes of {size} px, {BOX_PER_DIAMETER:g} times the circles' diameter")
    return [str(target)]


def read_layer(data: ArrayLike, attributes: Mapping[str, Any]) -> Picks:
    """Return what a Points layer shows as picks in pixels of the micrograph.

    Hidden points (below a threshold) are not picks. A point without a score among scored ones, as
    clicked by hand, gets RELION's mark for an unknown figure of merit.

    Raises
    ------
    InputError
        The layer is not two-dimensional, a coordinate is no number, or a score is text.
    """
    name = str(attributes.get("name", "points"))
    coords = np.asarray(data, dtype=np.float64)
    if coords.ndim != 2 or coords.shape[1] != 2:
        raise InputError(f"layer {name!r} has {coords.shape[-1]} axes; picks have two (row, col)")
    if not np.isfinite(coords).all():
        raise InputError(f"layer {name!r} holds a point without coordinates; delete it")
    shown = np.broadcast_to(np.asarray(attributes.get("shown", True), bool), len(coords))
    ratio, offset = _to_pixels(attributes)
    sizes = np.broadcast_to(np.asarray(attributes.get("size", 1.0), np.float64), len(coords))
    metadata = attributes.get("metadata", {}).get(OWN, {})
    picks = Picks(
        str(metadata.get("micrograph") or name),
        coords * ratio + offset,
        _scores(attributes.get("features"), len(coords), name),
        sizes * ratio.mean(),
    )
    return picks.select(np.flatnonzero(shown))


def _to_pixels(attributes: Mapping[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (factor, offset), (row, col) each, from the layer's coordinates to micrograph pixels.

    Own layers hold pixels. napari's New Points button makes a layer of scale 1 where no layer is
    selected: on a micrograph of 1.5 A/px its point (150, 300) is the pixel (100, 200).
    """
    one, none = np.ones(2), np.zeros(2)
    viewer = current_viewer()
    images = own_layers(viewer.layers, "micrograph") if viewer is not None else []
    if OWN in attributes.get("metadata", {}) or not images:
        return one, none
    scale, translate = (
        np.asarray(attributes.get(name, default), np.float64)
        for name, default in (("scale", one), ("translate", none))
    )
    image_scale = np.asarray(images[0].scale, np.float64)
    factor = scale / image_scale
    offset = (translate - np.asarray(images[0].translate, np.float64)) / image_scale
    if not np.allclose(factor, 1.0) or not np.allclose(offset, 0.0):
        tell(f"{attributes.get('name')}: its points were converted to pixels of {images[0].name}")
    return factor, offset


def _scores(features: Any, count: int, name: str) -> NDArray[np.float64] | None:
    """Return the feature `score` as numbers, or None where there is none."""
    if features is None or "score" not in features:
        return None
    try:
        scores = np.array(features["score"], dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"layer {name!r}: its feature 'score' holds text; rename it") from None
    known = np.isfinite(scores)
    if scores.shape != (count,) or not known.any():
        return None
    scores[~known] = UNSET
    return scores


def _with_ending(path: str, ending: str) -> Path:
    target = Path(path)
    return target if target.suffix.lower() == ending else target.with_name(target.name + ending)
