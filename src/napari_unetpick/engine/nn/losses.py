"""Losses over pixels, each weighted; the combined loss is 0.7 focal + 0.3 dice by default.

Focal: Lin et al. 2017, eq. 5. Dice: Milletari et al. 2016, eq. 1 (squared denominator).
Positive-unlabelled: Kiryo et al. 2017, eq. 6.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from napari_unetpick.settings import LossSettings

JUNK_WEIGHT = 0.5
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def make_loss(settings: LossSettings) -> Loss:
    """Return the loss (logits, target, weight) -> scalar; (B, 1, H, W), weight >= 0.

    Logits and target may have junk as a second plane.
    """
    focal = partial(focal_loss, gamma=settings.focal_gamma, alpha=settings.focal_alpha)

    def combined(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        first = settings.focal_weight * focal(logits, target, weight)  # gradients add in this order
        return first + settings.dice_weight * dice_loss(logits, target, weight)

    losses: dict[str, Loss] = {
        "bce": bce_loss,
        "focal": focal,
        "dice": dice_loss,
        "combined": combined,
        "pu": partial(pu_loss, prior=settings.pu_prior),
    }
    return with_junk(losses[settings.kind])


def with_junk(loss: Loss) -> Loss:
    """Add the cross-entropy of junk to a loss, where the target has a second plane."""

    def both(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        particles = loss(logits[:, :1], target[:, :1], weight)
        if target.shape[1] == 1:
            return particles
        junk = functional.binary_cross_entropy_with_logits(logits[:, 1:], target[:, 1:])
        return particles + JUNK_WEIGHT * junk

    return both


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean of `values` under `weight`; 0 where all weights are 0."""
    return (values * weight).sum() / weight.sum().clamp_min(1e-6)


def bce_loss(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Binary cross-entropy."""
    values = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return weighted_mean(values, weight)


def focal_loss(
    logits: Tensor, target: Tensor, weight: Tensor, *, gamma: float = 2.0, alpha: float = 0.5
) -> Tensor:
    """Cross-entropy times alpha_t (1 - p_t)^gamma: easy pixels count little.

    Example: gamma 2; p_t = 0.9 counts 0.01 of its cross-entropy, p_t = 0.5 a quarter.
    alpha is the weight of particles, 1 - alpha that of the background; both are doubled so that
    alpha = 0.5, gamma = 0 is plain cross-entropy.
    """
    values = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    miss = (torch.sigmoid(logits) - target).abs().clamp_min(1e-8)  # 1 - p_t; 0^gamma has no slope
    balance = 2 * (alpha * target + (1 - alpha) * (1 - target))
    return weighted_mean(values * balance * miss**gamma, weight)


def dice_loss(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """1 - (2 sum(p t) + 1) / (sum(p^2) + sum(t^2) + 1), over the whole batch.

    Over the batch, because a patch without particles has no overlap to speak of.
    """
    p = torch.sigmoid(logits)
    overlap = (weight * p * target).sum()
    total = (weight * p * p).sum() + (weight * target * target).sum()
    return 1 - (2 * overlap + 1) / (total + 1)


def pu_loss(logits: Tensor, target: Tensor, weight: Tensor, *, prior: float = 0.05) -> Tensor:
    """Non-negative positive-unlabelled risk: what is not marked may be particle all the same.

    prior E_p[l+] + max(0, E_u[l-] - prior E_p[l-]), with l+ and l- the cross-entropies of being
    particle and of not being it, E_p the mean over marked pixels, E_u that over all others, and
    `prior` the part of those others that is particle.
    """
    positive, unmarked = weight * target, weight * (1 - target)
    missed = weighted_mean(functional.softplus(-logits), positive)
    claimed = functional.softplus(logits)
    background = weighted_mean(claimed, unmarked) - prior * weighted_mean(claimed, positive)
    return prior * missed + background.clamp_min(0)
