"""What is to be trained, and a training as it goes."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_unetpick.engine.data.patches import PatchSource
from napari_unetpick.engine.data.training_set import Item, prepare
from napari_unetpick.engine.nn.unet import UNet
from napari_unetpick.engine.runs.folder import RunFolder
from napari_unetpick.errors import InputError
from napari_unetpick.events import Event, Failed
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.labels import Labels
from napari_unetpick.io.models import Model
from napari_unetpick.settings import Settings

FINE_TUNING = 0.3  # of the learning rate, where training starts from a model: it forgets less
ShowNetwork = Callable[[UNet], None]
"""Is shown the averaged network between steps, and changes nothing."""


@dataclass(frozen=True)
class TrainJob:
    """What is to be trained.

    Parameters
    ----------
    micrographs
        All that were given; those without labels are left alone.
    labels
        By micrograph key.
    diameter
        A.
    run
        The run folder.
    pixel_size
        A/px, or None to take each micrograph's own.
    validation
        Keys of the micrographs that validate, or a fraction, or None for the default.
    start
        A model to fine-tune, or None to train from scratch.
    notes
        What was reported of the labels, for training.log.

    Raises
    ------
    InputError
        The network is to say what junk is, which labels of particles don't teach.
    """

    micrographs: list[Micrograph]
    labels: dict[str, Labels]
    diameter: float
    run: Path
    settings: Settings = field(default_factory=Settings)
    pixel_size: float | None = None
    validation: frozenset[str] | float | None = None
    start: Model | None = None
    device: str = "auto"
    threads: int | None = None
    resume: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.settings.network.junk and self.start is None:
            raise InputError(
                "junk is learned by train-general alone; remove 'junk' from the recipe's network"
            )


@dataclass
class Training:
    """A training as it goes: what its stages share."""

    job: TrainJob
    folder: RunFolder
    source: PatchSource
    device: torch.device
    check_stop: Callable[[], None]
    checkpoint: dict[str, Any]
    show_network: ShowNetwork = lambda network: None
    items: list[Item] = field(default_factory=list)

    def prepare(
        self, micrographs: list[Micrograph], labels: dict[str, Labels]
    ) -> Generator[Event, None, tuple[list[Item], list[Failed]]]:
        """Preprocess labelled micrographs into the source; return them and what failed."""
        return prepare(
            micrographs,
            labels,
            diameter=self.job.diameter,
            pixel_size=self.job.pixel_size,
            settings=self.job.settings,
            source=self.source,
            threads=self.job.threads,
            check_stop=self.check_stop,
        )

    @property
    def diameter(self) -> float:
        """Particle diameter in network pixels."""
        return float(np.mean([item.scale.network_diameter for item in self.items]))

    @property
    def rate(self) -> float:
        """Which part of the recipe's learning rate is used."""
        return 1.0 if self.job.start is None else FINE_TUNING
