"""The losses side by side: on easy, hard and empty examples, and along a network's confidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import get_args, get_type_hints

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_unetpick.engine.nn.losses import make_loss
from napari_unetpick.settings import LossSettings

SIDE, RADIUS = 48, 5.0  # px of an example, and of the disc in its middle
SURE, UNSURE = 0.98, 0.55  # what a network says where it is right
CONFIDENCES = np.linspace(0.01, 0.99, 99)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Example:
    """A target, and what a network says of it.

    Parameters
    ----------
    probability, target
        (1, 1, SIDE, SIDE).
    """

    name: str
    about: str
    probability: Tensor
    target: Tensor


@dataclass(frozen=True)
class LossStudy:
    """What each loss says.

    Parameters
    ----------
    table
        Loss of each example, by loss and then by example.
    found
        (len(CONFIDENCES),) by loss: a particle that gets this probability, all else being right.
    invented
        Likewise: a disc without particle that gets it, beside a particle that is found.
    """

    examples: list[Example]
    table: dict[str, dict[str, float]]
    found: dict[str, Floats]
    invented: dict[str, Floats]


def kinds() -> tuple[str, ...]:
    """Return the names of all losses."""
    return tuple(get_args(get_type_hints(LossSettings)["kind"]))


def study_losses(settings: LossSettings) -> LossStudy:
    """Compute every loss on the examples and along the confidences."""
    losses = {kind: make_loss(replace(settings, kind=kind)) for kind in kinds()}  # type: ignore[arg-type]
    examples = make_examples()

    def value(kind: str, probability: Tensor, target: Tensor) -> float:
        return losses[kind](torch.logit(probability), target, torch.ones_like(target)).item()

    table = {
        kind: {each.name: value(kind, each.probability, each.target) for each in examples}
        for kind in losses
    }
    disc, other = disc_at(0.5), disc_at(0.2)

    def curve(kind: str, say: Callable[[float], Tensor]) -> Floats:
        return np.array([value(kind, say(float(p)), disc) for p in CONFIDENCES])

    found = {kind: curve(kind, lambda p: probabilities((disc, p))) for kind in losses}
    invented = {
        kind: curve(kind, lambda p: probabilities((disc, SURE), (other, p))) for kind in losses
    }
    return LossStudy(examples, table, found, invented)


def make_examples() -> list[Example]:
    """Return an easy, a hard and an empty example."""
    disc, other, nothing = (
        disc_at(0.5),
        disc_at(0.2),
        torch.zeros(1, 1, SIDE, SIDE, dtype=torch.float64),
    )
    return [
        Example(
            "easy",
            f"a particle found with high probability ({SURE:g}), nothing else",
            probabilities((disc, SURE)),
            disc,
        ),
        Example(
            "hard",
            f"a particle found with low probability ({UNSURE:g}), and a false pick as probable",
            probabilities((disc, UNSURE), (other, UNSURE)),
            disc,
        ),
        Example("empty", "no particle, and none found", probabilities(), nothing),
    ]


def disc_at(place: float) -> Tensor:
    """Return a disc in row `place` (0 to 1) of the middle column, (1, 1, SIDE, SIDE)."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)
    inside = (y - place * SIDE) ** 2 + (x - 0.5 * SIDE) ** 2 <= RADIUS**2
    return torch.from_numpy(inside.astype(np.float64))[None, None]


def probabilities(*discs: tuple[Tensor, float]) -> Tensor:
    """Return a map that says 1 - SURE but for some discs."""
    made = torch.full((1, 1, SIDE, SIDE), 1 - SURE, dtype=torch.float64)
    for disc, p in discs:
        made[disc > 0] = p
    return made
