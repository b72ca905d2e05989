"""view.json: where a project was left: micrograph, model, threshold, minimum distance, images."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from napari_unetpick.io.atomic import write_text
from napari_unetpick.project.table import StoredPaths

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
    view_from
        Folder (absolute) whose images are shown in place of the micrographs', or "".
    """

    current: str = ""
    model: str = ""
    threshold: float | None = None
    min_distance: float | None = None
    calibration: dict[str, Any] | None = None
    view_from: str = ""


def read_view(folder: Path) -> View:
    """Read view.json; what is missing or damaged there is as if it had never been chosen."""
    try:
        found = json.loads((folder / VIEW_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return View()
    if not isinstance(found, dict):
        return View()
    calibration = found.get("calibration")
    current, model, images = (
        str(found.get(name) or "") for name in ("current", "model", "view_from")
    )
    if "\0" in images:
        images = ""
    return View(
        current,
        "" if "\0" in model else model,
        _number(found.get("threshold")),
        _number(found.get("min_distance")),
        calibration if isinstance(calibration, dict) else None,
        images and os.path.normpath(folder / images),
    )


def write_view(folder: Path, view: View) -> None:
    """Write view.json, whole or not at all; a folder near the project is relative to it."""
    if view.view_from:
        view = replace(view, view_from=StoredPaths(folder).stored(Path(view.view_from)))
    write_text(folder / VIEW_FILE, json.dumps(asdict(view), indent=1) + "\n")


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) and value >= 0 else None
