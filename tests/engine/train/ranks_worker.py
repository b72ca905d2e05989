"""What each of two processes does in test_ranks.py: one step on its share of a planted batch."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import distributed as dist

from napari_unetpick.engine.nn.losses import make_loss
from napari_unetpick.engine.nn.unet import build_network
from napari_unetpick.engine.train import ranks
from napari_unetpick.settings import LossSettings, NetworkSettings

BATCH = 5  # two processes can't share it evenly


def gradients_of(kind: str) -> dict[str, torch.Tensor]:
    """Return the gradients of one step; batch normalisation is in eval mode."""
    torch.manual_seed(3)
    network = build_network(NetworkSettings(width=4, depth=1)).eval()
    image = torch.randn(BATCH, 1, 32, 32)
    target = (torch.rand(BATCH, 1, 32, 32) < 0.1).float()
    weight = torch.rand(BATCH, 1, 32, 32)
    learn = ranks.parallel(network, torch.device("cpu"))
    logits = ranks.gathered(learn(ranks.share(image)), BATCH)
    loss = make_loss(LossSettings(kind=kind))(logits, target, weight)
    (loss * ranks.count()).backward()
    return {name: each.grad for name, each in network.named_parameters()}


if __name__ == "__main__":
    dist.init_process_group("gloo")
    found = {kind: gradients_of(kind) for kind in sys.argv[2:]}
    torch.save(found, Path(sys.argv[1]) / f"{ranks.rank()}.pt")
    dist.destroy_process_group()
