"""Small building blocks that make the docks look alike: headings, hints, buttons, rows."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget
from superqt import QCollapsible

HIGHEST = 16_777_215  # px: Qt's own limit, which is none


def heading(text: str) -> QLabel:
    """Return a bold line."""
    label = QLabel(text)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    return label


def hint(text: str = "") -> QLabel:
    """Return a wrapped line of plain text; it takes no space while it is empty."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    if not text:  # showing it now would open a window: it lies in no layout yet
        label.hide()
    return label


def say(label: QLabel, text: str) -> None:
    """Change a hint's text; an empty one is hidden."""
    label.setText(text)
    label.setVisible(bool(text))


def button(
    text: str, tooltip: str, call: Callable[[], object], *, checkable: bool = False
) -> QPushButton:
    """Return a button that calls `call` when it is clicked."""
    made = QPushButton(text)
    made.setToolTip(tooltip)
    made.setCheckable(checkable)
    made.clicked.connect(lambda *_: call())
    return made


def row(*widgets: QWidget, stretch: bool = False) -> QWidget:
    """Return widgets side by side; with `stretch` they keep to the left."""
    holder = QWidget()
    layout = QHBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    if stretch:
        layout.addStretch(1)
    return holder


class Fold(QCollapsible):
    """A section with a triangle in the colour of the theme; open ones look like headings."""

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self.toggleButton().setStyleSheet(
            "text-align: left; border: none; outline: none; background: transparent; "
            "padding-left: 0px; font-weight: bold;"
        )
        self.layout().setContentsMargins(0, 2, 0, 2)
        self._draw_triangles()

    def changeEvent(self, event: QEvent) -> None:  # Qt's name
        """Follow the theme: Qt draws icons in the colours there are at that time."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._draw_triangles()

    def showEvent(self, event: QShowEvent) -> None:  # Qt's name
        """Follow a theme that was chosen while this was hidden."""
        super().showEvent(event)
        self._draw_triangles()

    def _draw_triangles(self) -> None:
        self.setExpandedIcon("▼")
        self.setCollapsedIcon("▶")


def section(
    title: str, content: QWidget, *, is_open: bool = False, grows: bool = False
) -> QCollapsible:
    """Return a section that is folded away until it is opened.

    `grows` is for content that gets longer while it is open: else it is cut at the height that
    it would have without wrapped lines.
    """
    fold = Fold(title)
    fold.setDuration(0)
    fold.addWidget(content)
    if grows:
        content.removeEventFilter(fold)  # which would set that height at every resizing
        inner = fold.content()
        fold.toggled.connect(lambda on: inner.setMaximumHeight(HIGHEST if on else 0))
    if is_open:
        fold.expand(animate=False)
    return fold
