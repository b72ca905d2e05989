"""How complete the labels of a micrograph are, and areas that are complete or excluded."""

from __future__ import annotations

from qtpy.QtWidgets import QButtonGroup, QPushButton, QVBoxLayout, QWidget

from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.labels import State
from napari_unetpick.io.picks import tell_count
from napari_unetpick.widgets.layers.pointer import NOTHING_OPEN
from napari_unetpick.widgets.qt.controls import button, hint, row, say
from napari_unetpick.widgets.session.session import Session

STATES: dict[State, tuple[str, str]] = {
    "none": ("Unlabelled", "Not used for training."),
    "partial": ("Partly", "Some particles are picked. Unpicked areas are unknown."),
    "full": ("Fully", "All particles are picked. Unpicked areas count as background."),
}
EMPTY_FULL = " There are no picks here, so the whole micrograph is background."
COMPLETE_TIP = (
    "Drag a rectangle and pick every particle in it. Unpicked areas inside it then count as "
    "background, and precision can be estimated."
)
EXCLUDE_TIP = (
    "Click the corners around ice, carbon or aggregates; double-click to finish. The area is "
    "excluded from training and picking."
)


class LabelPanel(QWidget):
    """Label state of the current micrograph, and the areas drawn on it."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.states: dict[State, QPushButton] = {}
        group = QButtonGroup(self)
        for state, (name, meaning) in STATES.items():
            made = button(name, meaning, lambda state=state: self._set(state), checkable=True)
            group.addButton(made)
            self.states[state] = made
        self.meaning = hint()
        self.complete = button("Label a rectangle", COMPLETE_TIP, self._complete)
        self.exclude = button("Exclude an area", EXCLUDE_TIP, self._exclude)
        self.areas = hint()
        layout.addWidget(row(*self.states.values()))
        layout.addWidget(self.meaning)
        layout.addWidget(row(self.complete, self.exclude))
        layout.addWidget(self.areas)
        self.refresh()

    def refresh(self) -> None:
        """Show the state and the areas of the current micrograph."""
        session, key = self.session, self.session.browser.current
        for each in (*self.states.values(), self.complete, self.exclude):
            each.setEnabled(bool(key))
        if not key:
            say(self.meaning, "")
            say(self.areas, "")
            return
        try:
            marks = session.annotations.of(key)
        except UnetPickError as error:
            say(self.areas, error.in_viewer)
            self.complete.setEnabled(False)
            self.exclude.setEnabled(False)
            return
        state = session.project.entry(key).state
        self.states[state].setChecked(True)
        empty = state == "full" and not len(marks.picks)
        say(self.meaning, STATES[state][1] + (EMPTY_FULL if empty else ""))
        counts = {
            "fully labelled rectangle": len(marks.complete),
            "excluded area": len(marks.exclusions),
        }
        areas = ", ".join(tell_count(n, name) for name, n in counts.items() if n)
        how = "To remove one, select it in its layer and press Delete."
        say(self.areas, f"On this micrograph: {areas}. {how}" if areas else "")

    def _set(self, state: State) -> None:
        if self.session.browser.current:
            self.session.project.change(self.session.browser.current, state=state)
        self.refresh()

    def _complete(self) -> None:
        self._draw("complete", "add_rectangle", "Drag a rectangle over the micrograph.")

    def _exclude(self) -> None:
        words = "Click the corners of the area; double-click or press Enter to finish."
        self._draw("exclusions", "add_polygon", words)

    def _draw(self, kind: str, mode: str, words: str) -> None:
        if not self.session.layers.shown_key:
            say(self.areas, NOTHING_OPEN)
            return
        self.session.layers.edit(kind, mode)
        say(self.areas, words)
