"""Layers that are open already become part of the project: images as micrographs, points as picks.

A layer that came from a file joins by its path; another image is written into the project as MRC.
The user's own layers are hidden, never removed: the session shows its own in their place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from napari_unetpick.adapters.layer_data import OWN, full_resolution
from napari_unetpick.adapters.pairing import own
from napari_unetpick.adapters.writers import read_layer
from napari_unetpick.errors import InputError
from napari_unetpick.inspection.doubles import merge_doubles
from napari_unetpick.io.atomic import atomic_path
from napari_unetpick.io.formats.relion_picks import UNSET
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.names import match_names, micrograph_key
from napari_unetpick.io.picks import Picks, join_picks, tell_count
from napari_unetpick.io.sizes import is_pixel_size
from napari_unetpick.project.folder import IMAGES
from napari_unetpick.widgets.session.session import Session

SAME = 1.0  # px: a pick this near one that is there is that one
IMPORTED = "imported"
UNSAFE = re.compile(r"[^\w.+-]+")


@dataclass(frozen=True)
class Source:
    """An image that becomes a micrograph.

    Parameters
    ----------
    layer
        The user's.
    path
        Its file, or where `write_sources` is to put it.
    data
        (rows, cols) to be written there, or None where the file is there.
    pixel_size
        A/px, or None where unknown.
    """

    layer: Any
    path: Path
    data: Any = None
    pixel_size: float | None = None

    @property
    def micrograph(self) -> Micrograph:
        """The micrograph as a list of files would give it."""
        return Micrograph(self.path, str(self.path), self.pixel_size)


def find_images(session: Session) -> list[Source]:
    """Return the open images that are no micrographs of the project yet, the lowest first."""
    from napari.layers import Image

    found: list[Source] = []
    taken = {key.casefold() for key in session.project.entries}
    for layer in session.viewer.layers:
        entry = own(layer)
        if not isinstance(layer, Image) or entry.get("session") or IMPORTED in entry:
            continue
        if entry.get("kind") == "micrograph" and entry.get("path"):
            key = micrograph_key(Path(entry["path"]).name)
            if key.casefold() not in taken:
                found.append(Source(layer, Path(entry["path"]), None, entry.get("pixel_size")))
        elif layer.ndim == 2 and not layer.rgb and full_resolution(layer).dtype.kind in "biuf":
            key = free_name(layer.name, taken)
            path = session.project.folder / IMAGES / f"{key}.mrc"
            found.append(Source(layer, path, full_resolution(layer), angstrom_scale(layer)))
        else:
            continue
        taken.add(key.casefold())
    return found


def free_name(name: str, taken: Iterable[str]) -> str:
    """Return a layer's name as a file's, other than `taken` (folded): `a b/c` -> `a_b_c`."""
    taken = set(taken)
    stem = UNSAFE.sub("_", micrograph_key(name.replace("/", "_").replace("\\", "_")))
    stem = stem.strip("._") or "image"
    number, free = 1, stem
    while free.casefold() in taken:
        number += 1
        free = f"{stem}_{number}"
    return free


def angstrom_scale(layer: Any) -> float | None:
    """Return a layer's pixel size in A/px, or None where its scale is in other units."""
    scale = np.asarray(layer.scale, float)
    if {str(unit) for unit in layer.units} != {"angstrom"} or not np.allclose(scale, scale[0]):
        return None
    size = float(scale[0])
    return size if is_pixel_size(size) else None


def write_sources(sources: Sequence[Source]) -> None:
    """Write the images that have no file yet (any thread may do it).

    Raises
    ------
    InputError, EngineError
        The folder cannot be written to, or the disk is full.
    """
    for source in sources:
        if source.data is not None:
            write_image(source.path, source.data, source.pixel_size)


def write_image(path: Path, data: Any, pixel_size: float | None) -> None:
    """Write (rows, cols) as float32 MRC, row 0 first, whole or not at all."""
    import mrcfile

    pixels = np.ascontiguousarray(data, dtype=np.float32)
    with (
        atomic_path(path) as temporary,
        mrcfile.new(temporary, data=pixels, overwrite=True) as mrc,
    ):
        mrc.voxel_size = pixel_size or 0.0
        mrc.header.nlabl = 0
        mrc.header.label[:] = b""  # mrcfile's own label carries the time


def join_session(session: Session, sources: Sequence[Source]) -> tuple[list[str], dict[str, Picks]]:
    """Add written images to the project, take the picks that lie open on them, hide the layers.

    Returns
    -------
    The keys of the new micrographs, and the picks that were taken, by key.
    """
    new = session.project.add_listed([source.micrograph for source in sources])
    for source in sources:
        source.layer.visible = False
        if source.data is not None:
            source.layer.metadata[OWN] = {"kind": IMPORTED, IMPORTED: source.micrograph.key}
    return new, take_own_points(session)


def import_open_layers(session: Session) -> list[str]:
    """Do all at once: find the open images, write those without a file, add them to the project.

    Raises
    ------
    UnetPickError
        An image cannot be written, or two have one name.
    """
    sources = find_images(session)
    write_sources(sources)
    return join_session(session, sources)[0]


def take_own_points(session: Session) -> dict[str, Picks]:
    """Take picks that were opened from files as picks of their micrographs; return them by key."""
    taken: dict[str, Picks] = {}
    for layer in list(session.viewer.layers):
        entry = own(layer)
        if entry.get("kind") != "picks" or entry.get("session") or IMPORTED in entry:
            continue
        key = match_names([str(entry["key"])], session.project.keys).pairs.get(str(entry["key"]))
        if key is None:
            continue
        picks = read_layer(layer.data, layer.as_layer_data_tuple()[1])
        add_new(session, key, picks)
        taken[key] = join_picks(key, [taken[key], picks]) if key in taken else picks
        entry[IMPORTED] = key
        layer.visible = False
    return taken


def find_points(session: Session) -> list[Any]:
    """Return the open Points layers that can be taken as picks, the topmost first."""
    from napari.layers import Points

    return [
        layer
        for layer in reversed(list(session.viewer.layers))
        if isinstance(layer, Points)
        and not own(layer).get("session")
        and IMPORTED not in own(layer)
        and layer.ndim == 2
    ]


def take_points(session: Session, layer: Any) -> tuple[int, str]:
    """Take a Points layer as picks of the current micrograph, by where they are seen.

    Points are brought through the world's coordinates into pixels of the file; hidden ones, and
    those outside the micrograph or on a pick that is there, are left out.

    Returns
    -------
    How many were taken, and one line that tells it.

    Raises
    ------
    InputError
        There is no micrograph, the layer is not two-dimensional, or its scores are text.
    """
    key = session.browser.current
    if not key:
        raise InputError("no micrograph is open: open one first, then import its picks")
    picks = points_on(session, key, layer)
    kept = picks.select(_inside(session, key, picks.coords))
    source = "file" if own(layer).get("kind") == "picks" else "manual"
    count = add_new(session, key, kept, source)
    layer.visible = False
    parts = [
        f"{count:,} of {tell_count(len(picks), 'point')} of {layer.name} imported as picks of {key}"
    ]
    outside = len(picks) - len(kept)
    if outside:
        parts.append(f"{outside:,} outside the micrograph skipped")
    if len(kept) > count:
        parts.append(f"{len(kept) - count:,} were picks already")
    return count, "; ".join(parts) + "."


def points_on(session: Session, key: str, layer: Any) -> Picks:
    """Return a Points layer as picks of the current micrograph, in pixels of its file."""
    picks = read_layer(layer.data, {**layer.as_layer_data_tuple()[1], "metadata": {OWN: {}}})
    return Picks(key, to_file_pixels(session, layer, picks.coords), picks.scores)


def to_file_pixels(
    session: Session, layer: Any, coords: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Bring (N, 2) (row, col) of a layer to pixels of the current micrograph's file."""
    corner, down, right = (
        np.asarray(layer.data_to_world(place), float) for place in ((0, 0), (1, 0), (0, 1))
    )
    world = corner + coords @ np.stack([down - corner, right - corner])
    picks = session.layers.ensure("picks")
    return np.asarray(
        (world - np.asarray(picks.translate, float)) / np.asarray(picks.scale, float), float
    )


def add_new(session: Session, key: str, picks: Picks, source: str = "file") -> int:
    """Add picks where none is yet, (row, col) pixels of the file; return how many.

    Doubles among them are merged, see `inspection.doubles`.
    """
    width = session.pixel_sizes.diameter_px(key)
    single = merge_doubles({key: picks}, {} if width is None else {key: width})[0][key]
    there = session.annotations.of(key).picks.coords
    if len(there) and len(single):
        single = single.select(scipy.spatial.cKDTree(there).query(single.coords)[0] > SAME)
    scores = single.scores
    if scores is not None:
        scores = np.where(np.isfinite(scores) & (scores != UNSET), scores, 1.0)
    if len(single):
        session.annotations.add(key, single.coords, scores, source)
    return len(single)


def _inside(session: Session, key: str, coords: NDArray[np.float64]) -> NDArray[np.bool_]:
    shown = session.layers.images.ready(session.project.entry(key).micrograph)
    if shown is None:
        return np.ones(len(coords), dtype=bool)
    within = (coords >= -0.5) & (coords < np.asarray(shown.file_shape) - 0.5)
    return np.asarray(within.all(axis=1))
