"""Score maps: tile by tile the same as in one piece."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from napari_unetpick.engine.nn.unet import build_network
from napari_unetpick.engine.pick import score_map as score
from napari_unetpick.engine.pick.score_map import score_map, score_tiles, tile_edges
from napari_unetpick.errors import Cancelled
from napari_unetpick.settings import NetworkSettings

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")


def lively(depth, stride):
    """A network whose scores vary over the image."""
    torch.manual_seed(depth)
    network = build_network(NetworkSettings(width=6, depth=depth, stride=stride))
    network.train()
    for _ in range(5):
        network(torch.randn(4, 1, 48, 48))
    network.eval()
    with torch.no_grad():
        logits = network(torch.randn(1, 1, 64, 64))
        network.head.weight.div_(logits.std())
        network.head.bias.sub_(network(torch.randn(1, 1, 64, 64)).mean())
    return network


@pytest.mark.parametrize("depth, stride, tile", [(1, 2, 96), (2, 2, 90), (1, 1, 77), (2, 1, 101)])
@pytest.mark.parametrize("shape", [(300, 261), (97, 313)])
def test_tiles_agree_with_the_whole_image(monkeypatch, depth, stride, tile, shape):
    network = lively(depth, stride)
    image = np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
    whole = score_tiles(network, image[None], CPU)[0, 0]
    monkeypatch.setattr(score, "TILE", tile)
    calls = []
    tiled = score_map(network, image, CPU, check_stop=lambda: calls.append(1))[0]
    assert len(calls) > 2
    assert whole.std() > 0.02
    assert np.abs(tiled - whole).max() < 1e-3


@pytest.mark.parametrize("shape", [(33, 47), (16, 16), (5, 90), (3, 3), (1, 40)])
def test_any_size_is_padded_and_cut_back(shape):
    network = lively(2, 2)
    image = np.random.default_rng(1).normal(0, 1, shape).astype(np.float32)
    scores = score_map(network, image, CPU)[0]
    assert scores.shape == shape
    assert scores.dtype == np.float32
    assert ((scores >= 0) & (scores <= 1)).all()


def test_padding_does_not_shift_the_image():
    network = lively(1, 2)
    image = np.random.default_rng(2).normal(0, 1, (64, 64)).astype(np.float32)
    whole = score_tiles(network, image[None], CPU)[0, 0]
    cut = score_tiles(network, image[None, :61, :59], CPU)[0, 0]
    np.testing.assert_allclose(cut[:30, :30], whole[:30, :30], atol=1e-5)


@pytest.mark.parametrize("length", [1, 15, 768, 769, 924, 1440, 1537, 5000])
@pytest.mark.parametrize("step", [4, 16, 24])
def test_tiles_cover_everything_once_on_the_network_grid(length, step):
    edges = tile_edges(length, step)
    assert edges[0][0] == 0
    assert edges[-1][1] == length
    assert all(a[1] == b[0] for a, b in pairwise(edges))
    assert all(0 < bottom - top <= score.TILE for top, bottom in edges)
    # pooling starts at a tile's first row: off the grid a tile would be scored one pixel aside
    assert all(top % step == 0 for top, _ in edges)


def test_stop_is_asked_before_every_tile(monkeypatch):
    monkeypatch.setattr(score, "TILE", 64)
    asked = []

    def stop():
        asked.append(1)
        if len(asked) == 2:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        score_map(lively(1, 2), np.zeros((200, 60), np.float32), CPU, check_stop=stop)
    assert len(asked) == 2
