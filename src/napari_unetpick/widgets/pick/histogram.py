"""How many candidates have which score, with the threshold as a line that can be dragged."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal

from napari_unetpick.widgets.qt.plot import FAINT, LINE, STRONG, PlotFrame

HEIGHT = 130  # px
BINS = 50
RIPPLE = 0.1  # nearly all peaks of empty ice score lower: they would dwarf the others
HEADROOM = 1.15


def bin_scores(scores: NDArray[np.float64]) -> NDArray[np.intp]:
    """Count (N,) scores in `BINS` bins from 0 to 1; those of exactly 1 are in the last."""
    return np.asarray(np.histogram(scores, bins=BINS, range=(0.0, 1.0))[0])


def tallest(counts: NDArray[np.intp]) -> float:
    """Return the height that is shown: of the bins above the ripple, unless all lie in it."""
    above = counts[round(RIPPLE * BINS) :]
    highest = above.max() if above.any() else counts.max(initial=0)
    return float(max(highest, 1) * HEADROOM)


class Histogram(PlotFrame):
    """The histogram.

    Signals
    -------
    dragged(float)
        The user moves the line to this threshold.
    """

    dragged = Signal(float)

    def __init__(self, viewer: Any) -> None:
        super().__init__(
            viewer,
            HEIGHT,
            "Score",
            "Candidates",
            "How many candidates have which score. Drag the orange line: candidates to its right "
            "are picks. A good model leaves a valley between false (left) and true (right). The "
            "many of lowest score may reach above the frame.",
        )
        self.line: Any = None
        self._bars: Any = None
        self._counts: NDArray[np.intp] = np.zeros(BINS, np.intp)

    def draw(self, scores: NDArray[np.float64], threshold: float) -> None:
        """Show scores, (N,) in [0, 1], and the threshold."""
        if self.make():
            self._fill()
        self._counts = bin_scores(scores)
        self.plot.setYRange(0, tallest(self._counts), padding=0)
        edges = np.linspace(0, 1, BINS + 1)
        self._bars.setOpts(x0=edges[:-1], width=1 / BINS, height=self._counts)
        self._shown = None
        self.move(threshold)

    def move(self, threshold: float) -> None:
        """Show another threshold for the same scores."""
        if self.plot is None:
            return
        if not self.line.moving:
            self.line.blockSignals(True)
            self.line.setValue(threshold)
            self.line.blockSignals(False)
        first = int(np.ceil(threshold * BINS - 1e-9))
        if first != self._shown:
            self._shown = first
            self._bars.setOpts(brushes=[FAINT] * first + [STRONG] * (BINS - first))

    def _fill(self) -> None:
        import pyqtgraph as pg

        self._shown: int | None = None
        self._bars = pg.BarGraphItem(x0=[0.0], width=1 / BINS, height=[0.0], pen=None, brush=FAINT)
        self.plot.addItem(self._bars)
        self.plot.setXRange(0, 1, padding=0.02)
        self.line = pg.InfiniteLine(
            0.5, angle=90, movable=True, bounds=(0, 1), pen=pg.mkPen(LINE, width=3)
        )
        self.line.setHoverPen(pg.mkPen(LINE, width=5))
        self.line.sigPositionChanged.connect(self._moved)
        self.plot.addItem(self.line)

    def _moved(self, line: Any) -> None:
        self.dragged.emit(float(line.value()))
