"""What the mouse does on the picks layer besides napari's own modes: measure and erase.

A tool is a mouse callback on the session's picks layer, which is then in pan-zoom mode with panning
off. It ends with Escape, with another mode of that layer, or when another layer is selected. What
it draws (a line, a brush, a lasso) lies in a layer of its own that ends with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_unetpick.adapters.layer_data import OWN, own_metadata
from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.picks import tell_count
from napari_unetpick.widgets.layers.eraser import (
    circle,
    inside_lasso,
    nearest,
    segments,
    under_stroke,
    without,
)
from napari_unetpick.widgets.layers.pointer import (
    NOTHING_OPEN,
    accept_here,
    candidates_shown,
    place_of,
    reach_of,
    reject_here,
)
from napari_unetpick.widgets.layers.styles import hide_rings
from napari_unetpick.widgets.session.session import Session

DRAWN = "Drawn by the mouse"
DRAWN_COLOR = "#ffffff"
LINE = 0.08  # width of drawn lines, in diameters
TOOLS = {
    "measure": "Click one edge of a particle, then the opposite edge. Escape cancels.",
    "erase": "Click a pick to remove it.",
    "brush": "Drag over picks to remove them.",
    "lasso": "Draw a line around picks to remove them.",
}
"""The tools, with what a user does with each."""
FINENESS = 2.0  # points of a lasso in half a particle
TOO_SHORT = 2.0  # pixels: two clicks at one place are no diameter
UNFINISHED = "Finish the area first: double-click or press Enter."

Floats = NDArray[np.float64]


class Tools:
    """The mouse tools of a session; `get_tools` returns the one of each session.

    Attributes
    ----------
    active
        The tool in use, or "".
    brush
        Radius of the brush in diameters.
    reject_candidates
        Whether brush and lasso reject candidates too.
    queues
        Queues of candidates, the one started last at the end. Called with a key (E, N, K, undo)
        they act on it and return one line, or "" where it is not for them: then E is for what
        lies under the pointer, and undo for the micrograph that is shown.
    """

    changed = Signal()
    """Another tool, layer or mode, or none, is in use."""
    reported = Signal(str)
    """One line for the user: what a tool or a key did."""
    measured = Signal(float)
    """A distance between two clicks, in A."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.active = ""
        self.brush = 1.0
        self.reject_candidates = False
        self.queues: list[Callable[[str], str]] = []
        self._layer: Any = None
        self._drawn: Any = None
        self._first: Floats | None = None
        keys, report = session.layers.keys, self.reported.emit
        keys.bind("e", lambda: report(self.ask("e") or accept_here(session)), shapes=False)
        for key in ("n", "k"):
            keys.bind(key, lambda key=key: report(self.unless_drawing(partial(self.ask, key))))
        keys.bind("x", lambda: report(reject_here(session)), shapes=False)
        keys.bind("Escape", self._escape, shapes=False)
        keys.bind("Control-Z", lambda: report(self.unless_drawing(self.undo)))
        keys.bind("Control-Shift-Z", lambda: report(self.unless_drawing(self.redo)))
        session.browser.current_changed.connect(self._forget)
        self.reported.connect(self._in_status_bar)
        session.viewer.layers.selection.events.active.connect(self._other_layer)

    # -- keys ----------------------------------------------------------------------------------

    def ask(self, key: str) -> str:
        """Let a queue act on a key, the one started last first; "" where it is for none."""
        return next((line for queue in reversed(self.queues) if (line := queue(key))), "")

    def unless_drawing(self, call: Callable[[], str | None]) -> str:
        """Do what refills layers; not while an area is drawn, which would be lost."""
        return UNFINISHED if self.session.layers.drawing else call() or ""

    def undo(self) -> str:
        """Take back the last change; return a line, "" where the picture says it."""
        line = self.ask("Control-Z")  # leads to where the last decision was
        count = self.session.annotations.undo(self.session.browser.current)
        return line or (f"Undone in {count:,} micrographs." if count > 1 else "")

    def redo(self) -> str:
        """Bring back what was undone last; return a line, "" where the picture says it."""
        count = self.session.annotations.redo(self.session.browser.current)
        return f"Redone in {count:,} micrographs." if count > 1 else ""

    # -- begin and end -------------------------------------------------------------------------

    def start(self, tool: str) -> bool:
        """Take up a tool of TOOLS; False where no micrograph is shown."""
        self.stop()
        if not self.session.layers.shown_key:
            self.reported.emit(NOTHING_OPEN)
            return False
        self._draw(np.empty((0, 2, 2)))
        layer = self.session.layers.edit("picks", "pan_zoom")
        layer.events.mode.connect(self._other_mode)
        layer.selected_data = set()
        layer.mouse_pan = False  # a drag is the tool's, not the camera's
        layer.cursor = "cross"
        layer.mouse_drag_callbacks.append(self._drag)
        layer.mouse_move_callbacks.append(self._hover)
        self._layer, self.active = layer, tool
        self.changed.emit()
        return True

    def stop(self) -> None:
        """Put the tool down; without one nothing happens."""
        if not self.active:
            return
        layer, self._layer, self.active, self._first = self._layer, None, "", None
        for calls, call in (
            (layer.mouse_drag_callbacks, self._drag),
            (layer.mouse_move_callbacks, self._hover),
        ):
            if call in calls:
                calls.remove(call)
        if layer.mode == "pan_zoom":
            layer.mouse_pan = True
            layer.cursor = "standard"
        drawn, self._drawn = self._drawn, None
        if drawn is not None and drawn in self.session.viewer.layers:
            self.session.viewer.layers.remove(drawn)
        self.session.layers.refill("picks")  # a brush in mid-drag has hidden some
        self.changed.emit()

    def _in_status_bar(self, text: str) -> None:
        self.session.viewer.status = text  # in sight whichever docks are open

    def _escape(self) -> None:
        if self.active:
            self.stop()

    def _other_layer(self, _: object = None) -> None:
        # a layer that is added is selected for a moment: look when that is over
        QTimer.singleShot(0, self._look)

    def _look(self) -> None:
        """Another layer may have been selected, by whomever: follow its mode from now on."""
        active = self.session.viewer.layers.selection.active
        if active is not None and active in map(self.session.layers.get, ("picks", "negatives")):
            active.events.mode.connect(self._other_mode)  # a second time changes nothing
        if self.active and active is not self._layer:
            self.stop()
        else:
            self.changed.emit()

    def _other_mode(self, _: object = None) -> None:
        if self.active and self._layer.mode != "pan_zoom":
            self.stop()
        else:
            self.changed.emit()

    def _forget(self, _: str) -> None:
        """Another micrograph: a first click belonged to the one before."""
        self._first = None
        if self.active:
            self._draw(np.empty((0, 2, 2)))

    # -- what is drawn -------------------------------------------------------------------------

    def _draw(self, lines: NDArray[np.float64]) -> None:
        """Show (N, 2, 2) lines in pixels of the file."""
        from napari.layers import Vectors

        viewer, layers = self.session.viewer, self.session.layers
        if self._drawn is None or self._drawn not in viewer.layers:
            if not layers.shown_key:
                return
            active = viewer.layers.selection.active
            picks = layers.ensure("picks")
            self._drawn = Vectors(
                np.empty((0, 2, 2)),
                name=DRAWN,
                edge_color=DRAWN_COLOR,
                vector_style="line",
                scale=picks.scale,
                units=picks.units,
            )
            self._drawn.metadata[OWN] = own_metadata("drawn", "", None, session=True)
            viewer.add_layer(self._drawn)
            viewer.layers.selection.active = active
        picks = layers.ensure("picks")
        self._drawn.scale, self._drawn.units = picks.scale, picks.units
        self._drawn.edge_width = 2 * LINE * reach_of(self.session, layers.shown_key)
        self._drawn.data = lines

    # -- mouse ---------------------------------------------------------------------------------

    def _hover(self, layer: Any, event: Any) -> None:
        place = place_of(layer, event.position)
        if self.active == "brush":
            self._draw(segments(circle(place, self._brush_px()), closed=True))
        elif self.active == "measure" and self._first is not None:
            self._draw(segments(np.stack([self._first, place])))

    def _drag(self, layer: Any, event: Any) -> Iterator[None]:
        """Follow a press, the moves and the release; an edit is one undo step."""
        if getattr(event, "button", 1) != 1:
            return
        tool, key = self.active, self.session.layers.shown_key
        path = [place_of(layer, event.position)]
        self._follow(tool, layer, path)
        yield
        while event.type == "mouse_move":
            if tool != self.active or key != self.session.layers.shown_key:
                return  # put down, or another micrograph came, in mid-drag
            path.append(place_of(layer, event.position))
            self._follow(tool, layer, path)
            yield
        if tool != self.active or key != self.session.layers.shown_key:
            return
        try:
            self._finish(tool, key, np.array(path))
        except UnetPickError as error:
            self.reported.emit(error.in_viewer)

    def _follow(self, tool: str, layer: Any, path: list[Floats]) -> None:
        """Show what the drag has done so far."""
        if tool == "brush":
            radius = self._brush_px()
            self._draw(segments(circle(path[-1], radius), closed=True))
            hit = under_stroke(np.asarray(layer.data, float), np.array(path[-2:]), radius)
            if hit.any():  # gone from sight at once; from the marks at the end of the drag
                left = np.asarray(layer.shown, bool) & ~hit
                hide_rings(layer, left, 2 * reach_of(self.session, self.session.layers.shown_key))
        elif tool == "lasso":
            fine = reach_of(self.session, self.session.layers.shown_key) / FINENESS
            if len(path) > 2 and np.hypot(*(path[-1] - path[-2])) < fine:
                del path[-1]  # a slow hand's thousands of points change nothing and cost time
                return
            self._draw(segments(np.array(path), closed=True))

    def _finish(self, tool: str, key: str, path: Floats) -> None:
        if tool == "measure":
            self._measure(key, path)
        elif tool == "erase":
            self._erase_one(key, path[-1])
        elif tool == "brush":
            radius = self._brush_px()
            self._erase(key, lambda places: under_stroke(places, path, radius))
        elif tool == "lasso":
            self._draw(np.empty((0, 2, 2)))
            self._erase(key, lambda places: inside_lasso(places, path))

    def _measure(self, key: str, path: Floats) -> None:
        """Two clicks, or one drag from edge to edge."""
        start = path[0] if self._first is None else self._first
        length = float(np.hypot(*(path[-1] - start)))
        if self._first is None and length < TOO_SHORT:
            self._first = start
            self._draw(
                segments(circle(start, max(reach_of(self.session, key) / 10, 1)), closed=True)
            )
            return
        self._first = None
        if length < TOO_SHORT:
            self.reported.emit("Both clicks are at the same place. Click two opposite edges.")
            return
        self.stop()
        self.measured.emit(length * self.session.pixel_sizes.of(key))

    # -- erasing -------------------------------------------------------------------------------

    def _brush_px(self) -> float:
        return max(2 * self.brush * reach_of(self.session, self.session.layers.shown_key), 1.0)

    def _is_visible(self, kind: str) -> bool:
        layer = self.session.layers.get(kind)
        return layer is not None and bool(layer.visible)

    def _erase_one(self, key: str, place: Floats) -> None:
        marks = self.session.annotations.of(key)
        count = len(marks.picks)
        places = np.concatenate([marks.picks.coords, marks.negatives])
        shown = [self._is_visible("picks"), self._is_visible("negatives")]
        visible = np.repeat(shown, [count, len(places) - count])[:, None]
        index = nearest(np.where(visible, places, np.inf), place, reach_of(self.session, key))
        if index is None:
            self.reported.emit("No pick there.")
            return
        gone = np.arange(len(places)) == index
        self.session.annotations.set(key, without(marks, gone[:count], gone[count:]))
        self.reported.emit("Pick removed." if index < count else "“Not a particle” mark removed.")

    def _erase(self, key: str, inside: Callable[[Floats], NDArray[np.bool_]]) -> None:
        """Remove the marks that are seen and inside; reject candidates, if that is wanted."""
        marks = self.session.annotations.of(key)
        picks = inside(marks.picks.coords) & self._is_visible("picks")
        negatives = inside(marks.negatives) & self._is_visible("negatives")
        rejected = np.empty((0, 2))
        if self.reject_candidates:
            coords, _ = candidates_shown(self.session)
            rejected = coords[inside(coords)]
        if not (picks.any() or negatives.any() or len(rejected)):
            self.reported.emit("Nothing to remove there.")
            return
        self.session.annotations.set(key, without(marks, picks, negatives, rejected))
        parts = [tell_count(int(picks.sum()), "pick")]
        if negatives.any():
            parts.append(tell_count(int(negatives.sum()), "“not a particle” mark"))
        if len(rejected):
            parts.append(f"rejected {tell_count(len(rejected), 'candidate')}")
        self.reported.emit(f"Removed {', '.join(parts)}.")


def get_tools(session: Session) -> Tools:
    """Return the mouse tools of a session, made with it; they outlive every dock."""
    if "tools" not in session.extras:
        session.extras["tools"] = Tools(session)
    tools: Tools = session.extras["tools"]
    return tools
