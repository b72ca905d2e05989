"""The session's layers in napari: micrograph, junk, picks, candidates, rejected places, areas.

One layer of each kind, whose content changes with the current micrograph. Each layer knows by its
metadata whose marks it shows: an edit goes to that micrograph, whatever has become current
meanwhile. The user's own layers are left alone; a deleted one comes back with what it is to show.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_unetpick.adapters.layer_data import OWN, own_metadata
from napari_unetpick.adapters.notify import tell
from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.project.project import Annotations
from napari_unetpick.widgets.layers import kinds
from napari_unetpick.widgets.layers import styles as layer_styles
from napari_unetpick.widgets.layers.camera import Fit, LookAt
from napari_unetpick.widgets.layers.image_store import ImageStore, why_not
from napari_unetpick.widgets.layers.images import DisplaySettings, Shown
from napari_unetpick.widgets.layers.junk import follow_strokes, show_junk
from napari_unetpick.widgets.layers.own_layers import OwnLayers
from napari_unetpick.widgets.layers.shown_parts import ShownParts
from napari_unetpick.widgets.layers.view_from import ViewFrom
from napari_unetpick.widgets.qt.preferences import read_preferences

EDITED = ("added", "removed", "changed")  # napari's data event also fires before the change
AHEAD = 2  # neighbours made ready on either side


class Layers:
    """Shows what the session says, and tells the session what the user edits.

    Signals (psygnal)
    -----------------
    shown_changed()
        Another micrograph or image is shown.
    """

    shown_changed = Signal()

    def __init__(self, session: ShownParts) -> None:
        self.session = session
        self.view_from = ViewFrom(session.project)
        self.images = ImageStore(read_preferences().display, self.view_from.of)
        self.view_from.changed.connect(self.reload)
        self.fit = Fit(session.viewer)
        self.shown_key = ""
        self.shown: Shown | None = None  # the image of `shown_key`, also while it is made again
        self._shown_from: Micrograph | None = None
        self._place = LookAt(session.viewer, session.pixel_sizes.of)
        self._drawn_in: Any = None  # the layer in which a shape is unfinished
        self._own = OwnLayers(session, self._follow)
        self._made, self.keys, self._quietly = self._own.made, self._own.keys, self._own.quietly
        session.browser.current_changed.connect(self._go)
        session.annotations.changed.connect(self._marks_changed)
        session.candidates.changed.connect(self._candidates_changed)
        session.selection.changed.connect(self._selection_changed)
        sized = "picks", "candidates", "negatives"  # an area that is being drawn stays as it is
        session.project.diameter_changed.connect(lambda _: self.refill(*sized))
        session.project.closing.connect(self.clear)
        session.project.added.connect(lambda _: self.show_again(deleted=False))
        session.project.images_changed.connect(lambda: self.show_again(deleted=False))

    # -- what docks use ------------------------------------------------------------------------

    @property
    def drawing(self) -> bool:
        """Whether a shape is unfinished: it would be lost if its layer were filled."""
        return any(layer is self._drawn_in for layer in self._made.values())

    def get(self, kind: str) -> Any | None:
        """Return the layer of a kind if it is there.

        Kinds are micrograph, junk, picks, candidates, negatives, exclusions and complete.
        """
        return self._made.get(kind)

    def ensure(self, kind: str) -> Any:
        """Return the layer of a kind, made where it is not there yet."""
        if kind not in self._made:
            with self._quietly():
                self._make_missing(kind)
                self._fill(kind)
        return self._made[kind]

    def refill(self, *kinds: str) -> None:
        """Show again what is marked, in layers of some kinds or in all."""
        if self.shown_key:
            with self._quietly():
                for kind in self._made:
                    if not kinds or kind in kinds:
                        self._fill(kind)

    def edit(self, kind: str, mode: str) -> Any:
        """Select a layer and put it into a mode (`add`, `select`, `add_polygon`, ...)."""
        layer = self.ensure(kind)
        self.session.viewer.layers.selection.active = layer
        layer.visible = True
        layer.mode = mode
        return layer

    def image_of(self, key: str) -> Shown | None:
        """Return a micrograph that has been read, or None; the one in view as it is in view."""
        if key == self.shown_key and self.shown is not None:
            return self.shown
        entry = self.session.project.entries.get(key)
        return None if entry is None else self.images.ready(entry.micrograph)

    def look_at(self, key: str, row: float, col: float) -> None:
        """Centre the view on a place, now or when its micrograph is shown."""
        self._place.want(key, row, col)
        self._place.look(self.shown_key)

    def change_display(self, settings: DisplaySettings) -> None:
        """Show micrographs filtered and scaled otherwise."""
        self.images.change(settings)
        if (layer := self._made.get("micrograph")) is not None:
            layer_styles.put_grey_scale(layer, settings.spread)
        self.reload()

    def reload(self) -> None:
        """Read and show the current micrograph again."""
        self.images.clear()
        if self.session.browser.current:
            self._go(self.session.browser.current)

    def show_again(self, *, deleted: bool = True) -> None:
        """Show what is missed of the current micrograph.

        Its file could not be read, is another one by now, or (`deleted`) the user deleted a layer.
        """
        key = self.shown_key
        if not key or key != self.session.browser.current:
            return
        gone = deleted and {"micrograph", "candidates", "picks"} - set(self._made)
        changed = self._shown_from != self.session.project.entry(key).micrograph
        if gone or changed or self.shown is None:
            self._go(key)

    def clear(self) -> None:
        """Remove the own layers (another project is opened)."""
        self.images.clear()
        self.shown_key, self.shown = "", None
        self._own.clear()

    def close(self) -> None:
        """End the image thread."""
        self.images.close()

    # -- showing -------------------------------------------------------------------------------

    def _go(self, key: str) -> None:
        if not key:
            return
        micrograph = self.session.project.entry(key).micrograph
        shown = self.images.ready(micrograph)
        if shown is not None:
            self._show(key, shown)
        else:
            self.images.when_ready(micrograph, self._image_ready)

    def _image_ready(self, micrograph: Micrograph, future: Future[Shown]) -> None:
        key = micrograph.key
        if self.session.closed or future.cancelled() or key != self.session.browser.current:
            return
        if micrograph != self.session.project.entry(key).micrograph:  # it was added again since
            self._go(key)
        elif (error := future.exception()) is None:
            self._show(key, future.result())
        else:
            tell(f"{key} cannot be shown: {why_not(error)}", "error")
            self._show(key, None)

    def _show(self, key: str, shown: Shown | None) -> None:
        """Put a micrograph and all that belongs to it into the layers, in one step."""
        marks, damage = self._read(key)
        if damage and key != self.shown_key:
            tell(f"{key} cannot be labelled until its file is repaired: {damage}", "error")
        with self._quietly():
            self.shown_key, self.shown = key, shown
            self._shown_from = self.session.project.entry(key).micrograph
            if shown is None:
                if "micrograph" in self._made:
                    self._made["micrograph"].visible = False
            else:
                self._show_image(key, shown)
            needed = kinds.needed_by(marks, self.session.candidates.of(key))
            self._make_missing("candidates", "picks", *needed)
            self.refill()
            self._own.put_in_order()
        self._place.look(key)
        self.shown_changed.emit()
        near = self.session.browser.neighbours(key, AHEAD)
        self.images.prefetch([self.session.project.entry(k).micrograph for k in near])

    def _read(self, key: str) -> tuple[Annotations, str]:
        """Return what is marked, and "" or why its file cannot be read: its layers are locked."""
        try:
            return self.session.annotations.of(key), ""
        except UnetPickError as error:
            return Annotations(), error.in_viewer

    def _show_image(self, key: str, shown: Shown) -> None:
        place = layer_styles.placement(shown.pixel_size, shown.ratio)
        if "micrograph" not in self._made:
            self._own.add("micrograph", layer_styles.image(shown, place))
            layer = self._made["micrograph"]
            layer_styles.put_grey_scale(layer, self.images.settings.spread)
        else:
            layer = self._made["micrograph"]
            layer_styles.show_image(layer, shown.image, lambda: self.session.closed)
            layer_styles.put(layer, place)
            if not layer.visible:
                layer.visible = True
        layer.name = f"{key} ({shown.view})" if shown.view else key
        layer.metadata[OWN] = own_metadata("micrograph", key, shown.pixel_size, session=True)
        self.fit.fit_once(layer, shown.file_shape, shown.pixel_size or 1.0)

    def _make_missing(self, *kinds: str) -> None:
        self._own.make_missing(kinds, self._pixel_size)

    def _follow(self, kind: str, layer: Any) -> None:
        if kind == "junk":
            follow_strokes(layer, self._painted)
        elif kind not in ("micrograph", "candidates"):
            layer.events.data.connect(lambda event: self._edited(kind, layer, event))

    @property
    def _pixel_size(self) -> float | None:
        """A/px of the layers: that of the image in view, else marks would lie beside it."""
        if self.shown is not None:
            return self.shown.pixel_size
        return self.session.pixel_sizes.known(self.shown_key) if self.shown_key else None

    def _fill(self, kind: str) -> None:
        """Bring one layer up to date with the session."""
        key = self.shown_key
        layer = self._made[kind]
        if kind == "micrograph" or not key:
            return
        session, (marks, damage) = self.session, self._read(key)
        pixel_size = self._pixel_size
        own = own_metadata(kind, key, pixel_size, micrograph=key, session=True)
        if kind == "junk":
            found = session.candidates.of(key)
            show_junk(layer, found, own, locked=key in session.candidates.previews)
            return
        layer.metadata[OWN] = own
        layer_styles.put(layer, layer_styles.placement(pixel_size, (1.0, 1.0)))
        diameter = session.pixel_sizes.diameter_px(key) or layer_styles.default_diameter(
            self.image_of(key)
        )
        if kind != "candidates":  # before it is filled: what is set in a blocked step is not told
            layer.editable = not damage and session.viewer.dims.ndisplay == 2
        chosen = session.selection.of(key) if kind == "candidates" and not damage else None
        kinds.fill(kind, layer, marks, chosen, diameter)
        if damage:
            layer.editable = False  # new data has unlocked it

    # -- answering to the session --------------------------------------------------------------

    def _marks_changed(self, key: str, origin: str) -> None:
        if key != self.shown_key:
            return
        with self._quietly():
            marks, found = self.session.annotations.of(key), self.session.candidates.of(key)
            self._make_missing(*kinds.needed_by(marks, found))
            self.refill("candidates", *kinds.MARKED * (origin != "layer"))

    def _candidates_changed(self, key: str) -> None:
        if key == self.shown_key:
            self._selection_changed()

    def _selection_changed(self) -> None:
        if not self.shown_key:
            return
        with self._quietly():
            found = self.session.candidates.of(self.shown_key)
            if found is not None:
                self._make_missing("candidates", *["junk"] * (found.junk is not None))
            self.refill("candidates", "junk")

    # -- answering to the user -----------------------------------------------------------------

    def _edited(self, kind: str, layer: Any, event: Any) -> None:
        action = str(getattr(event.action, "value", event.action)).lower()
        key = self.shown_key
        self._drawn_in = layer if action == "adding" else None  # "added": a shape is finished
        if self._own.changing or not key or action not in EDITED:
            return
        marks, damage = self._read(key)
        if damage:  # it came past the lock, and cannot be kept; napari is not done with it yet
            QTimer.singleShot(0, lambda: self.refill(kind))
            return
        with self._quietly():  # a new pick is given its id in the layer
            marks = kinds.marks_in_layer(kind, layer, marks)
        self.session.annotations.set(key, marks, origin="layer")

    def _painted(self, key: str, cells: NDArray[np.bool_]) -> None:
        if not self.session.closed:
            self.session.candidates.set_junk(key, cells)
