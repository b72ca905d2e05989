"""view.json: where a project was left: micrograph, model, threshold and minimum distance."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from napari_unetpick.io.atomic import write_text

VIEW_FILE = "view.json"


@dataclass(frozen=True)
class View:
    """What is chosen in the viewer, and belongs to no single micrograph.

    Parameters
    ----------
    current
        Key of the micrograph in view, or "".
    model
        Path of the model that picks, from the project folder if it lies there; "general" for the
        general model; "" for none.
    threshold
        Score from which candidates are picks, or None for the model's own.
    min_distance
        Between picks, in diameters, or None for the model's own.
    calibration
        What the general model's became on this project's micrographs, by name; else None.
    """

    current: str = ""
    model: str = ""
    threshold: float | None = None
    min_distance: float | None = None
    calibration: dict[str, Any] | None = None


def read_view(folder: Path) -> View:
    """Read view.json; what is missing or damaged there is as if it had never been chosen."""
    try:
        found = json.loads((folder / VIEW_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return View()
    if not isinstance(found, dict):
        return View()
    calibration = found.get("calibration")
    current, model = (str(found.get(name) or "") for name in ("current", "model"))
    return View(
        current,
        "" if "\0" in model else model,
        _number(found.get("threshold")),
        _number(found.get("min_distance")),
        calibration if isinstance(calibration, dict) else None,
    )


def write_view(folder: Path, view: View) -> None:
    """Write view.json, whole or not at all."""
    write_text(folder / VIEW_FILE, json.dumps(asdict(view), indent=1) + "\n")


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) and value >= 0 else None
