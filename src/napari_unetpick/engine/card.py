"""A model's card: what it was trained on and what it reached, the same for the same seed."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np
import torch

from napari_unetpick import __version__
from napari_unetpick.engine.dataset import training_centres
from napari_unetpick.engine.train_job import Training
from napari_unetpick.errors import EngineError
from napari_unetpick.io.labels import labels_hash
from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.settings import to_dict


def card_of(training: Training, calibration: Calibration) -> dict[str, Any]:
    """Return the model's card: no path, no date, no duration, so one seed gives one file."""
    items, job = training.items, training.job
    history = [row for row in training.folder.history if row["stage"] == "training"]
    held_out = [item for item in items if item.held_out is not None]
    if not all(np.isfinite(row["loss"]) for row in history):
        raise EngineError("training diverged; lower the learning rate")
    return {
        "settings": to_dict(job.settings),
        "diameter": job.diameter,
        "pixel_size": round(float(np.median([item.pixel_size for item in items])), 4),
        "calibration": calibration.to_dict(),
        "validation": {
            "protocol": "particle",
            "border": 0.5,
            "micrographs": len(held_out),
            "f1": round(max((r.get("validation_f1", 0.0) for r in history), default=0.0), 4)
            if held_out
            else None,
        },
        "training": {
            "micrographs": sum(item.trains for item in items),
            "particles": sum(len(training_centres(item)) for item in items if item.trains),
            "labels": sorted({item.labels.state for item in items}),
        },
        "data": labels_hash({item.micrograph.key: item.labels for item in items}),
        "versions": {
            "napari-unetpick": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }


def summarise(card: dict[str, Any]) -> str:
    """Say in a line what the model reached."""
    calibration, validation = card["calibration"], card["validation"]
    if validation["f1"] is None:
        return f"done; threshold {calibration['threshold']:.3f} (a rank, from held-out clicks)"
    return (
        f"done; validation F1 {validation['f1']:.3f} (protocol particle, "
        f"{validation['micrographs']} micrographs, best epoch, border of d/2 left out); "
        f"threshold {calibration['threshold']:.3f}, "
        f"expected precision {calibration['expected_precision']:.2f}"
    )
