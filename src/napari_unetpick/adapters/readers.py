"""napari reads micrographs (MRC) and picks (STAR, .box, .cbox): thin over `io`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_unetpick.adapters.layer_data import LayerData, default_size, image_layer, points_layer
from napari_unetpick.adapters.notify import current_viewer, offer_workspace, tell
from napari_unetpick.adapters.pairing import (
    OnScreen,
    layer_on,
    on_screen,
    own_layers,
    picks_of,
    prepare,
)
from napari_unetpick.errors import InputError, UnetPickError
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.images.image import (
    MRC_EXTENSIONS,
    TIFF_EXTENSIONS,
    MicrographImage,
    read_micrograph,
)
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.images.mrc import HEADER_BYTES, parse_header
from napari_unetpick.io.names import find_root, match_names, micrograph_key
from napari_unetpick.io.picks import Picks, PickSet, tell_count

Reader = Callable[[str | Sequence[str]], list[Any]]

HEAD_BYTES = 1 << 16
NULL_LAYER = [(None,)]
"""What tells napari that a file was understood although no layer came of it."""


def get_reader(path: str | Sequence[str]) -> Reader | None:
    """Return a reader for files that look like ours by name and first bytes, else None at once."""
    paths = _as_paths(path)
    return read if paths and all(is_ours(one) for one in paths) else None


def read(path: str | Sequence[str]) -> list[Any]:
    """Read the files into layer data; what cannot be read is reported in one line.

    Where there is no viewer to tell it (a script that reads through npe2) the error is raised:
    in a viewer napari would bury its text under a note about plugins and a traceback.

    Raises
    ------
    UnetPickError
        A file cannot be read, and no viewer is open.
    """
    layers: list[Any] = []
    for one in _as_paths(path):
        try:
            layers += read_image(one) if one.suffix.lower() in MRC_EXTENSIONS else read_points(one)
        except UnetPickError as error:
            if current_viewer() is None:
                raise
            tell(str(error).replace(str(one), one.name), "error")  # the line's end is what counts
    return layers or NULL_LAYER


def is_ours(path: Path) -> bool:
    """Tell from the name and the first bytes whether a file is for this plugin to read.

    Whatever is named .mrc is, so that a damaged one meets a clear line; of the extensions that
    others use too, only what holds a single image, STAR text or boxes.
    """
    suffix = path.suffix.lower()
    if not path.is_file():
        return False
    if suffix in (".mrc", ".mrcs"):
        return True
    with open(path, "rb") as file:
        head = file.read(HEAD_BYTES)
    if suffix == ".map":
        return _is_single_image(head, path)
    if suffix in (".star", ".cbox"):
        return not head.strip() or (b"data_" in head and b"\0" not in head)
    return suffix == ".box" and _holds_boxes(head)


def read_image(path: Path, pixel_size: float | None = None) -> list[LayerData]:
    """Read a micrograph as an image layer; its picks, if already open, come to lie on it.

    `pixel_size` (A/px) is that of a list of micrographs, and beats the header's.
    """
    image = read_micrograph(path)
    image = replace(image, pixel_size=pixel_size or image.pixel_size)
    viewer = current_viewer()
    if viewer is not None:
        rows, cols = image.data.shape
        prepare(viewer, OnScreen(micrograph_key(path.name), image.pixel_size, (rows, cols)))
        offer_workspace()
    return [_image_layer(path, image)]


def read_points(path: Path) -> list[LayerData]:
    """Read the picks of one micrograph as a points layer, and its micrograph if that is found.

    The micrograph is one that is open, else the one that the file is about, looked for beside the
    file and where RELION's relative paths lead.
    """
    try:
        every = read_picks(path)
    except InputError as error:
        return _read_micrograph_list(path, error)
    for message in every.messages:
        tell(f"{path.name}: {message}")
    if not every:
        tell(f"{path.name} has no picks", "warning")
        return []
    viewer = current_viewer()
    if viewer is None:
        return _on_own_micrograph(every, path)[-1:]
    return _on_open_micrograph(every, viewer, path) or _on_own_micrograph(every, path)


def _on_open_micrograph(every: PickSet, viewer: Any, path: Path) -> list[LayerData]:
    """Return the picks of an open micrograph (the active one before others), or nothing."""
    images = own_layers(viewer.layers, "micrograph")
    images.sort(key=lambda layer: layer is not viewer.layers.selection.active)
    for image in map(on_screen, images):
        key = image.key
        picks = picks_of(every, key)
        if picks is None and len(every) == len(images) == 1 and not names_micrographs(path):
            picks = next(iter(every.values()))
            if find_micrograph(picks.micrograph, path) is not None:
                return []
            picks = replace(picks, micrograph=key)
            tell(f"shown on {key}: {path.name} has no micrograph name")
        if picks is not None:
            if len(every) > 1:
                tell(_describe(every, picks, key, path))
            return [layer_on(image, picks, str(path))]
    return []


def _on_own_micrograph(every: PickSet, path: Path) -> list[LayerData]:
    """Return the first micrograph's picks, after the micrograph itself where it is found."""
    picks = next(iter(every.values()))
    key = micrograph_key(picks.micrograph)
    found = find_micrograph(picks.micrograph, path)
    image = None if found is None else _try_to_read(found)
    if len(every) > 1:
        text = _describe(every, picks, key, path)
        tell(f"{text}; open a micrograph together with it to see its picks")
    elif image is None:
        tell(
            f"{path.name}: {tell_count(len(picks), 'pick')}, but micrograph {key} is not found; "
            "open it, too"
        )
    points = points_layer(
        picks,
        key,
        None if image is None else image.pixel_size,
        default_size(picks, None if image is None else image.data.shape[1]),
        path=str(path),
        shown_as="first",
        named=names_micrographs(path),
    )
    if found is None or image is None:
        return [points]
    return [_image_layer(found, image, key=key, opened_for=str(path)), points]


def find_micrograph(name: str, path: Path) -> Path | None:
    """Return where the micrograph `name` of the picks file `path` lies, or None.

    Looked for at its relative path from the folders above the file, then beside the file by name.
    """
    extensions = (".mrc", *TIFF_EXTENSIONS)
    root = find_root([name], path)
    if root is not None and (root / name).suffix.lower() in extensions:
        return root / name
    beside = {
        entry.name: entry
        for entry in path.absolute().parent.iterdir()
        if entry.suffix.lower() in extensions
    }
    pair = match_names([name], beside).pairs.get(name)
    return None if pair is None else beside[pair]


def names_micrographs(path: Path) -> bool:
    """Tell whether a picks file says which micrographs it is about (else its own name does)."""
    if path.suffix.lower() != ".star":
        return False
    with open(path, "rb") as file:
        return b"_rlnMicrographName" in file.read(HEAD_BYTES)


def _read_micrograph_list(path: Path, refusal: InputError) -> list[LayerData]:
    """Show the first micrograph of a micrographs STAR; anything else keeps its refusal."""
    if not names_micrographs(path):
        raise refusal
    listed = list_micrographs(path)
    first = next(micrograph for micrograph in listed if micrograph.path.is_file())
    tell(
        f"{path.name} lists {tell_count(len(listed), 'micrograph')} and no picks; "
        f"showing {first.key}"
    )
    return read_image(first.path, first.pixel_size)


def _image_layer(
    path: Path, image: MicrographImage, key: str | None = None, opened_for: str | None = None
) -> LayerData:
    return image_layer(
        image.data,
        key or micrograph_key(path.name),
        image.pixel_size,
        path=str(path),
        flipped=image.flipped,
        opened_for=opened_for,
    )


def _try_to_read(path: Path) -> MicrographImage | None:
    """Read a micrograph that nobody asked for by name: if it is bad, the picks go without."""
    try:
        return read_micrograph(path)
    except InputError:
        return None


def _describe(every: PickSet, picks: Picks, key: str, path: Path) -> str:
    return (
        f"{path.name} has picks of {tell_count(len(every), 'micrograph')}; showing {key} "
        f"({tell_count(len(picks), 'pick')})"
    )


def _is_single_image(head: bytes, path: Path) -> bool:
    """Tell whether these are the first bytes of an MRC file with one section."""
    try:
        return parse_header(head[:HEADER_BYTES], path).shape[0] == 1
    except InputError:
        return False


def _holds_boxes(head: bytes) -> bool:
    """Tell whether the first line that is not empty starts with four numbers (or there is none)."""
    first = next((line.split() for line in head.splitlines() if line.strip()), None)
    if first is None:
        return True
    try:
        return len([float(value) for value in first[:4]]) == 4
    except ValueError:
        return False


def _as_paths(path: str | Sequence[str]) -> list[Path]:
    return [Path(path)] if isinstance(path, str) else [Path(one) for one in path]
