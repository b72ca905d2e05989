"""The ladder of the plan: from a plain U-Net to everything this project does, rung by rung."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from napari_unetpick.settings import (
    RECIPES,
    AugmentSettings,
    LossSettings,
    SelfTrainSettings,
    Settings,
)

Step = Callable[[Settings], Settings]


@dataclass(frozen=True)
class Rung:
    """What is trained, and whether the models of all seeds pick together."""

    name: str
    settings: Settings
    ensemble: bool = False


STEPS: tuple[tuple[str, Step], ...] = (
    ("combined loss", lambda s: replace(s, loss=LossSettings())),
    ("augmentation", lambda s: replace(s, augment=AugmentSettings())),
    (
        "longer training",
        lambda s: replace(
            s, train=replace(s.train, epochs=100), self_train=replace(s.self_train, epochs=40)
        ),
    ),
    (  # 100 epochs end within a cycle, so the weights are averaged
        "warm restarts",
        lambda s: replace(s, train=replace(s.train, schedule="warm-restarts", average_decay=0.99)),
    ),
    (
        "dynamic pseudo-labels, gate",
        lambda s: replace(s, self_train=replace(SelfTrainSettings(), epochs=s.self_train.epochs)),
    ),
    ("balanced sampling", lambda s: replace(s, train=replace(s.train, balanced=True))),
    ("attention", lambda s: replace(s, network=replace(s.network, attention=True))),
)
"""In the plan's order; none touches what another one sets."""
ENSEMBLE = "ensemble"


def ladder() -> list[Rung]:
    """Return the baseline and one rung a step, each on top of those before it."""
    settings = RECIPES["baseline"]
    rungs = [Rung("baseline", settings)]
    for name, step in STEPS:
        settings = step(settings)
        rungs.append(Rung(f"+ {name}", settings))
    return [*rungs, Rung(f"+ {ENSEMBLE}", settings, ensemble=True)]


def leave_one_out() -> list[Rung]:
    """Return everything but one step, for each step; compare with the ladder's last rung."""
    rungs = []
    for left_out, _ in STEPS:
        settings = RECIPES["baseline"]
        for name, step in STEPS:
            settings = settings if name == left_out else step(settings)
        rungs.append(Rung(f"without {left_out}", settings, ensemble=True))
    return [*rungs, Rung(f"without {ENSEMBLE}", ladder()[-1].settings)]
