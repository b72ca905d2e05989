"""What each kind of layer shows of a micrograph, and what is marked in it after an edit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project.project import Annotations
from napari_unetpick.widgets.layers.points_table import areas_in_layer, picks_in_layer, show_picks
from napari_unetpick.widgets.layers.styles import show_areas, show_candidates, show_points
from napari_unetpick.widgets.session.pick_model import Chosen

MARKED = ("picks", "negatives", "exclusions", "complete")
"""Kinds in which the user marks something; the others are micrograph, junk and candidates."""


def needed_by(marks: Annotations, found: Candidates | None) -> list[str]:
    """Return the kinds of layers in which something is marked, or where junk is known."""
    known = found is not None and found.junk is not None
    return ["junk"] * known + [kind for kind in MARKED if len(getattr(marks, kind))]


def fill(kind: str, layer: Any, marks: Annotations, chosen: Chosen | None, diameter: float) -> None:
    """Show annotations or candidates in their layer; `diameter` in pixels of the file."""
    if kind == "picks":
        show_picks(layer, marks.picks, diameter)
    elif kind == "candidates":
        show_candidates(layer, chosen, diameter)
    elif kind == "negatives":
        show_points(layer, marks.negatives, diameter / 2)
    else:
        show_areas(layer, getattr(marks, kind))


def marks_in_layer(kind: str, layer: Any, before: Annotations) -> Annotations:
    """Return the annotations after an edit of a layer; `before` are those it showed."""
    if kind == "picks":
        return replace(before, picks=picks_in_layer(layer, before.picks))
    if kind == "negatives":
        return replace(before, negatives=np.array(layer.data, float).reshape(-1, 2))
    areas: dict[str, Any] = {kind: areas_in_layer(layer)}
    return replace(before, **areas)
