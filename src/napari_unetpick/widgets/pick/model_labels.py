"""What a model's card says, in words, and which models can be chosen; no Qt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from napari_unetpick.io.models import general_model
from napari_unetpick.io.picks import tell_count
from napari_unetpick.project.project import RunInfo

GENERAL_NAME = "General model (no training needed)"
NO_MODEL = "No model yet. Train one (Train dock) or open a model file."


def describe_card(card: Mapping[str, Any]) -> str:
    """Say for which particles a model was made and how well it did; parts the card lacks are left.

    Example: "Diameter 80 Å, validation F1 0.93 (protocol particle, 2 micrographs), trained on 412
    particles of 5 micrographs."
    """
    if not card:
        return NO_MODEL
    if card.get("general"):
        return _describe_general(card.get("validation") or {})
    parts = []
    if isinstance(card.get("diameter"), int | float):
        parts.append(f"Diameter {card['diameter']:g} Å")
    validation, training = card.get("validation") or {}, card.get("training") or {}
    if validation.get("f1") is not None:
        where = tell_count(int(validation.get("micrographs", 0)), "micrograph")
        protocol = validation.get("protocol", "particle")
        parts.append(f"validation F1 {validation['f1']:.2f} (protocol {protocol}, {where})")
    else:
        parts.append("F1 unknown (trained on partial labels)")
    if "particles" in training:
        particles = tell_count(int(training["particles"]), "particle")
        where = tell_count(int(training.get("micrographs", 0)), "micrograph")
        parts.append(f"trained on {particles} of {where}")
    return ", ".join(parts) + "."


def _describe_general(validation: Mapping[str, Any]) -> str:
    text = "Trained on simulated micrographs alone; for particles of any diameter."
    if validation.get("f1") is not None:
        protocol = validation.get("protocol", "particle")
        text += f" F1 {validation['f1']:.2f} on held-out ones (protocol {protocol})."
    return text


def model_choices(runs: Iterable[RunInfo], used: Path | None) -> list[tuple[str, Path]]:
    """Return (words, path) of the models that can be chosen: runs, newest first, then others."""
    choices = []
    for run in runs:
        if run.finished:
            f1 = "" if run.validation_f1 is None else f" (F1 {run.validation_f1:.2f})"
            choices.append((f"{run.name}{f1}", run.path))
    if (general := general_model()) is not None:
        choices.append((GENERAL_NAME, general))
    if used is not None and not any(is_of(used, path) for _, path in choices):
        choices.append((used.name if used.stem != "model" else str(used.parent.name), used))
    return choices


def is_of(model: Path, choice: Path) -> bool:
    """Tell whether a model file is that of a choice (a run folder or a file)."""
    return model == choice or model.parent == choice
