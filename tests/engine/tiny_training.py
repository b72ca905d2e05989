"""A training that takes a second: blobs on noise in three micrographs, of which one validates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from napari_unetpick.engine.nn.unet import UNet
from napari_unetpick.engine.train import run as training
from napari_unetpick.engine.train.job import TrainJob
from napari_unetpick.errors import Cancelled
from napari_unetpick.events import Event, Metrics
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.labels import Labels
from napari_unetpick.settings import NetworkSettings, Settings, TrainSettings

SIDE, DIAMETER = 288, 40.0  # pixels of the file, at 1 A/px
SHORT = {"patches_per_epoch": 32, "batch": 8, "patch_px": 64, "learning_rate": 5e-3}


def make_tiny_job(
    folder: Path, *, run: str = "run", resume: bool = False, **train: Any
) -> TrainJob:
    """Return a job on micrographs that are made where they are missing."""
    labels = {name: Labels("full", places(number)) for number, name in enumerate("abc")}
    for number, (name, each) in enumerate(labels.items()):
        if not (folder / f"{name}.mrc").exists():
            write_micrograph(folder / f"{name}.mrc", each.positives, seed=number)
    return TrainJob(
        micrographs=[Micrograph(folder / f"{name}.mrc", f"{name}.mrc") for name in labels],
        labels=labels,
        diameter=DIAMETER,
        run=folder / run,
        settings=Settings(
            network=NetworkSettings(width=4, depth=1), train=TrainSettings(**{**SHORT, **train})
        ),
        validation=frozenset("c"),
        device="cpu",
        resume=resume,
    )


def places(seed: int) -> np.ndarray:
    """(16, 2) particles on a shaken grid."""
    rng = np.random.default_rng([7, seed])
    grid = np.mgrid[45:SIDE:66, 45:SIDE:66].reshape(2, -1).T
    return grid + rng.uniform(-10, 10, grid.shape)


def write_micrograph(path: Path, centres: np.ndarray, seed: int) -> None:
    """Dark blobs, as wide as the particle, on noise."""
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(SIDE, SIDE))
    y, x = np.mgrid[:SIDE, :SIDE]
    for row, col in centres:
        image -= 3 * np.exp(-((y - row) ** 2 + (x - col) ** 2) / (2 * (DIAMETER / 4) ** 2))
    with mrcfile.new(path) as file:
        file.set_data(image.astype(np.float32))
        file.voxel_size = 1.0


def run_until(job: TrainJob, stops: Callable[[Event], bool]) -> None:
    """Train, and cancel at the first check after an event that `stops`."""
    seen: list[Event] = []

    def check() -> None:
        if seen:
            raise Cancelled("planted")

    for event in training.train(job, check):
        if stops(event):
            seen.append(event)


def is_epoch(number: int) -> Callable[[Event], bool]:
    """Return what tells the metrics of an epoch from other events."""
    return lambda event: isinstance(event, Metrics) and event.epoch == number


def plant_validation(monkeypatch: pytest.MonkeyPatch, scores: list[float]) -> list[float]:
    """Let validation return `scores` one after the other; return those that were asked for."""
    asked: list[float] = []

    def planted(_: object) -> Callable[[UNet], dict[str, float]]:
        def validate(network: UNet) -> dict[str, float]:
            asked.append(scores[len(asked)])
            return {"validation_f1": asked[-1]}

        return validate

    monkeypatch.setattr(training, "epoch_validation", planted)
    return asked
