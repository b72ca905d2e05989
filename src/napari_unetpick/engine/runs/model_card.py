"""A model's card: what it was trained on and its validation score; one seed gives one card."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np
import torch

from napari_unetpick.engine.data.training_set import training_centres
from napari_unetpick.engine.train.job import Training
from napari_unetpick.engine.train.validation import Pairs, score_picks
from napari_unetpick.errors import EngineError
from napari_unetpick.io.labels import labels_hash
from napari_unetpick.io.picks import tell_count
from napari_unetpick.io.training_micrographs import name_hash
from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.picking.scale import EDGE
from napari_unetpick.settings import to_dict
from napari_unetpick.version import __version__


def card_of(
    training: Training, calibration: Calibration, held_out: Pairs | None = None
) -> dict[str, Any]:
    """Return the model's card: no path, no date, no duration, so one seed gives one file.

    Parameters
    ----------
    held_out
        Held-out micrographs with their candidates, or None where nothing validates.
    """
    items, job = training.items, training.job
    history = [row for row in training.folder.history if row["stage"] == "training"]
    if not all(np.isfinite(row["loss"]) for row in history):
        raise EngineError("training diverged; lower the learning rate")
    return {
        "settings": to_dict(job.settings),
        "diameter": job.diameter,
        "pixel_size": round(float(np.median([item.pixel_size for item in items])), 4),
        "calibration": calibration.to_dict(),
        "validation": validation_of(held_out or [], calibration),
        "training": {
            "micrographs": sum(item.trains for item in items),
            "particles": sum(len(training_centres(item)) for item in items if item.trains),
            "labels": sorted({item.labels.state for item in items}),
            "names": sorted(name_hash(item.micrograph.key) for item in items),
        },
        "data": labels_hash({item.micrograph.key: item.labels for item in items}),
        "versions": {
            "napari-unetpick": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }


def validation_of(held_out: Pairs, calibration: Calibration) -> dict[str, Any]:
    """Return what the model reaches on held-out micrographs, scored as `evaluate` scores picks.

    At the automatic threshold, once over whole micrographs and once without a border of half a
    diameter, where people disagree about cut-off particles.
    """
    table: dict[str, Any] = {"protocol": "particle", "micrographs": len(held_out), "f1": None}
    if held_out:
        whole = score_picks(held_out, calibration, 0.0)
        inner = score_picks(held_out, calibration, EDGE)
        table |= {name: round(value, 4) for name, value in whole.items()}
        table["f1_without_border"] = round(inner["f1"], 4)
    return table


def summarise(card: dict[str, Any]) -> str:
    """Summarise in one line what the model reached."""
    calibration, validation = card["calibration"], card["validation"]
    if validation["f1"] is None:
        return (
            f"done; threshold {calibration['threshold']:.3f} (uncalibrated score: partial labels "
            "do not tell the precision)"
        )
    return (
        f"done; validation F1 {validation['f1']:.3f} (protocol particle, "
        f"{tell_count(validation['micrographs'], 'held-out micrograph')}, automatic threshold; "
        f"{validation['f1_without_border']:.3f} without a border of d/2); "
        f"threshold {calibration['threshold']:.3f}, "
        f"expected precision {calibration['expected_precision']:.2f}"
    )
