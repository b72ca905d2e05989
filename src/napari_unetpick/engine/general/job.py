"""What the training of the general model is asked for, and its recipe."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_unetpick.settings import (
    AugmentSettings,
    NetworkSettings,
    Settings,
    TrainSettings,
    to_dict,
)
from napari_unetpick.version import __version__

PATCHES = 2_000_000
PATCHES_AN_EPOCH = 3200
MICROGRAPH_PATCHES = 160  # drawn from a micrograph before another one takes its place
WINDOW = 128  # micrographs that an epoch draws from
CALIBRATING = 400
"""Simulated micrographs that calibrate. With a hundred, F1 at the threshold that follows is 1 to 2
points below the best one, depending on which they are; with these 1.2."""
HELD_OUT = 10_000_000
"""Number of the first sample that no training reaches: these validate."""


def general_settings(patches: int, seed: int, batch: int = 16) -> Settings:
    """Return the recipe for `patches` patches in all.

    Spectra vary more than in other recipes: what is simulated must not be known by its spectrum.
    Rate and batch grow together (Goyal et al. 2017), up to four times the rate.
    """
    rate = 2e-3 * min(max(batch / 16, 1.0) ** 0.5, 4.0)
    return Settings(
        recipe="improved",
        upsample=True,
        network=NetworkSettings(junk=True),
        augment=AugmentSettings(probability=0.7, scale=0.2, spectrum=1.0),
        train=TrainSettings(
            epochs=max(1, round(patches / PATCHES_AN_EPOCH)),
            patches_per_epoch=PATCHES_AN_EPOCH,
            batch=batch,
            learning_rate=rate,
            average_decay=0.998,
            seed=seed,
        ),
    )


def count_calibrating(patches: int) -> int:
    """Return how many simulated micrographs calibrate a training of so many patches."""
    return int(min(max(patches // 320, 50), CALIBRATING))


@dataclass(frozen=True, kw_only=True)
class GeneralJob:
    """What is to be trained.

    Parameters
    ----------
    run
        The run folder.
    settings
        From `general_settings`.
    start
        Weights by name to continue from, or None for a new network.
    rate
        Which part of the recipe's learning rate is used.
    back
        Which part of the way the result lies back to the start.
    first
        Number of the first sample of the diet: another one where a model has learned from those.
    processes
        That render micrographs beside the training; the result doesn't depend on it.
    calibrating
        Simulated micrographs that the scores are calibrated on.
    """

    run: Path
    settings: Settings = field(default_factory=lambda: general_settings(PATCHES, 42))
    start: dict[str, Any] | None = None
    rate: float = 1.0
    back: float = 0.0
    first: int = 0
    processes: int = 1
    calibrating: int = CALIBRATING
    device: str = "auto"
    resume: bool = False

    @property
    def fresh(self) -> float:
        """New micrographs in each epoch."""
        return self.settings.train.patches_per_epoch / MICROGRAPH_PATCHES

    @property
    def window(self) -> int:
        """Micrographs that an epoch draws from: all there ever are, in a short training."""
        return min(WINDOW, max(8, int(self.fresh * self.settings.train.epochs)))

    @property
    def last(self) -> int:
        """Number after the last micrograph that is needed."""
        return self.first + self.window + int((self.settings.train.epochs - 1) * self.fresh)

    def config(self) -> dict[str, Any]:
        """Return what config.toml says: enough to repeat the run."""
        return {
            "version": __version__,
            "start": "scratch" if self.start is None else "model",
            "rate": self.rate,
            "back": self.back,
            "first": self.first,
            "settings": to_dict(self.settings),
        }
