"""The picking workspace: all docks as steps in one dock, the run panel, and what to do next."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import qdebounced, qthrottled

from napari_unetpick.widgets.layers.tools import get_tools
from napari_unetpick.widgets.next_step import advise, state_of
from napari_unetpick.widgets.qt.controls import hint, say
from napari_unetpick.widgets.qt.dock import WIDEST, Unfollow
from napari_unetpick.widgets.session.lifetime import close_with_window
from napari_unetpick.widgets.session.root import get_session

STEPS: dict[str, tuple[str, str, str]] = {
    "Micrographs": ("micrographs.dock", "MicrographsDock", "Open, sort and select micrographs."),
    "Pick": ("pick.dock", "PickDock", "Pick all micrographs automatically."),
    "Annotate": ("annotate.dock", "AnnotateDock", "Correct picks, or pick by hand."),
    "Train": ("train.dock", "TrainDock", "Train a model on your labels."),
    "Self-train": (
        "train.self_train_dock",
        "SelfTrainDock",
        "Train further on the model's confident picks.",
    ),
    "Evaluate": (
        "evaluate.dock",
        "EvaluateDock",
        "Evaluate the picks; compare models.",
    ),
    "Export": (
        "export.dock",
        "ExportDock",
        "Export the picks to RELION, cryoSPARC and other programs.",
    ),
}
"""Name of each step: module, class and tooltip, in the order of the work."""
A_ROW = 4  # buttons: all in one row would be cut off beside the canvas
REFRESH_MS = 150
RESIZED_MS = 100
MESSAGE_MS = 8000  # a message about a key press is of no use for longer


class Workspace(QWidget):
    """Steps on top, the chosen dock below, the run panel at the bottom."""

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = napari_viewer
        self.session = get_session(napari_viewer)
        close_with_window(self, self.session)
        self.pages: dict[str, QWidget] = {}
        self.buttons: dict[str, QPushButton] = {}
        self.stack = QStackedWidget()
        self.stack.setMinimumWidth(WIDEST)  # one width for all steps: the canvas keeps its place
        self._next = "Micrographs"
        self._soon = qthrottled(self.refresh, REFRESH_MS, leading=False, parent=self)
        self.message = hint()
        self._fit_soon = qdebounced(self._fit, RESIZED_MS, parent=self)
        self._clear_soon = qdebounced(lambda: say(self.message, ""), MESSAGE_MS, parent=self)
        self._build()
        self._follow()
        self.open("Micrographs")
        self.refresh()

    def open(self, step: str) -> QWidget:
        """Show a step; its dock is made when it is first wanted."""
        if step not in self.pages:
            module, name, _ = STEPS[step]
            made = getattr(import_module(f"napari_unetpick.widgets.{module}"), name)
            self.pages[step] = made(self.viewer)
            self.stack.addWidget(self.pages[step])
        self.stack.setCurrentWidget(self.pages[step])
        say(self.message, "")
        self.buttons[step].setChecked(True)
        return self.pages[step]

    def resizeEvent(self, event: QResizeEvent) -> None:  # Qt's name
        """Fit the micrograph to the canvas, which has another size now, too."""
        super().resizeEvent(event)
        self._fit_soon()

    def refresh(self) -> None:
        """Update the line about the next step."""
        self._next, line = advise(state_of(self.session))
        self.advice_line.setText(f"Next: {line}")
        self.advice_line.setToolTip(f"Click to go to step {self._next}.")

    def _build(self) -> None:
        from napari_unetpick.widgets.qt.run_panel import RunPanel

        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(4)
        self.advice_line = _Line(self._go_next)
        two_lines = 2 * self.advice_line.fontMetrics().lineSpacing()
        self.advice_line.setMinimumHeight(two_lines)  # so that the buttons stay in place
        layout.addWidget(self.advice_line)
        layout.addWidget(self.message)
        grid = QGridLayout()
        grid.setSpacing(2)
        group = QButtonGroup(self)
        for number, (step, (_, _, tip)) in enumerate(STEPS.items()):
            made = QPushButton(f"{number + 1} {step}")
            made.setCheckable(True)
            made.setToolTip(tip)
            made.clicked.connect(lambda *_, step=step: self.open(step))
            group.addButton(made)
            line, column = divmod(number, A_ROW)
            is_last = number == len(STEPS) - 1
            grid.addWidget(made, line, column, 1, A_ROW - column if is_last else 1)
            self.buttons[step] = made
        for column in range(A_ROW):
            grid.setColumnStretch(column, 1)
        layout.addLayout(grid)
        layout.addWidget(self.stack, 1)
        self.run_panel = RunPanel(self.session)
        layout.addWidget(self.run_panel)

    def _follow(self) -> None:
        session = self.session
        from_keys = get_tools(session).reported
        from_keys.connect(self._show_message)
        followed: list[tuple[Any, Any]] = [(from_keys, self._show_message)]
        for signal in (
            session.project.changed,
            session.project.entries_changed,
            session.candidates.changed,
            session.selection.changed,
            session.project.diameter_changed,
            session.jobs.changed,
        ):
            signal.connect(self._soon)
            followed.append((signal, self._soon))
        self.destroyed.connect(Unfollow(followed))

    def _show_message(self, text: str) -> None:
        """Show what a key did; Annotate has a line of its own for it."""
        own = self.stack.currentWidget() is self.pages.get("Annotate")
        say(self.message, "" if own else text)
        self._clear_soon()

    def _fit(self) -> None:
        layers = self.session.layers
        layers.fit.again(layers.get("micrograph"))

    def _go_next(self) -> None:
        self.open(self._next)


class _Line(QLabel):
    """A wrapped line of text that can be clicked."""

    def __init__(self, call: Any) -> None:
        super().__init__()
        self._call = call
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        font = self.font()
        font.setBold(True)
        self.setFont(font)

    def mousePressEvent(self, event: Any) -> None:  # Qt's name
        """Go where the next step is taken."""
        self._call()
