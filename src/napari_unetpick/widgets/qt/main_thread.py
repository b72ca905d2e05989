"""The way from a background thread to the main one.

Superqt's `ensure_main_thread` makes and moves a Qt object for each call; where a thread calls often
(thumbnails of thousands of micrographs), that ended the process (superqt 0.9, PySide6 6.11).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from qtpy.QtCore import QObject, Signal


class MainThread(QObject):
    """Made in the main thread; calls there what other threads give it, in their order."""

    _given = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._given.connect(self._call)  # to a method: Qt then knows which thread it is of

    def call(self, what: Callable[[], object]) -> None:
        """Call without arguments, as soon as the event loop has a turn."""
        with suppress(RuntimeError):  # the window closed meanwhile, and Qt has deleted this
            self._given.emit(what)

    def _call(self, what: Callable[[], object]) -> None:
        what()
