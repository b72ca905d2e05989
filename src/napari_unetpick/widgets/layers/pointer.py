"""Accepting and rejecting: what lies under the mouse pointer, by a key, or all that is shown.

Each function changes the session in one undo step and returns one line that says what it did.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.picks import tell_count
from napari_unetpick.widgets.layers.eraser import nearest, without
from napari_unetpick.widgets.layers.styles import default_diameter
from napari_unetpick.widgets.session.session import Session

NOTHING_OPEN = "No micrograph is shown yet. Open some in the Micrographs dock."

NONE_SHOWN = "No candidates are shown. Pick this micrograph first, or lower the threshold."

Floats = NDArray[np.float64]


def reach_of(session: Session, key: str) -> float:
    """Half a particle in pixels of a micrograph's file: how near a click must be."""
    return (
        session.pixel_sizes.diameter_px(key) or default_diameter(session.layers.image_of(key))
    ) / 2


def place_of(layer: Any, world: Any) -> Floats:
    """Return a world position as (row, col) in pixels of the file."""
    return np.asarray(layer.world_to_data(np.asarray(world, float)), float)[-2:]


def candidates_shown(session: Session) -> tuple[Floats, Floats]:
    """Return (N, 2) places and (N,) scores of the candidates that are seen now."""
    layer = session.layers.get("candidates")
    chosen = session.selection.of(session.layers.shown_key) if session.layers.shown_key else None
    if chosen is None or layer is None or not layer.visible:
        return np.empty((0, 2)), np.empty(0)
    return chosen.coords[chosen.above], chosen.scores[chosen.above]


def _under_pointer(call: Callable[[Session, str, Floats], str], session: Session) -> str:
    key = session.layers.shown_key
    layer = session.layers.get("candidates") or session.layers.get("picks")
    if not key or layer is None:
        return NOTHING_OPEN
    try:
        return call(session, key, place_of(layer, session.viewer.cursor.position))
    except UnetPickError as error:
        return error.in_viewer


def accept_here(session: Session) -> str:
    """Make the candidate under the pointer a pick."""
    return _under_pointer(_accept, session)


def reject_here(session: Session) -> str:
    """Mark what lies under the pointer, candidate or pick, as not a particle."""
    return _under_pointer(_reject, session)


def _accept(session: Session, key: str, place: Floats) -> str:
    coords, scores = candidates_shown(session)
    index = nearest(coords, place, reach_of(session, key))
    if index is None:
        return "No candidate under the mouse pointer."
    session.annotations.accept(key, coords[index : index + 1], scores[index : index + 1])
    return f"Candidate accepted (score {scores[index]:.2f})."


def _reject(session: Session, key: str, place: Floats) -> str:
    reach = reach_of(session, key)
    marks = session.annotations.of(key)
    pick_layer = session.layers.get("picks")
    visible = pick_layer is not None and pick_layer.visible
    coords, _ = candidates_shown(session)
    pick = nearest(marks.picks.coords, place, reach) if visible else None
    candidate = nearest(coords, place, reach)
    if pick is None and candidate is None:
        return "No candidate or pick under the mouse pointer."
    if pick is not None and candidate is not None:
        to_pick = np.hypot(*(marks.picks.coords[pick] - place))
        if to_pick > np.hypot(*(coords[candidate] - place)):
            pick = None
    if pick is None:
        session.annotations.reject(key, coords[candidate : candidate + 1])  # type: ignore[operator]
        return "Candidate rejected. The next training uses it as a negative."
    gone = np.arange(len(marks.picks)) == pick
    kept = np.zeros(len(marks.negatives), dtype=bool)
    session.annotations.set(key, without(marks, gone, kept, marks.picks.coords[gone]))
    return "Pick marked as not a particle. The next training uses it as a negative."


def accept_shown(session: Session) -> str:
    """Make all candidates that are shown picks."""
    key = session.layers.shown_key
    coords, scores = candidates_shown(session)
    if not len(coords):
        return NONE_SHOWN
    session.annotations.accept(key, coords, scores)
    return f"{tell_count(len(coords), 'candidate')} accepted."


def reject_shown(session: Session) -> str:
    """Mark all candidates that are shown as not particles."""
    key = session.layers.shown_key
    coords, _ = candidates_shown(session)
    if not len(coords):
        return NONE_SHOWN
    session.annotations.reject(key, coords)
    rejected = tell_count(len(coords), "candidate")
    return f"{rejected} rejected. The next training uses them as negatives."
