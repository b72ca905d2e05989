"""What every dock is: a scrolled column that follows its viewer's session while it lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from napari_unetpick.widgets.qt.wheel import WheelGuard
from napari_unetpick.widgets.session.lifetime import close_with_window
from napari_unetpick.widgets.session.root import get_session

NARROWEST = 300  # px: what fits beside the canvas at 1280 x 800
WIDEST = 380  # px that a dock may ask for there


class Dock(QScrollArea):
    """A dock over the session of `napari_viewer`; subclasses fill `self.body`.

    Closing a dock ends its connections and leaves session, layers and other docks alone.
    """

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = get_session(napari_viewer)
        close_with_window(self, self.session)
        self._followed: list[tuple[Any, Callable[..., object]]] = []
        inner = QWidget()
        WheelGuard(inner)
        self.body = QVBoxLayout(inner)
        self.body.setContentsMargins(6, 6, 6, 6)
        self.body.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.setWidget(inner)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.destroyed.connect(Unfollow(self._followed))

    def minimumSizeHint(self) -> QSize:  # Qt's name
        """As wide as its content needs, so that nothing is cut off at the right."""
        needed = (
            self.widget().minimumSizeHint().width() + self.verticalScrollBar().sizeHint().width()
        )
        return QSize(max(NARROWEST, min(needed, WIDEST)), 100)

    def sizeHint(self) -> QSize:  # Qt's name
        """As narrow as it may be: a long name must not take the canvas's place."""
        return QSize(self.minimumSizeHint().width(), super().sizeHint().height())

    def follow(self, signal: Any, call: Callable[..., object]) -> None:
        """Connect a session's psygnal signal until this dock is closed."""
        signal.connect(call)
        self._followed.append((signal, call))


class Unfollow:
    """Ends connections when Qt has deleted a dock; it must not hold the dock itself."""

    def __init__(self, followed: list[tuple[Any, Callable[..., object]]]) -> None:
        self.followed = followed

    def __call__(self, *_: object) -> None:
        """End them all, unless the collector was here first, as in PyQt6 with a lone dock."""
        followed = vars(self).pop("followed", ())
        for signal, call in followed:
            signal.disconnect(call, missing_ok=True)
