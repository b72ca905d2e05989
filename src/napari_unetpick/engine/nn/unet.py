"""The networks: a U-Net and an attention U-Net of any width and depth.

U-Net: Ronneberger et al. 2015. Attention gates on the skips: Oktay et al. 2018, eq. 1-2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from napari_unetpick.settings import NetworkSettings


def build_network(settings: NetworkSettings) -> UNet:
    """Make an untrained network; the caller has seeded torch."""
    return UNet(settings)


def conv_block(inputs: int, outputs: int) -> nn.Sequential:
    """Two 3x3 convolutions, each with batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class AttentionGate(nn.Module):
    """Additive attention: the decoder's signal says which pixels of the skip may pass.

    alpha = sigmoid(psi(relu(W_x x + W_g g))), output alpha * x (Oktay et al. 2018, eq. 1-2);
    the gating signal has already the skip's resolution here, so nothing is resampled.
    """

    def __init__(self, skip: int, gate: int) -> None:
        super().__init__()
        inner = max(skip // 2, 4)
        self.skip = nn.Conv2d(skip, inner, 1, bias=False)
        self.gate = nn.Conv2d(gate, inner, 1)
        self.psi = nn.Conv2d(inner, 1, 1)

    def forward(self, skip: Tensor, gate: Tensor) -> Tensor:
        """Weigh `skip` (B, C, H, W) by what `gate` (B, G, H, W) finds there."""
        mixed = torch.relu(self.skip(skip) + self.gate(gate))
        return skip * torch.sigmoid(self.psi(mixed))


class UNet(nn.Module):
    """Image (B, 1, H, W) to logits (B, K, H, W); H and W are multiples of `multiple`.

    K is 1, the particles, or 2: then the second output is junk. The first level has `width`
    channels and each deeper level twice as many; the image is halved `depth` times after the stem.
    Stride 2: the first level works at half resolution (four times faster) and the logits are
    interpolated back.
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        width, depth, stride = settings.width, settings.depth, settings.stride
        widths = [width * 2**level for level in range(depth + 1)]
        self.stride = stride
        self.multiple = stride * 2**depth
        first = nn.Conv2d(1, width, 5, stride=stride, padding=2, bias=False)
        self.stem = nn.Sequential(first, nn.BatchNorm2d(width), nn.ReLU(inplace=True))
        self.down = nn.ModuleList(
            conv_block(width if level == 0 else widths[level - 1], widths[level])
            for level in range(depth + 1)
        )
        self.shrink = nn.MaxPool2d(2)
        self.grow = nn.ModuleList(
            nn.Conv2d(widths[level + 1], widths[level], 1) for level in range(depth)
        )
        self.gates = nn.ModuleList(
            AttentionGate(widths[level], widths[level]) if settings.attention else nn.Identity()
            for level in range(depth)
        )
        self.up = nn.ModuleList(
            conv_block(2 * widths[level], widths[level]) for level in range(depth)
        )
        self.attention = settings.attention
        self.outputs = 2 if settings.junk else 1
        self.head = nn.Conv2d(width, self.outputs, 1)
        assert self.head.bias is not None
        nn.init.constant_(self.head.bias, -2.0)  # particles are rare: start near sigmoid = 0.12

    def forward(self, image: Tensor) -> Tensor:
        """Logits of "a particle's centre is here", and of "junk is here", for a batch of images."""
        x = self.features(image)
        with torch.autocast(x.device.type, enabled=False):
            logits: Tensor = self.head(x.float())  # bfloat16 gives neighbours the same score
        return logits if self.stride == 1 else enlarge(logits, self.stride)

    def features(self, image: Tensor) -> Tensor:
        """What the outputs are sums of: (B, width, H / stride, W / stride)."""
        skips = []
        x: Tensor = self.stem(image)
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else self.shrink(x))
            skips.append(x)
        x = skips.pop()
        for level in reversed(range(len(self.up))):
            # 1x1 convolution first: it commutes with interpolation and costs a quarter there
            x = enlarge(self.grow[level](x), 2)
            skip = skips.pop()
            if self.attention:
                skip = self.gates[level](skip, x)
            x = self.up[level](torch.cat([skip, x], dim=1))
        return x

    def fused(self) -> UNet:
        """Return this network for picking: batch normalisation folded into the convolutions."""
        self.eval()
        for sequence in [self.stem, *self.down, *self.up]:
            layers: list[nn.Module] = []
            for layer in sequence:
                before = layers[-1] if layers else None
                if isinstance(layer, nn.BatchNorm2d) and isinstance(before, nn.Conv2d):
                    layers[-1] = fuse_conv_bn_eval(before, layer)
                else:
                    layers.append(layer)
            for name in list(sequence._modules):
                del sequence._modules[name]
            for index, layer in enumerate(layers):
                sequence.add_module(str(index), layer)
        return self


class Double(torch.autograd.Function):
    """Bilinear interpolation to twice the rows and columns, with a backward that has one order.

    On CUDA torch's own backward adds in whatever order its threads come, and what stands in for it
    where algorithms must be deterministic takes ten times as many kernels. The adjoint of doubling
    is a convolution with stride two: each pixel gave 1/4, 3/4, 3/4, 1/4 to four along each axis.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, 2H, 2W)."""
        doubled: Tensor = torch.ops.aten.upsample_bilinear2d(x, None, False, [2.0, 2.0])
        return doubled

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        """The gradient of the input from that of the output."""
        padded = torch.ops.aten.replication_pad2d(grads[0], [1, 1, 1, 1])
        shares = padded.new_tensor([0.25, 0.75, 0.75, 0.25])
        kernel = torch.outer(shares, shares).expand(padded.shape[1], 1, 4, 4)
        return nn.functional.conv2d(padded, kernel, stride=2, groups=padded.shape[1])


def enlarge(x: Tensor, factor: int) -> Tensor:
    """Interpolate (B, C, H, W) to `factor` times the rows and columns."""
    if x.device.type == "cuda" and factor == 2:
        doubled: Tensor = Double.apply(x)  # type: ignore[no-untyped-call]
        return doubled
    return nn.functional.interpolate(
        x, scale_factor=float(factor), mode="bilinear", align_corners=False
    )


def place(network: UNet, device: torch.device) -> UNet:
    """Move a network to a device, with its weights laid out as convolutions like them."""
    network.to(device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def count_parameters(network: nn.Module) -> int:
    """Count trainable parameters."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def load_start(network: UNet, weights: Mapping[str, Tensor]) -> None:
    """Load weights to continue from; outputs that they don't have yet stay untrained."""
    state = dict(weights)
    for name in ("head.weight", "head.bias"):
        own = network.state_dict()[name].clone()
        own[: len(state[name])] = state[name]
        state[name] = own
    network.load_state_dict(state)


def between(start: Mapping[str, Tensor], end: Mapping[str, Tensor], back: float) -> dict[str, Any]:
    """Return the weights a part of the way back from a training's end to its start, `back` 0 to 1.

    They forget less of what the start knew (Wortsman and others 2022, Robust fine-tuning of
    zero-shot models). Outputs that the start didn't have are the end's.
    """

    def mean(name: str, value: Tensor) -> Tensor:
        if not value.is_floating_point():
            return value
        known = len(start[name]) if value.ndim else None
        mixed = value.clone()
        mixed[:known] = back * start[name].float() + (1 - back) * value[:known]
        return mixed

    return {name: mean(name, value) for name, value in end.items()}


def state_of(network: nn.Module) -> dict[str, Any]:
    """Return a detached CPU copy of all weights and buffers."""
    return {k: v.detach().cpu().clone() for k, v in network.state_dict().items()}
