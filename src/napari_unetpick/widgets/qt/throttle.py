"""Calls at most once in a while, the last value always: for sliders that are dragged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, QTimer

EVERY_MS = 30


def single_shot(parent: QObject | None, ms: int, call: Callable[[], object]) -> QTimer:
    """Return a timer that, `ms` after it was started last, calls once."""
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(ms)
    timer.timeout.connect(call)
    return timer


class Throttle(QObject):
    """Passes values on: the first at once, then the newest every `every_ms`."""

    def __init__(
        self, call: Callable[[Any], object], parent: QObject, every_ms: int = EVERY_MS
    ) -> None:
        super().__init__(parent)
        self._call = call
        self._waiting: list[Any] = []
        self._timer = single_shot(self, every_ms, self.flush)

    @property
    def waiting(self) -> bool:
        """Whether a value is still to be passed on."""
        return bool(self._waiting)

    def __call__(self, value: Any) -> None:
        """Pass a value on, now or soon."""
        self._waiting = [value]
        if not self._timer.isActive():
            self.flush()

    def forget(self) -> None:
        """Pass on nothing that waits; the next value goes at once."""
        self._waiting.clear()
        self._timer.stop()

    def flush(self) -> None:
        """Pass on what waits."""
        if self._waiting:
            value = self._waiting.pop()
            self._timer.start()
            self._call(value)
