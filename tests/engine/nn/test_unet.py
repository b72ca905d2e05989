"""The networks: shapes, attention gates, and the same answer when fused for picking."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.nn import functional

from napari_unetpick.engine.nn.unet import (
    AttentionGate,
    Double,
    between,
    build_network,
    count_parameters,
    load_start,
    state_of,
)
from napari_unetpick.settings import NetworkSettings

pytestmark = pytest.mark.usefixtures("one_thread")


def trained(**settings):
    """A network whose batch normalisation has seen some data, with answers that vary."""
    torch.manual_seed(0)
    network = build_network(NetworkSettings(**{"width": 6, "depth": 2, "stride": 2} | settings))
    network.train()
    for _ in range(5):
        network(torch.randn(4, 1, 48, 48) * 2 + 0.5)
    network.eval()
    with torch.no_grad():
        network.head.weight.div_(network(torch.randn(1, 1, 64, 64)).std())
    return network


@pytest.mark.parametrize("attention", [True, False])
@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("depth, shape", [(1, (16, 24)), (2, (48, 16)), (3, (64, 96))])
def test_logits_have_the_shape_of_the_image(attention, stride, depth, shape):
    network = build_network(
        NetworkSettings(width=4, depth=depth, stride=stride, attention=attention)
    )
    assert network.multiple == stride * 2**depth
    rows, cols = shape
    assert rows % network.multiple == 0
    assert cols % network.multiple == 0
    with torch.no_grad():
        assert network(torch.randn(2, 1, rows, cols)).shape == (2, 1, rows, cols)


@pytest.mark.parametrize("attention", [True, False])
@pytest.mark.parametrize("stride", [1, 2, 4])
def test_fused_for_picking_says_the_same(attention, stride):
    network = trained(attention=attention, stride=stride)
    image = torch.randn(2, 1, 64, 48)
    with torch.no_grad():
        expected = network(image)
        fused = copy.deepcopy(network).fused()
        found = fused(image)
    assert expected.std() > 0.3
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in fused.modules())


def test_an_answer_lies_where_its_particle_is():
    """What moves by the network's grid moves the logits by as much."""
    network = trained(stride=2)
    image = torch.randn(1, 1, 192, 192)
    image[..., 90:102, 90:102] = 6.0
    moved = torch.roll(image, (8, -16), (-2, -1))
    inner = (..., slice(72, 120), slice(72, 120))  # beyond the reach of the edges
    with torch.no_grad():
        here, there = network(image), network(moved)
    assert here[inner].std() > 0.1
    torch.testing.assert_close(
        torch.roll(here, (8, -16), (-2, -1))[inner], there[inner], atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 2, 1, 7), (1, 1, 8, 1)])
def test_doubling_has_the_values_and_the_gradient_of_interpolation(shape):
    torch.manual_seed(1)
    image = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    same = image.detach().clone().requires_grad_()
    ours = Double.apply(image)
    theirs = functional.interpolate(same, scale_factor=2.0, mode="bilinear", align_corners=False)
    torch.testing.assert_close(ours, theirs)
    weights = torch.randn_like(theirs)
    (ours * weights).sum().backward()
    (theirs * weights).sum().backward()
    torch.testing.assert_close(image.grad, same.grad)


def test_a_gate_lets_between_nothing_and_everything_pass():
    torch.manual_seed(3)
    gate = AttentionGate(8, 5)
    skip, signal = torch.randn(2, 8, 9, 9), torch.randn(2, 5, 9, 9)
    with torch.no_grad():
        passed = gate(skip, signal) / skip
        assert ((passed > 0) & (passed < 1)).all()
        # one coefficient a pixel, the same for all channels
        torch.testing.assert_close(passed, passed[:, :1].expand_as(passed), atol=1e-3, rtol=1e-3)
        assert passed.std() > 0.01
        gate.psi.weight.zero_()
        gate.psi.bias.fill_(-20.0)
        assert gate(skip, signal).abs().max() < 1e-6
        gate.psi.bias.fill_(20.0)
        torch.testing.assert_close(gate(skip, signal), skip)


def test_the_gating_signal_opens_the_gate():
    gate = AttentionGate(4, 1)
    with torch.no_grad():
        gate.skip.weight.zero_()
        gate.gate.weight.fill_(1.0)
        gate.gate.bias.zero_()
        gate.psi.weight.fill_(5.0)
        gate.psi.bias.fill_(-10.0)
        signal = torch.zeros(1, 1, 2, 2)
        signal[..., 0, 0] = 3.0
        passed = gate(torch.ones(1, 4, 2, 2), signal)[0, 0]
    assert passed[0, 0] > 0.99
    assert (passed.flatten()[1:] < 1e-4).all()


def test_attention_adds_its_gates_and_nothing_else():
    plain, gated = (
        build_network(NetworkSettings(width=16, attention=attention)) for attention in (False, True)
    )
    gates = sum(count_parameters(gate) for gate in gated.gates)
    assert gates > 0
    assert count_parameters(gated) == count_parameters(plain) + gates
    # by hand, first gate: 16 x 8 (skip) + 16 x 8 + 8 (gate) + 8 + 1 (psi)
    assert count_parameters(gated.gates[0]) == 16 * 8 + 16 * 8 + 8 + 8 + 1


def test_one_seed_gives_one_network():
    first, again = (trained(attention=True) for _ in range(2))
    for name, value in state_of(first).items():
        assert torch.equal(value, state_of(again)[name]), name


def test_a_copy_of_the_weights_does_not_follow_the_network():
    network = trained()
    kept = state_of(network)
    before = kept["head.weight"].clone()
    with torch.no_grad():
        network.head.weight.add_(1.0)
    assert torch.equal(kept["head.weight"], before)


def test_every_weight_learns():
    network = build_network(NetworkSettings(width=4, depth=2))
    network(torch.randn(2, 1, 32, 32)).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        if parameter.dim() == 4:
            assert parameter.grad.abs().sum() > 0, name


def test_a_start_without_junk_gives_all_it_has_and_leaves_junk_untrained():
    torch.manual_seed(1)
    start = build_network(NetworkSettings(width=4, depth=1)).state_dict()
    network = build_network(NetworkSettings(width=4, depth=1, junk=True))
    untrained = network.state_dict()["head.weight"][1].clone()
    load_start(network, start)
    now = network.state_dict()
    torch.testing.assert_close(now["head.weight"][:1], start["head.weight"])
    torch.testing.assert_close(now["head.weight"][1], untrained)
    torch.testing.assert_close(now["stem.0.weight"], start["stem.0.weight"])


def test_a_result_lies_part_of_the_way_back_to_its_start_but_for_new_outputs():
    start = {"head": torch.tensor([[1.0, 3.0]]).half(), "count": torch.tensor(2)}
    end = {"head": torch.tensor([[2.0, 7.0], [5.0, 6.0]]), "count": torch.tensor(9)}
    made = between(start, end, 0.25)
    assert made["head"].tolist() == [[1.75, 6.0], [5.0, 6.0]]
    assert int(made["count"]) == 9
    assert end["head"].tolist() == [[2.0, 7.0], [5.0, 6.0]]
