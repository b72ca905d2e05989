"""The augmentation as transforms that compose, for who trains a network of their own.

    transform = Compose([Normalize(), CryoEMAugmentation(0.5)])
    image, target = transform(image, target)

A transform takes and gives image and target, both (B, 1, S, S) float32 of the same shape, the
target 0 or 1. It draws from torch's own random numbers, which `torch.manual_seed` sets, or from a
generator that it is given; on the CPU, whichever device the patches are on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from napari_unetpick.engine.data.augment import BatchAugmentation
from napari_unetpick.settings import AugmentSettings

Pair = tuple[Tensor, Tensor]


class Transform(Protocol):
    """What `Compose` takes."""

    def __call__(self, image: Tensor, target: Tensor, generator: torch.Generator) -> Pair:
        """Transform a batch."""
        ...


class Compose:
    """One transform after the other."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = tuple(transforms)

    def __call__(
        self, image: Tensor, target: Tensor, generator: torch.Generator | None = None
    ) -> Pair:
        """Transform a batch."""
        for transform in self.transforms:
            image, target = transform(image, target, generator or torch.default_generator)
        return image, target


class Normalize:
    """Median to 0 and interquartile range to 1.349, each patch by itself, as for a micrograph.

    Parameters
    ----------
    clip
        What lies farther out, in robust standard deviations, is clipped.
    """

    def __init__(self, clip: float = 5.0) -> None:
        self.clip = clip

    def __call__(
        self, image: Tensor, target: Tensor, generator: torch.Generator | None = None
    ) -> Pair:
        """Normalise a batch; a constant patch becomes 0."""
        flat = image.flatten(1)
        quarter, middle, three = torch.quantile(
            flat, torch.tensor([0.25, 0.5, 0.75], dtype=flat.dtype, device=flat.device), dim=1
        )
        spread = ((three - quarter) / 1.349).clamp_min(torch.finfo(flat.dtype).tiny)
        made = (flat - middle[:, None]) / spread[:, None]
        return made.clamp(-self.clip, self.clip).view_as(image), target


class CryoEMAugmentation:
    """Rotation, flips, scale and elastic in one warp; then noise, contrast, blur, spectrum and ice.

    Parameters
    ----------
    p
        Probability of each change of intensity; the warp always applies.
    diameter
        Particle diameter, pixels of the patch.
    settings
        How strong each change is; its own probability gives way to `p`.
    """

    def __init__(
        self, p: float = 0.5, diameter: float = 24.0, settings: AugmentSettings | None = None
    ) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"p is a probability, not {p}")
        chosen = replace(settings or AugmentSettings(), probability=p)
        self._augmentation = BatchAugmentation(chosen, diameter)

    def __call__(
        self, image: Tensor, target: Tensor, generator: torch.Generator | None = None
    ) -> Pair:
        """Augment a batch of square patches, continued by their mirror image beyond the edge."""
        rows, side = image.shape[-2:]
        if rows != side:  # a turned patch would have another shape
            raise ValueError(f"patches of {rows} x {side} pixels: cut square ones")
        stack = torch.cat([image, target, torch.ones_like(image)], 1)
        missing = max(0, self._augmentation.source_size(side) - side)
        before = missing // 2
        pad = (before, missing - before, before, missing - before)
        stack = functional.pad(stack, pad, mode="reflect")
        made, marked, _ = self._augmentation(stack, side, generator or torch.default_generator)
        return made, marked
