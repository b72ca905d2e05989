"""The ladder of the plan: from a plain U-Net to everything this project does, rung by rung."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from napari_unetpick.engine.inputs import choose_start, seen_as
from napari_unetpick.io.models import Model
from napari_unetpick.settings import (
    RECIPES,
    AugmentSettings,
    LossSettings,
    SelfTrainSettings,
    Settings,
    from_dict,
)
from napari_unetpick.study.ablation.records import key_of

Step = Callable[[Settings], Settings]


@dataclass(frozen=True)
class Rung:
    """What is trained, and whether the models of all seeds pick together.

    Parameters
    ----------
    start
        A model to start from, or None to train from scratch.
    """

    name: str
    settings: Settings
    ensemble: bool = False
    start: Model | None = field(default=None, compare=False, repr=False)

    @property
    def key(self) -> str:
        """Of its records; see `records.key_of`."""
        return self.key_with(self.settings)

    def key_with(self, settings: Settings, ensemble: bool | None = None) -> str:
        """Return the key of other settings with the same start."""
        start = None if self.start is None else str(self.start.card["data"])
        return key_of(settings, self.ensemble if ensemble is None else ensemble, start)


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
GENERAL = "+ general model"


def ladder() -> list[Rung]:
    """Return the baseline and one rung a step, each on top of those before it.

    The last one starts from the general model, if that has the ladder's network.
    """
    settings = RECIPES["baseline"]
    rungs = [Rung("baseline", settings)]
    for name, step in STEPS:
        settings = step(settings)
        rungs.append(Rung(f"+ {name}", settings))
    rungs.append(Rung(f"+ {ENSEMBLE}", settings, ensemble=True))
    start, _ = choose_start(None, settings)
    if start is not None:
        settings = seen_as(settings, from_dict(start.card["settings"]))
        rungs.append(Rung(GENERAL, settings, ensemble=True, start=start))
    return rungs


def leave_one_out() -> list[Rung]:
    """Return everything but one step, for each step; compare with the ensemble from scratch."""
    rungs = []
    for left_out in (*(name for name, _ in STEPS), ENSEMBLE):
        settings = RECIPES["baseline"]
        for name, step in STEPS:
            settings = settings if name == left_out else step(settings)
        rungs.append(Rung(f"without {left_out}", settings, ensemble=left_out != ENSEMBLE))
    return rungs
