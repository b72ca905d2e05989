"""The output for junk, fitted again to a network whose other weights stay as they are.

Weights that lie between two models' see particles at least as well as either, but their output for
junk belongs to neither. It is a sum of what the network sees already, so that it is logistic
regression.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from napari_unetpick.engine.general.render import Rendered
from napari_unetpick.engine.nn.unet import UNet

PIXELS = 3000  # of each micrograph
RIDGE = 1e-4
STEPS = 200


def fit_junk_output(
    network: UNet,
    micrographs: Iterable[Rendered],
    seed: int,
    check_stop: Callable[[], None] = lambda: None,
) -> None:
    """Set the second output of a network in evaluation mode; nothing else of it changes.

    Parameters
    ----------
    micrographs
        Simulated, with their junk; they may have taught the network.
    seed
        Of the pixels that are drawn.
    """
    rng = np.random.default_rng([seed, 0x6A756E6B])
    seen, true = [], []
    for each in micrographs:
        check_stop()
        features, junk = pixels_of(network, each)
        chosen = torch.from_numpy(rng.choice(len(junk), min(PIXELS, len(junk)), replace=False))
        seen.append(features[chosen])
        true.append(junk[chosen])
    x, y = torch.cat(seen).double(), torch.cat(true).double()
    centre, spread = x.mean(0), x.std(0).clamp_min(1e-6)
    weight, bias = logistic_regression((x - centre) / spread, y)
    weight = weight / spread
    with torch.no_grad():
        network.head.weight[1, :, 0, 0] = weight.float()
        assert network.head.bias is not None
        network.head.bias[1] = float(bias - (weight * centre).sum())


def pixels_of(network: UNet, micrograph: Rendered) -> tuple[Tensor, Tensor]:
    """Return what a network sees at each pixel of its own grid, (N, width), and (N,) junk."""
    step, stride = network.multiple, network.stride
    rows, cols = (n // step * step for n in micrograph.image.shape)
    device = network.head.weight.device
    with torch.inference_mode():
        image = torch.from_numpy(micrograph.image[:rows, :cols].copy()).to(device)
        features = network.features(image[None, None])[0].float().cpu()
    junk = micrograph.planes[2, :rows:stride, :cols:stride] > 0
    return features.flatten(1).T, torch.from_numpy(junk.ravel().copy())


def logistic_regression(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Fit (N,) 0 or 1 by (N, F) features; return the (F,) weights and the offset."""
    weight = torch.zeros(x.shape[1], dtype=x.dtype, requires_grad=True)
    bias = torch.zeros((), dtype=x.dtype, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=STEPS)

    def loss() -> Tensor:
        optimiser.zero_grad()
        found = binary_cross_entropy_with_logits(x @ weight + bias, y)
        total: Tensor = found + RIDGE * weight.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return weight.detach(), bias.detach()
