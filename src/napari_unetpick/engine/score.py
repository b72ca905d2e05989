"""A network over a whole micrograph, tile by tile: score maps."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from napari_unetpick.engine.network import UNet

TILE = 768  # network pixels a side; most micrographs fit in one
MARGIN = 64  # overlap of tiles: beyond it a pixel has next to no say


def score_map(
    network: UNet,
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
    (rows, cols) float32 in [0, 1], raw scores (no probabilities).
    """
    rows, cols = image.shape
    scores = np.empty((rows, cols), np.float32)
    for top, bottom in tile_edges(rows):
        for left, right in tile_edges(cols):
            check_stop()
            y0, y1 = max(0, top - MARGIN), min(rows, bottom + MARGIN)
            x0, x1 = max(0, left - MARGIN), min(cols, right + MARGIN)
            tile = score_tile(network, image[y0:y1, x0:x1], device)
            scores[top:bottom, left:right] = tile[top - y0 : bottom - y0, left - x0 : right - x0]
    return scores


def tile_edges(length: int) -> list[tuple[int, int]]:
    """Cut 0..length into equal tiles of at most `TILE`."""
    count = -(-length // TILE)
    edges = np.linspace(0, length, count + 1).round().astype(int).tolist()
    return list(pairwise(edges))


def score_tile(
    network: UNet, tile: NDArray[np.float32], device: torch.device
) -> NDArray[np.float32]:
    """Score one tile, padded by reflection to what the network's levels divide."""
    rows, cols = tile.shape
    down, right = (-rows) % network.multiple, (-cols) % network.multiple
    with torch.inference_mode():
        x = torch.from_numpy(np.ascontiguousarray(tile))[None, None].to(device)
        mode = "reflect" if down < rows and right < cols else "replicate"
        x = functional.pad(x, (0, right, 0, down), mode=mode)
        x = x.to(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            logits = network(x)
        scores = torch.sigmoid(logits.float())[0, 0, :rows, :cols]
    return np.asarray(scores.cpu().numpy(), dtype=np.float32)
