"""Runs as a training leaves them, and requests of each kind, for the tests of the docks."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from napari_unetpick.io.models import Model, save_model
from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.protocol.requests import (
    CompareRequest,
    PickRequest,
    Request,
    SelfTrainRequest,
    TrainRequest,
)
from napari_unetpick.settings import Settings, to_dict


def request_of(session: Any, do: str) -> Request:
    """Return a request of a kind, with nothing chosen."""
    folder: Path = session.project.folder
    run = folder / "runs" / "run-1"
    made = TrainRequest(folder, run), SelfTrainRequest(folder, run)
    every = [*made, PickRequest(folder, (), ()), CompareRequest(folder, {}, {})]
    return next(each for each in every if each.do == do)


def write_run(
    folder: Path,
    name: str,
    f1: float | None = 0.9,
    *,
    epochs: int = 3,
    finished: bool = True,
    data: str = "hash",
    age: float = 0.0,
    config: dict[str, Any] | None = None,
) -> Path:
    """Make a run whose validation F1 grows to `f1`, last changed `age` seconds ago."""
    run = folder / name
    run.mkdir(parents=True)
    (run / "config.toml").write_text(tomli_w.dumps(config or {"start": "scratch"}))
    rows = [
        {"stage": "training", "epoch": i + 1, "loss": 1 / (i + 1)}
        | ({} if f1 is None else {"validation_f1": f1 * (i + 1) / epochs})
        for i in range(epochs)
    ]
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    if finished:
        card = {
            "settings": to_dict(Settings()),
            "diameter": 80.0,
            "data": data,
            "validation": {"f1": f1, "protocol": "particle", "micrographs": 1},
            "calibration": Calibration("probability", threshold=0.6).to_dict(),
        }
        save_model(run / "model.safetensors", Model({"w": np.zeros(1, np.float32)}, card))
    moment = time.time() - age
    for path in (*run.iterdir(), run):
        os.utime(path, (moment, moment))
    return run
