"""The Annotate dock: pick particles by hand (as in RELION's ManualPick)."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QLabel, QPushButton, QSlider, QWidget
from superqt.utils import qthrottled

from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.picks import tell_count
from napari_unetpick.widgets.annotate.completeness_panel import LabelPanel
from napari_unetpick.widgets.annotate.diameter_panel import DiameterPanel
from napari_unetpick.widgets.annotate.suggestions_panel import SuggestPanel
from napari_unetpick.widgets.classes.window import show_classes
from napari_unetpick.widgets.layers.pointer import (
    NOTHING_OPEN,
    accept_shown,
    candidates_shown,
    reject_shown,
)
from napari_unetpick.widgets.layers.tools import get_tools
from napari_unetpick.widgets.next_step import ENOUGH_MICROGRAPHS, ENOUGH_PICKS
from napari_unetpick.widgets.qt.controls import button, heading, hint, row, say
from napari_unetpick.widgets.qt.dock import Dock

REFRESH_MS = 60
BRUSH_STEPS = 4  # slider steps in a diameter
MODES: dict[str, tuple[str, str, str, str, str]] = {
    "add": (
        "Add",
        "Click the centre of each particle to pick it. The mouse wheel zooms; hold Space and drag "
        "to move the view.",
        "picks",
        "add",
        "Click the centre of a particle. Hold Space and drag to move the view.",
    ),
    "move": (
        "Move",
        "Drag a pick to move it. Drag a box around picks to select them; Delete removes them.",
        "picks",
        "select",
        "Drag a pick to move it; Delete removes the selected ones.",
    ),
    "negative": (
        "Not a particle",
        "Click what looks like a particle but is none (ice, dirt, carbon). The next training uses "
        "it as background.",
        "negatives",
        "add",
        "Click what is not a particle.",
    ),
}
"""Name, tooltip, layer, napari's mode, and what the user does then."""
ERASERS = {
    "erase": ("Erase one", "Click a pick to remove it."),
    "brush": ("Brush", "Drag over picks to remove them. One drag is one undo step."),
    "lasso": ("Lasso", "Drag a line around picks to remove all picks inside."),
}


class AnnotateDock(Dock):
    """Diameter, picking, erasing, candidates, completeness of the labels, what to label next."""

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, parent)
        self.tools = get_tools(self.session)
        self.modes: dict[str, QPushButton] = {}
        self.trouble = hint()
        self.now = hint()
        self.diameter = DiameterPanel(self.tools)
        self.labels = LabelPanel(self.session)
        self.suggestions = SuggestPanel(self.session)
        self._build()
        # many changes in a row (a slider, a job) are drawn once
        self._later = qthrottled(self.refresh, REFRESH_MS, leading=False, parent=self)
        self._follow()
        self.refresh()

    # -- building ------------------------------------------------------------------------------

    def _build(self) -> None:
        self.body.addWidget(self.diameter)
        self.body.addWidget(heading("Pick particles"))
        self.body.addWidget(self._mode_row(MODES))
        self.body.addWidget(heading("Erase"))
        self.body.addWidget(self._mode_row(ERASERS))
        self.brush_row = self._brush_row()
        self.body.addWidget(self.brush_row)
        self.reject_too = QCheckBox("Also reject candidates")
        self.reject_too.setToolTip(
            "Brush and lasso also reject the model's candidates. Rejected candidates are hidden "
            "and count as background in the next training."
        )
        self.reject_too.setChecked(self.tools.reject_candidates)
        self.reject_too.toggled.connect(self._reject_too)
        self.body.addWidget(self.reject_too)
        self.body.addWidget(self.now)
        self.body.addWidget(self.trouble)
        self.undo = button("Undo", "Undo the last change on this micrograph (Ctrl-Z).", self._undo)
        self.redo = button("Redo", "Redo what was undone last (Ctrl-Shift-Z).", self._redo)
        self.body.addWidget(row(self.undo, self.redo))
        self.counts = hint()
        self.body.addWidget(self.counts)
        self.body.addWidget(heading("Model's candidates"))
        self._build_candidates()
        self.body.addWidget(heading("Labels of this micrograph"))
        self.body.addWidget(self.labels)
        self.body.addWidget(heading("Label next"))
        self.body.addWidget(self.suggestions)

    def _mode_row(self, modes: dict[str, Any]) -> QWidget:
        made = []
        for name, (text, tooltip, *_) in modes.items():
            each = button(text, tooltip, lambda name=name: self.use(name), checkable=True)
            self.modes[name] = each
            made.append(each)
        return row(*made)

    def _brush_row(self) -> QWidget:
        self.brush = QSlider(Qt.Orientation.Horizontal)
        self.brush.setRange(1, 6 * BRUSH_STEPS)
        self.brush.setValue(round(self.tools.brush * BRUSH_STEPS))
        self.brush.setToolTip("Radius of the brush, in Å and in particle diameters (d).")
        self.brush.valueChanged.connect(self._brush_changed)
        self.brush_radius = QLabel()
        self._brush_changed(self.brush.value())
        return row(QLabel("Radius"), self.brush, self.brush_radius)

    def _build_candidates(self) -> None:
        self.candidate_words = hint()
        self.accept = button(
            "Accept all shown",
            "Turn all candidates above the threshold on this micrograph into picks. Key E accepts "
            "the one under the mouse pointer.",
            lambda: self._do(accept_shown),
        )
        self.reject = button(
            "Reject all shown",
            "Reject all candidates shown on this micrograph: they count as background in the next "
            "training. Key X rejects the one under the mouse pointer.",
            lambda: self._do(reject_shown),
        )
        self.body.addWidget(self.candidate_words)
        self.body.addWidget(row(self.accept, self.reject))
        self.classes = button(
            "2D classes…",
            "Sort picks or candidates by quick 2D classes, or import those of RELION or cryoSPARC: "
            "rejected classes become negatives for the next training.",
            lambda: show_classes(self.session, self),
        )
        self.body.addWidget(self.classes)

    def _follow(self) -> None:
        session = self.session
        for signal in (
            session.project.entries_changed,
            session.browser.current_changed,
            session.annotations.changed,
            session.candidates.changed,
            session.selection.changed,
        ):
            self.follow(signal, self._later)
        for signal in (
            session.project.entries_changed,
            session.candidates.changed,
            session.selection.changed,
        ):
            self.follow(signal, self.suggestions.later)
        self.follow(session.project.changed, self._project_changed)
        self.follow(session.project.diameter_changed, self._diameter_changed)
        self.follow(session.browser.current_changed, self._moved)
        self.follow(self.tools.changed, self._tool_changed)
        self.follow(self.tools.reported, self._report)
        self.follow(self.tools.measured, self.diameter.measured)

    # -- doing ---------------------------------------------------------------------------------

    def use(self, name: str) -> None:
        """Switch to a mode of MODES or a tool of ERASERS; the one in use is switched off."""
        say(self.trouble, "")
        if name in ERASERS:
            if self.tools.active == name:
                self.tools.stop()
            else:
                self.tools.start(name)
            self._tool_changed()
            return
        self.tools.stop()
        if not self.session.layers.shown_key:
            self._report(NOTHING_OPEN)
        elif self.mode_in_use() == name:
            self.session.layers.edit(MODES[name][2], "pan_zoom")
        else:
            self.session.layers.edit(MODES[name][2], MODES[name][3])
        self._tool_changed()

    def mode_in_use(self) -> str:
        """Return the mode or tool in use, or "" where the mouse moves the view."""
        if self.tools.active:
            return self.tools.active
        active = self.session.viewer.layers.selection.active
        for name, (_, _, kind, mode, _) in MODES.items():
            layer = self.session.layers.get(kind)
            if layer is not None and layer is active and str(layer.mode) == mode:
                return name
        return ""

    def _do(self, call: Any) -> None:
        try:
            self._report(call(self.session))
        except UnetPickError as error:
            self._report(error.in_viewer)

    def _undo(self) -> None:
        self._do(lambda _: self.tools.unless_drawing(self.tools.undo))

    def _redo(self) -> None:
        self._do(lambda _: self.tools.unless_drawing(self.tools.redo))

    def _reject_too(self, on: bool) -> None:
        self.tools.reject_candidates = on

    def _brush_changed(self, value: int) -> None:
        self.tools.brush = value / BRUSH_STEPS
        self._show_brush()

    # -- showing -------------------------------------------------------------------------------

    def _report(self, text: str) -> None:
        say(self.trouble, text)

    def _moved(self, _: str) -> None:
        say(self.trouble, "")

    def _project_changed(self) -> None:
        self.suggestions.forget()
        self._later()

    def _diameter_changed(self, _: object) -> None:
        self.diameter.refresh()
        self._show_brush()

    def _show_brush(self) -> None:
        """Show the brush's radius, in Angstrom first."""
        radius, diameter = self.tools.brush, self.session.project.diameter
        in_angstrom = f"{radius * diameter:,.0f} Å " if diameter else ""
        self.brush_radius.setText(f"{in_angstrom}({radius:g} d)")

    def _tool_changed(self) -> None:
        """Show which mode or tool is in use."""
        used = self.mode_in_use()
        for name, each in self.modes.items():
            each.setChecked(name == used)
        self.brush_row.setVisible(used == "brush")
        self.reject_too.setVisible(used in ("brush", "lasso"))
        say(self.now, MODES[used][4] if used in MODES else ERASERS.get(used, ("", ""))[1])
        self.diameter.show_tool()

    def refresh(self) -> None:
        """Show counts, undo steps, candidates and label state as they are now."""
        session, key = self.session, self.session.browser.current
        self.diameter.refresh()
        self.labels.refresh()
        self._tool_changed()
        back, forward = session.annotations.undo_depth(key)
        for each, text, steps in ((self.undo, "Undo", back), (self.redo, "Redo", forward)):
            each.setText(f"{text} ({steps})" if steps else text)
            each.setEnabled(steps > 0)
        for each in self.modes.values():
            each.setEnabled(bool(key))
        try:
            self._count(key)
            self._count_candidates(key)
        except UnetPickError as error:  # nothing is shown of it, and nothing can be changed
            say(self.trouble, error.in_viewer)
            say(self.counts, "")
            say(self.candidate_words, "")
            for each in (*self.modes.values(), self.accept, self.reject):
                each.setEnabled(False)

    def _count(self, key: str) -> None:
        if not key:
            say(self.counts, NOTHING_OPEN)
            return
        session = self.session
        entries = session.project.entries.values()
        picks = sum(entry.picks for entry in entries)
        places = sum(entry.picks > 0 for entry in entries)
        marks = session.annotations.of(key)
        lines = [tell_count(len(marks.picks), "pick") + " on this micrograph"]
        if len(marks.negatives):
            lines[0] += f", {len(marks.negatives):,} marked as not a particle"
        lines.append(f"Total: {tell_count(picks, 'pick')} on {tell_count(places, 'micrograph')}")
        if picks < ENOUGH_PICKS or places < min(ENOUGH_MICROGRAPHS, len(session.project.entries)):
            lines[1] += "; about 30 on 3 are enough to start"
        if session.project.read_only:
            lines.append("The project is read-only: changes are not saved")
        say(self.counts, ". ".join(lines) + ".")

    def _count_candidates(self, key: str) -> None:
        found = self.session.candidates.of(key) if key else None
        shown = len(candidates_shown(self.session)[0]) if found is not None else 0
        self.accept.setEnabled(shown > 0)
        self.reject.setEnabled(shown > 0)
        if found is None:
            say(self.candidate_words, "None yet. Train a model, or pick with one (step Pick).")
            return
        words = "point at one and press E to accept it or X to reject it"
        say(self.candidate_words, f"{tell_count(shown, 'candidate')} shown; {words}.")
