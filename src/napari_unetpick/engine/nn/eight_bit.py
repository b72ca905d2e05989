"""A trained U-Net as it picks on a CPU that multiplies 8-bit integers fast (VNNI).

Its 3x3 convolutions are nearly all of the work. Each gets its input as 8-bit integers, scaled to
the range that this input has, and its weights as 8-bit integers, scaled for each output channel;
sums are exact, results float32. Everything else stays float32, and so does the first level on the
way down, whose errors all others would inherit. Raw scores move by some thousandths.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_unetpick.engine.nn.unet import AttentionGate, UNet

MOST = 255  # of an 8-bit input
LEAST_RANGE = 1e-6  # of an input that is all zeros


class EightBitUNet(nn.Module):
    """What `UNet` computes, from one whose batch normalisation is folded (`UNet.fused`)."""

    def __init__(self, network: UNet) -> None:
        super().__init__()
        self.multiple, self.outputs, self.stride = network.multiple, network.outputs, network.stride
        self.stem = nn.Sequential(*(Packed(each, "relu") for each in convs_of(network.stem)))
        self.first = nn.Sequential(*(Packed(each, "relu") for each in convs_of(network.down[0])))
        self.down = nn.ModuleList(EightBitBlock(convs_of(each)) for each in network.down[1:])
        self.grow = nn.ModuleList(Packed(each) for each in convs_of(network.grow))
        self.gates = nn.ModuleList(
            PackedGate(each) if isinstance(each, AttentionGate) else nn.Identity()
            for each in network.gates
        )
        self.attention = network.attention
        self.up = nn.ModuleList(EightBitBlock(convs_of(each)) for each in network.up)
        self.head = Packed(network.head)

    def forward(self, image: Tensor) -> Tensor:
        """Image (1, 1, H, W), `channels_last`, to logits (1, K, H, W)."""
        x: Tensor = self.first(self.stem(image))
        skips: list[Tensor] = []
        for block in self.down:
            skips.append(x)
            x = block([functional.max_pool2d(x, 2)])
        for level in reversed(range(len(self.up))):
            x = enlarge(self.grow[level](x), 2)
            skip = skips.pop()
            if self.attention:
                skip = self.gates[level](skip, x)
            x = self.up[level]([skip, x])
        logits = self.head(x).contiguous()  # channel by channel: interpolated in a quarter the time
        return logits if self.stride == 1 else enlarge(logits, self.stride)


class EightBitBlock(nn.Module):
    """Convolutions, each followed by ReLU, on channels that may come in several parts."""

    def __init__(self, convs: list[nn.Conv2d]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(EightBitConv(each) for each in convs)

    def forward(self, parts: list[Tensor]) -> Tensor:
        """Parts (1, C, H, W) to (1, D, H, W)."""
        for conv in self.convs:
            parts = [conv(parts)]
        return parts[0]


class EightBitConv(nn.Module):
    """One convolution with 8-bit input and weights, then ReLU."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        weight = conv.weight.detach()
        self.scales = (weight.abs().amax((1, 2, 3)) / 127).clamp_min(torch.finfo().tiny)
        self.zeros = torch.zeros(len(weight), dtype=torch.int32)
        whole = torch.round(weight / self.scales[:, None, None, None]).to(torch.int8)
        self.bias = conv.bias
        self.shape = list(conv.stride), list(conv.padding), list(conv.dilation), conv.groups
        self.weight = torch.ops.onednn.qconv_prepack(whole, self.scales, 1.0, 0, *self.shape, None)

    def forward(self, parts: list[Tensor]) -> Tensor:
        """Parts (1, C, H, W), together the input, to (1, D, H, W)."""
        # a single part comes from a ReLU
        low = 0.0 if len(parts) == 1 else min(0.0, *(float(each.amin()) for each in parts))
        high = max(LEAST_RANGE, *(float(each.amax()) for each in parts))
        scale = (high - low) / MOST
        zero = round(-low / scale)
        whole = [as_bytes(each, scale, zero) for each in parts]
        x = whole[0] if len(whole) == 1 else torch.cat(whole, dim=1)
        result: Tensor = torch.ops.onednn.qconv2d_pointwise(
            *(x, scale, zero, self.weight, self.scales, self.zeros, self.bias, *self.shape),
            *(1.0, 0, torch.float32, "relu", [], ""),
        )
        return result


class Packed(nn.Module):
    """One convolution in float32, in oneDNN's own layout, with what follows it done on the way."""

    def __init__(self, conv: nn.Conv2d, then: str = "none") -> None:
        super().__init__()
        self.shape = list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups
        weight = conv.weight.detach().to_mkldnn()
        pack: Callable[..., Tensor] = torch._C._nn.mkldnn_reorder_conv2d_weight
        self.weight = pack(weight, *self.shape, None)
        self.bias, self.then = conv.bias, then

    def forward(self, x: Tensor) -> Tensor:
        """(1, C, H, W) to (1, D, H, W)."""
        done: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self.weight, self.bias, *self.shape, self.then, [], ""
        )
        return done

    def added(self, x: Tensor, other: Tensor) -> Tensor:
        """Return relu(conv(x) + other)."""
        done: Tensor = torch.ops.mkldnn._convolution_pointwise.binary(
            x, other, self.weight, self.bias, *self.shape, "add", 1.0, "relu", [], ""
        )
        return done


class PackedGate(nn.Module):
    """What `AttentionGate` computes."""

    def __init__(self, gate: AttentionGate) -> None:
        super().__init__()
        self.skip, self.gate = Packed(gate.skip), Packed(gate.gate)
        self.psi = Packed(gate.psi, "sigmoid")

    def forward(self, skip: Tensor, gate: Tensor) -> Tensor:
        """Weigh `skip` by what `gate` finds there."""
        weighed: Tensor = skip * self.psi(self.gate.added(gate, self.skip(skip)))
        return weighed


def convs_of(block: nn.Module) -> list[nn.Conv2d]:
    """Return the convolutions among a block's own layers."""
    return [each for each in block.children() if isinstance(each, nn.Conv2d)]


def as_bytes(x: Tensor, scale: float, zero: int) -> Tensor:
    """Return the nearest of 0 to 255 to x / scale + zero."""
    return torch.add(x.new_tensor(zero + 0.5), x, alpha=1 / scale).to(torch.uint8)


def enlarge(x: Tensor, factor: int) -> Tensor:
    """Interpolate (1, C, H, W) to `factor` times the rows and columns."""
    return functional.interpolate(
        x, scale_factor=float(factor), mode="bilinear", align_corners=False
    )


PickingNetwork = UNet | EightBitUNet
