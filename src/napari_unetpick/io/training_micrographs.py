"""Which micrographs a model has seen: its card and the labels that its run keeps tell."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from napari_unetpick.errors import InputError
from napari_unetpick.io.labels import read_labels
from napari_unetpick.io.names import match_names


def name_hash(key: str) -> str:
    """Return eight characters that tell a micrograph by its name without giving that away."""
    return hashlib.sha256(key.encode()).hexdigest()[:8]


def seen_by(model: Path, card: Mapping[str, Any], keys: Sequence[str]) -> list[str]:
    """Return which micrographs a model (a file or a run folder) was trained on.

    Those that chose its epoch or threshold count as well.
    """
    training = card.get("training", {})
    hashes = set(training.get("names", ()) if isinstance(training, dict) else ())
    seen = {key for key in keys if name_hash(key) in hashes}
    run = model if model.is_dir() else model.parent
    if (run / "labels").is_dir():
        with suppress(InputError):  # what the card says stands
            labels = read_labels(run / "labels")
            named = [name for name, each in labels.items() if each.state != "none"]
            seen |= set(match_names(named, keys).pairs.values())
    return sorted(seen)
