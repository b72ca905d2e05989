"""8-bit convolutions: exact where they can be, and every kind of network made of them."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from napari_unetpick.engine.devices import computes_in_eight_bit
from napari_unetpick.engine.nn.eight_bit import EightBitConv, EightBitUNet
from napari_unetpick.engine.nn.unet import UNet, build_network, place
from napari_unetpick.settings import NetworkSettings

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("one_thread", "eight_bit")


@pytest.fixture
def eight_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute in 8-bit integers, even where bfloat16 would come first."""
    monkeypatch.delenv("UNETPICK_INT8")
    if not computes_in_eight_bit(CPU):
        pytest.skip("no 8-bit instructions here")


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
