"""A network over a whole micrograph, tile by tile: score maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from napari_unetpick.engine.devices import half_precision
from napari_unetpick.engine.nn.eight_bit import PickingNetwork
from napari_unetpick.picking.candidates import Candidates, find_candidates
from napari_unetpick.picking.scale import Scale

TILE = 768  # network pixels a side; most micrographs fit in one
RIM = 16  # pixels scored beyond the edges: a particle with its centre there is none of this image's
MARGIN = 64  # overlap of tiles (or the next multiple of the grid): beyond it next to nothing counts


def score_map(
    network: PickingNetwork,
    image: NDArray[np.float32],
    device: torch.device,
    *,
    check_stop: Callable[[], None] = lambda: None,
) -> NDArray[np.float32]:
    """Score every pixel of a preprocessed micrograph.

    Parameters
    ----------
    image
        (rows, cols) float32 from `preprocess`.
    check_stop
        Called before each tile; raises `Cancelled` to stop.

    Returns
    -------
    (outputs, rows, cols) float32 in [0, 1], raw scores (no probabilities): particles, and junk
    where the network knows it.
    """
    (scores,) = score_maps(network, image[None], device, check_stop)
    return np.asarray(scores)


def score_maps(
    network: PickingNetwork,
    images: NDArray[np.float32],
    device: torch.device,
    check_stop: Callable[[], None] = lambda: None,
) -> NDArray[np.float32]:
    """Score every pixel of several micrographs of one size at once.

    Images are (images, rows, cols); the result is (images, outputs, rows, cols), else as of
    `score_map`.
    """
    count, rows, cols = images.shape
    scores = np.empty((count, network.outputs, rows, cols), np.float32)
    step = network.multiple
    margin = -(-MARGIN // step) * step
    for top, bottom in tile_edges(rows, step):
        for left, right in tile_edges(cols, step):
            check_stop()
            y0, y1 = max(0, top - margin), min(rows, bottom + margin)
            x0, x1 = max(0, left - margin), min(cols, right + margin)
            tile = score_tiles(network, images[:, y0:y1, x0:x1], device)
            inner = tile[..., top - y0 : bottom - y0, left - x0 : right - x0]
            scores[..., top:bottom, left:right] = inner
    return scores


def find_on(
    network: PickingNetwork,
    image: NDArray[np.float32],
    scale: Scale,
    device: torch.device,
    check_stop: Callable[[], None] = lambda: None,
) -> Candidates:
    """Find the candidates of a preprocessed micrograph with one network."""
    scores = score_map(network, widen(image), device, check_stop=check_stop)
    return find_candidates(scores[:1], scale, rim=RIM, junk=junk_of([scores]))


def junk_of(maps: Sequence[NDArray[np.float32]]) -> NDArray[np.float32] | None:
    """Return the mean score of junk (rows, cols) of the networks that know it, or None."""
    known = [each[1] for each in maps if len(each) > 1]
    return np.mean(known, axis=0, dtype=np.float32) if known else None


def widen(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Put a rim of `RIM` pixels of 0, its median, around a preprocessed micrograph."""
    return np.pad(image, RIM)


def tile_edges(length: int, step: int) -> list[tuple[int, int]]:
    """Cut 0..length into about equal tiles of at most `TILE` that start at multiples of `step`.

    Strides and pooling count from a tile's first pixel: only tiles on the network's own grid see
    what the whole image would show. Example: 924 by 16 is 0-464, 464-924.
    """
    most = max(TILE // step, 1)
    cells = -(-length // step)
    side = -(-cells // -(-cells // most)) * step
    return [(start, min(start + side, length)) for start in range(0, length, side)]


def score_tiles(
    network: PickingNetwork, tiles: NDArray[np.float32], device: torch.device
) -> NDArray[np.float32]:
    """Score tiles (tiles, rows, cols), padded with 0 to what the network's levels divide."""
    _, rows, cols = tiles.shape
    down, right = (-rows) % network.multiple, (-cols) % network.multiple
    with torch.inference_mode():
        x = torch.from_numpy(np.ascontiguousarray(tiles))[:, None].to(device)
        x = functional.pad(x, (0, right, 0, down))
        x = x.to(memory_format=torch.channels_last)
        with half_precision(device):
            logits = network(x)
        scores = torch.sigmoid(logits.float())[..., :rows, :cols]
    return np.asarray(scores.cpu().numpy(), dtype=np.float32)
