"""How long a training step takes here: said before a run is begun."""

from __future__ import annotations

import time

import torch

from napari_unetpick.engine.devices import half_precision
from napari_unetpick.engine.network import build_network, place
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
