"""The output for junk, fitted again: planted junk is found, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_unetpick.engine.general.junk_output import fit_junk_output
from napari_unetpick.engine.general.render import Rendered
from napari_unetpick.engine.nn.unet import build_network, state_of
from napari_unetpick.engine.pick.score_map import score_map
from napari_unetpick.settings import NetworkSettings

pytestmark = pytest.mark.usefixtures("one_thread")


def rough_on_top(seed: int, rows: int) -> Rendered:
    """A micrograph of noise, with rough ice in its first rows."""
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(96, 96)).astype(np.float32)
    image[:rows] *= 5
    planes = np.zeros((3, 96, 96), np.uint8)
    planes[2, :rows] = 255
    return Rendered(image, planes, np.empty((0, 2)))


def test_planted_junk_is_found_and_particles_score_as_before():
    torch.manual_seed(2)
    network = build_network(NetworkSettings(width=16, depth=1, stride=2, junk=True)).eval()
    before = state_of(network)
    image = rough_on_top(9, 48).image
    particles = score_map(network, image, torch.device("cpu"))[0]
    fit_junk_output(network, [rough_on_top(n, 24 * (n % 4)) for n in range(12)], seed=1)
    found = score_map(network, image, torch.device("cpu"))
    np.testing.assert_array_equal(found[0], particles)
    assert found[1, :40].mean() > 0.6
    assert found[1, 56:].mean() < 0.2
    for name, value in state_of(network).items():
        same = value[:1] if name.startswith("head.") else value
        assert torch.equal(same, before[name][: len(same)] if same.dim() else before[name]), name
