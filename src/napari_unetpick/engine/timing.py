"""How long a training step and a whole micrograph take here: reported before a run starts."""

from __future__ import annotations

import time

import numpy as np
import torch

from napari_unetpick.engine.devices import half_precision
from napari_unetpick.engine.nn.unet import build_network, place
from napari_unetpick.engine.pick.score_map import score_map, widen
from napari_unetpick.settings import Settings


def seconds_a_step(settings: Settings, device: torch.device) -> float:
    """Time a training step on noise, so that the length of a run is known before it starts."""
    network = place(build_network(settings.network), device)
    optimiser = torch.optim.AdamW(network.parameters())
    side = settings.train.patch_px
    noise = torch.zeros(settings.train.batch, 1, side, side, device=device)
    times = []
    for _ in range(3):
        started = time.monotonic()
        with half_precision(device):
            loss = network(noise).float().square().mean()
        loss.backward()
        optimiser.step()
        float(loss.detach())  # waits for a GPU
        times.append(time.monotonic() - started)
    return min(times[1:])


def seconds_a_micrograph(settings: Settings, device: torch.device, shape: tuple[int, int]) -> float:
    """Time the scoring of a whole micrograph of (rows, cols) network pixels."""
    network = place(build_network(settings.network).fused(), device)
    nothing = widen(np.zeros(shape, np.float32))
    times = []
    for _ in range(2):
        started = time.monotonic()
        score_map(network, nothing, device)
        times.append(time.monotonic() - started)
    return min(times)
