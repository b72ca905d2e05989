"""Model files: safetensors with the card as JSON in the header; nothing in them can run code."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import ModelError
from napari_unetpick.io.atomic import atomic_path, explain_read_error

GENERAL = Path(__file__).parent.parent / "models" / "general.safetensors"
CARD = "unetpick"  # one key of sorted JSON: several keys would be written in random order
CHECKSUM = "checksum"  # of the weights, in the card; earlier versions wrote none
SCHEMA = 1


@dataclass(frozen=True)
class Model:
    """Weights by name, and the card: settings, diameter, calibration, validation, versions."""

    weights: dict[str, NDArray[Any]]
    card: dict[str, Any]


def general_model() -> Path | None:
    """Return the file of the general model; None where this version has none."""
    return GENERAL if GENERAL.is_file() else None


def save_model(path: str | Path, model: Model) -> None:
    """Write weights and card; the same model gives the same bytes."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(to_bytes(model))


def to_bytes(model: Model) -> bytes:
    """Return the content of a model's file."""
    return _to_bytes(model, {CHECKSUM: _checksum(model.weights)})


def digest(model: Model) -> str:
    """Return 16 hexadecimal digits that tell the content of models apart, wherever they lie."""
    return hashlib.sha256(_to_bytes(model, {})).hexdigest()[:16]


def _to_bytes(model: Model, more: dict[str, str]) -> bytes:
    from safetensors.numpy import save

    table = {"schema": SCHEMA, **model.card, **more}
    card = json.dumps(table, sort_keys=True, separators=(",", ":"))
    weights = {name: np.ascontiguousarray(value) for name, value in model.weights.items()}
    return save(weights, metadata={CARD: card})


def _checksum(weights: dict[str, NDArray[Any]]) -> str:
    """Return digits that change where any weight does, as where the end of a file became zeros."""
    total = hashlib.sha256()
    for name in sorted(weights):
        total.update(np.ascontiguousarray(weights[name]).data)
    return total.hexdigest()[:16]


def load_model(path: str | Path) -> Model:
    """Read a model.

    Raises
    ------
    ModelError
        The file is missing, unreadable, of another program, or of a newer version.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "model.safetensors"  # a run folder stands for its model
    if not path.is_file():
        raise ModelError(f"{path}: no such model; give a model.safetensors or a run folder")
    card = read_card(path)
    from safetensors.numpy import load_file

    try:
        weights = load_file(path)
    except Exception as error:  # safetensors raises its own, undocumented kinds
        _refuse_machine(error, path)
        raise ModelError(
            f"{path}: the model is damaged ({error}); train or copy it again"
        ) from error
    if card.pop(CHECKSUM, None) not in (None, _checksum(weights)):
        raise ModelError(f"{path}: the model is damaged (its checksum); train or copy it again")
    return Model(weights, card)


def _refuse_machine(error: Exception, path: Path) -> None:
    """Raise what is no fault of a file that can't be read: no memory, no right to read it."""
    if isinstance(error, MemoryError) or "os error 12)" in str(error):
        raise MemoryError(str(path)) from error
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
        raise explain_read_error(error, path) from error


def is_whole(path: Path) -> bool:
    """Tell whether a model is there and can be read."""
    try:
        load_model(path)
    except ModelError:
        return False
    return True


def read_card(path: Path) -> dict[str, Any]:
    """Read a model's card alone."""
    from safetensors import safe_open

    try:
        with safe_open(path, framework="numpy") as handle:
            metadata = handle.metadata() or {}
    except Exception as error:  # as above
        _refuse_machine(error, path)
        raise ModelError(
            f"{path}: not a safetensors model ({error}); give the model.safetensors of a run"
        ) from error
    if CARD not in metadata:
        raise ModelError(f"{path}: is a safetensors file of another program, not a UNetPick model")
    try:
        card = json.loads(metadata[CARD])
        schema = card["schema"]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: the model's card is damaged; train or copy it again") from error
    if schema != SCHEMA:
        raise ModelError(
            f"{path}: model of schema {schema}, this version reads {SCHEMA}; update napari-unetpick"
        )
    return dict(card)
