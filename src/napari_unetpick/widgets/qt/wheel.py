"""Keeps the mouse wheel from changing a field that is only scrolled past."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractSlider, QAbstractSpinBox, QComboBox, QScrollBar, QWidget

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = (QAbstractSpinBox, QComboBox, QAbstractSlider)


def fields_of(content: QWidget) -> Iterator[QWidget]:
    """Find what the wheel would change in a widget; scroll bars are there to be turned by it."""
    for kind in KINDS:
        for each in content.findChildren(kind):
            if not isinstance(each, QScrollBar):
                yield each


class WheelGuard(QObject):
    """Passes the wheel on to what scrolls, unless the field has been clicked into.

    It looks for fields when its content is shown and whenever something has been laid out in it,
    so that those made later are guarded too.
    """

    def __init__(self, content: QWidget) -> None:
        super().__init__(content)
        self._content = content
        content.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # Qt's name
        """Guard new fields of the content; keep the wheel from the fields."""
        kind = event.type()
        if watched is self._content:
            if kind in (QEvent.Type.Show, QEvent.Type.LayoutRequest):
                self._guard()
            return False
        if kind == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False

    def _guard(self) -> None:
        for each in fields_of(self._content):
            # Qt would give it the focus before the wheel came
            if each.focusPolicy() == Qt.FocusPolicy.WheelFocus:
                each.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            each.installEventFilter(self)  # a second time changes nothing
