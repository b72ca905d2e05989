"""8-bit convolutions: exact where they can be, and the same picks as in float32."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from napari_unetpick.engine.data.preprocess import prepare_micrograph
from napari_unetpick.engine.devices import computes_in_eight_bit
from napari_unetpick.engine.nn.eight_bit import EightBitConv, EightBitUNet
from napari_unetpick.engine.nn.unet import UNet, build_network, place
from napari_unetpick.engine.pick.ensemble import load_network, make_scorer
from napari_unetpick.engine.pick.find_one import find_one
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.models import general_model, load_model
from napari_unetpick.settings import NetworkSettings
from napari_unetpick.simulate.samples import get_sample
from napari_unetpick.simulate.write import simulate_set

CPU = torch.device("cpu")
DIAMETER = 150.0  # A; what it sees need not be a particle for two ways to agree
pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.skipif(not computes_in_eight_bit(CPU), reason="no 8-bit instructions here"),
]


def test_whole_numbers_are_convolved_exactly_whatever_their_range():
    """Two parts, of which one is negative in places, on the grid of the 8-bit integers."""
    torch.manual_seed(0)
    conv = nn.Conv2d(24, 16, 3, padding=1)
    conv.weight.data = torch.randint(-127, 128, conv.weight.shape).float() / 64
    conv.weight.data[:, 0, 0, 0] = 127 / 64
    first, second = torch.randint(0, 156, (1, 16, 20, 28)), torch.randint(-100, 90, (1, 8, 20, 28))
    first[0, 0, 0, 0], second[0, 0, 0, 0] = 155, -100
    parts = [(part / 8).contiguous(memory_format=torch.channels_last) for part in (first, second)]
    with torch.inference_mode():
        found = EightBitConv(conv)(parts)
        expected = functional.relu(conv(torch.cat(parts, 1)))
    assert expected.max() > 100
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-3)


def test_an_input_of_zeros_gives_the_bias():
    conv = nn.Conv2d(8, 8, 3, padding=1)
    with torch.inference_mode():
        found = EightBitConv(conv)([torch.zeros(1, 8, 12, 12)])
    assert conv.bias is not None
    torch.testing.assert_close(found[0, :, 5, 5], functional.relu(conv.bias.detach()))


@pytest.mark.parametrize("attention", [True, False])
@pytest.mark.parametrize("stride, junk", [(1, False), (2, True), (4, False)])
def test_every_kind_of_network_is_wired_alike(attention: bool, stride: int, junk: bool):
    network = fused(
        NetworkSettings(width=16, depth=2, stride=stride, attention=attention, junk=junk)
    )
    image = torch.randn(1, 1, 96, 64).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        expected, found = network(image), EightBitUNet(network)(image)
    assert found.shape == expected.shape
    both = torch.stack([found.flatten(), expected.flatten()])
    assert torch.corrcoef(both)[0, 1] > 0.998


def fused(settings: NetworkSettings) -> UNet:
    """A network whose batch normalisation has seen some data, ready for picking."""
    torch.manual_seed(0)
    network = build_network(settings)
    for _ in range(5):
        network(torch.randn(2, 1, 64, 64) * 2 + 0.5)
    return place(copy.deepcopy(network).fused(), CPU)


def test_the_general_models_raw_scores_move_by_less_than_a_fiftieth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    list(simulate_set(get_sample("random-33"), tmp_path, 1, 5))
    path = tmp_path / "random-33_0001.mrc"
    path_of_model = general_model()
    assert path_of_model is not None
    model = ("general", load_model(path_of_model))
    scorer = make_scorer([model], CPU)
    assert isinstance(scorer.networks[0], EightBitUNet)
    monkeypatch.setenv("UNETPICK_INT8", "0")
    exact = make_scorer([model], CPU)
    assert isinstance(load_network(*model, exact.settings, CPU), UNet)
    prepared = prepare_micrograph(
        Micrograph(path, path.name),
        diameter=DIAMETER,
        particle_px=scorer.settings.particle_px,
    )
    found, expected = find_one(scorer, prepared), find_one(exact, prepared)
    picks, sure = (each.coords[each.picked(scorer.calibration)[0]] for each in (found, expected))
    assert len(sure) > 50
    assert abs(len(picks) - len(sure)) <= 0.02 * len(sure)
    apart = np.linalg.norm(found.coords[:, None] - expected.coords[None], axis=-1)
    own = apart.argmin(0)[: len(sure)]
    moved = np.abs(found.raw[own] - expected.raw[: len(sure)])
    assert moved.max() < 0.02
    assert np.median(moved) < 0.005
