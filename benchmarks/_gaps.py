"""Gaps between turns of Qt's event loop, and the collections of garbage that lie in them."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEventLoop, Qt, QTimer
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QApplication, QMainWindow

INTERVAL_MS = 5
STEP_MS = 150  # between two micrographs
FULL = 2  # Python's oldest generation: its collection goes through all objects
PLACES_A_SIDE = 13


@dataclass
class Stutter:
    """Gaps in ms while something went on, and the longest full collection of garbage among them."""

    gaps: list[float] = field(default_factory=list)
    collection: float = 0.0  # ms; 0 for none

    @property
    def p99(self) -> float:
        """The gap that one in a hundred exceeds, in ms."""
        return float(np.percentile(self.gaps, 99))

    @property
    def worst(self) -> float:
        """The longest gap, in ms."""
        return max(self.gaps)


@contextmanager
def measured() -> Iterator[Stutter]:
    """Collect the gaps while the block lets Qt work."""
    found = Stutter()
    last = begun = time.perf_counter()

    def tick() -> None:
        nonlocal last
        now = time.perf_counter()
        found.gaps.append(1000 * (now - last))
        last = now

    def collected(phase: str, info: dict[str, int]) -> None:
        nonlocal begun
        if info["generation"] == FULL and phase == "start":
            begun = time.perf_counter()
        elif info["generation"] == FULL:
            found.collection = max(found.collection, 1000 * (time.perf_counter() - begun))

    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(tick)
    gc.callbacks.append(collected)
    timer.start(INTERVAL_MS)
    try:
        yield found
    finally:
        timer.stop()
        gc.callbacks.remove(collected)


def run_loop(until: Callable[[], bool], seconds: float) -> None:
    """Let Qt's own event loop run until something holds, or a time is over."""
    end = time.monotonic() + seconds
    loop, check = QEventLoop(), QTimer()
    check.timeout.connect(lambda: loop.quit() if until() or time.monotonic() > end else None)
    check.start(20)
    loop.exec()
    check.stop()


def rest(seconds: float) -> None:
    """Let Qt's own event loop run for a time."""
    run_loop(lambda: False, seconds)


def repeat(do: Callable[[], None], seconds: float) -> Stutter:
    """Do something every so often; return the gaps meanwhile."""
    pressing = QTimer()
    pressing.timeout.connect(do)
    pressing.start(STEP_MS)
    with measured() as found:
        rest(seconds)
    pressing.stop()
    return found


def window() -> QMainWindow:
    """Return napari's window."""
    return next(w for w in QApplication.topLevelWidgets() if isinstance(w, QMainWindow))


def canvas_size() -> tuple[int, int]:
    """Return width and height of what napari draws images on, in pixels of the screen."""
    canvas = window().centralWidget().findChild(QOpenGLWidget)
    return canvas.width(), canvas.height()


def scattered(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Return places, (count, 2), of a micrograph of 1024 pixels a side, 50 apart or more."""
    cells = rng.permutation(PLACES_A_SIDE**2)[:count]
    corners = np.stack(np.divmod(cells, PLACES_A_SIDE), axis=1)
    return 62.0 + 75 * corners + rng.uniform(-12, 12, (count, 2))
