"""`unetpick info`: what a model was trained on, and its validation score."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")  # stored, but not learned


def info(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Model file, run folder or general.")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the complete model card as JSON.")
    ] = False,
) -> None:
    """Show what a model was trained on, its validation F1 and its threshold."""
    import json

    from napari_unetpick.io.models import load_model
    from napari_unetpick.io.picks import tell_count

    loaded = load_model(_path(model))
    card = loaded.card
    if as_json:
        typer.echo(json.dumps(card, indent=1, sort_keys=True))
        return
    calibration, validation, training = card["calibration"], card["validation"], card["training"]
    counted = {name: v for name, v in loaded.weights.items() if not name.endswith(STATISTICS)}
    parameters = sum(value.size for value in counted.values())
    network = card["settings"]["network"]
    kind = "attention U-Net" if network["attention"] else "U-Net"
    score = "calibrated score" if calibration["kind"] == "probability" else "uncalibrated score"
    rows = [
        ("network", f"{kind}, width {network['width']}, {parameters:,} parameters"),
        ("junk", "known" if network.get("junk") else "not known"),
        ("recipe", f"{card['settings']['recipe']}, seed {card['settings']['train']['seed']}"),
        ("particle", _particle(card)),
        ("trained on", _trained_on(training)),
        (
            "validation F1",
            "unknown (partial labels)"
            if validation["f1"] is None
            else f"{validation['f1']:.3f} (protocol {validation['protocol']}, "
            f"{tell_count(validation['micrographs'], 'micrograph')})",
        ),
        (
            "threshold",
            f"{calibration['threshold']:.3f} ({score})",
        ),
        ("min. distance", _distance(calibration["min_distance"], card["diameter"])),
        ("versions", ", ".join(f"{k} {v}" for k, v in card["versions"].items())),
    ]
    for name, value in rows:
        typer.echo(f"{name:14} {value}")


def _path(model: str) -> Path:
    if model != "general":
        return Path(model)
    from napari_unetpick.engine.inputs import general_model

    return general_model("give a model file or a run folder")


def _particle(card: dict[str, Any]) -> str:
    if card["diameter"] is None:
        return "any diameter, dark on light"
    return f"{card['diameter']:g} A, trained on files of {card['pixel_size']:g} A/px"


def _trained_on(training: dict[str, Any]) -> str:
    from napari_unetpick.io.picks import tell_count

    particles = training.get("particles")  # a general model's are not counted
    counted = "" if particles is None else f"{tell_count(particles, 'particle')} in "
    labels = ", ".join(training["labels"])
    return f"{counted}{tell_count(training['micrographs'], 'micrograph')} (labels: {labels})"


def _distance(fraction: float, diameter: float | None) -> str:
    if diameter is None:
        return f"{fraction:g} diameters"
    return f"{fraction * diameter:g} A ({fraction:g} diameters)"
