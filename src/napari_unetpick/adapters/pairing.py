"""Bring a micrograph and its picks together in a viewer, whichever was opened first.

napari hands each file to a reader on its own. Picks carry the scale of their micrograph, so a picks
file looks for an open micrograph, and a micrograph that comes later looks for its picks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_unetpick.adapters.layer_data import (
    OWN,
    LayerData,
    default_size,
    points_layer,
    scale_and_units,
)
from napari_unetpick.adapters.notify import tell
from napari_unetpick.errors import InputError
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.names import match_names
from napari_unetpick.io.picks import Picks, join_picks, tell_count


@dataclass(frozen=True)
class OnScreen:
    """What picks need to know of their micrograph: key, A/px (or None), (rows, cols)."""

    key: str
    pixel_size: float | None
    shape: tuple[int, int]


def own(layer: Any) -> dict[str, Any]:
    """Return what an own layer remembers; an empty dict for layers of others."""
    entry = layer.metadata.get(OWN)
    return entry if isinstance(entry, dict) else {}


def own_layers(layers: Iterable[Any], kind: str) -> list[Any]:
    """Return the own layers of a kind ("micrograph" or "picks"), the topmost first."""
    return [layer for layer in reversed(list(layers)) if own(layer).get("kind") == kind]


def on_screen(layer: Any) -> OnScreen:
    """Describe an own micrograph layer."""
    return OnScreen(own(layer)["key"], own(layer)["pixel_size"], tuple(layer.data.shape[-2:]))


def picks_of(picks: Mapping[str, Picks], key: str) -> Picks | None:
    """Return the picks of the micrograph `key`, or None if they hold none by that name."""
    names = list(match_names(picks, [key]).pairs)
    return join_picks(names[0], [picks[name] for name in names]) if names else None


def layer_on(image: OnScreen, picks: Picks, path: str) -> LayerData:
    """Return picks of the file `path` as layer data that lies on the micrograph `image`."""
    _tell_outside(picks, image)
    size = default_size(picks, image.shape[1])
    return points_layer(
        picks, image.key, image.pixel_size, size, path=path, shown_as="its own", named=True
    )


def prepare(viewer: Any, image: OnScreen) -> None:
    """Make picks that are already open ready for their micrograph, which is about to be added.

    They get its scale now, since napari warns of layers in pixels beside one in Angstrom; they are
    put above it once it is there.
    """
    viewer.layers.events.inserted.connect(_arrange)  # napari ignores a second connection
    for points in own_layers(viewer.layers, "picks"):
        if own(points)["key"] == image.key or _adopt(points, image.key, viewer.layers):
            _join(points, image)
        elif own(points).get("shown_as") == "first":
            _swap(points, image, viewer.layers)
    for layer in own_layers(viewer.layers, "micrograph"):
        if own(layer)["key"] == image.key and own(layer).get("opened_for"):
            viewer.layers.remove(layer)  # it was there for its picks' sake; now its own comes


def _arrange(event: Any) -> None:
    """Put picks above their micrograph, which napari adds on top."""
    image, layers = event.value, event.source
    if own(image).get("kind") != "micrograph":
        return
    for points in own_layers(layers, "picks"):
        if own(points)["key"] == own(image)["key"]:
            layers.move(layers.index(points), len(layers))


def _adopt(points: Any, key: str, layers: Any) -> bool:
    """Take picks whose file names no micrograph for this one, if they have no other."""
    entry = own(points)
    keys = {own(layer)["key"] for layer in own_layers(layers, "micrograph")}
    if entry.get("named", True) or entry["key"] in keys:
        return False
    tell(f"shown on {key}: {Path(entry['path']).name} has no micrograph name")
    entry.update(key=key, micrograph=key, named=True)
    points.name = f"{key} picks"
    return True


def _join(points: Any, image: OnScreen) -> None:
    """Give picks the scale of their micrograph, and circles that suit its size."""
    entry = own(points)
    entry.update(pixel_size=image.pixel_size, shown_as="its own")
    for name, value in scale_and_units(image.pixel_size).items():
        setattr(points, name, value)
    picks = Picks(entry["micrograph"], np.asarray(points.data))
    if np.allclose(points.size, default_size(picks, None)):  # as guessed without the micrograph
        points.size = points.current_size = default_size(picks, image.shape[1])
    _tell_outside(picks, image)


def _swap(points: Any, image: OnScreen, layers: Any) -> None:
    """Show this micrograph's picks in place of those that were shown for want of a micrograph."""
    from napari.layers import Points

    entry = own(points)
    try:
        every = read_picks(entry["path"])
        picks = picks_of(every, image.key)
    except InputError:
        return  # the file is gone, or holds two of this name: what is shown stays
    if picks is None:
        return
    shown_before = every.get(entry["micrograph"])
    if shown_before is not None and np.array_equal(shown_before.coords, points.data):
        layers.remove(points)
    else:
        points.visible = False  # somebody worked on it
    for layer in own_layers(layers, "micrograph"):
        if own(layer).get("opened_for") == entry["path"]:
            layers.remove(layer)
    tell(f"{Path(entry['path']).name}: now showing {image.key} ({tell_count(len(picks), 'pick')})")
    data, attributes, _ = layer_on(image, picks, entry["path"])
    layers.append(Points(data, **attributes))


def _tell_outside(picks: Picks, image: OnScreen) -> None:
    """Warn where picks lie outside the micrograph: they are shown, but cannot belong there."""
    inside = (picks.coords >= -0.5) & (picks.coords < np.asarray(image.shape) - 0.5)
    outside = len(picks) - int(inside.all(axis=1).sum())
    if outside:
        rows, cols = image.shape
        tell(
            f"{outside:,} of {len(picks):,} picks lie outside {image.key} ({cols} x {rows} px): "
            "made at another binning, or x and y swapped?",
            "warning",
        )
