"""Histogram of scores over their colours, with the threshold as a line that can be dragged."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal

from napari_unetpick.adapters.layer_data import score_color
from napari_unetpick.widgets.qt.plot import FAINT, PlotFrame

HEIGHT = 130  # px
BINS = 50
RIPPLE = 0.1  # nearly all peaks of empty ice score lower: they would dwarf the others
HEADROOM = 1.15
SHADES = [score_color((number + 0.5) / BINS) for number in range(BINS)]
STRIP = 0.07  # height of the colour bar below the bars, of the plot's


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
            "Number of candidates by score, in the colours of their rings. The vertical line is "
            "the threshold: drag it. Candidates left of it are grey here, and hidden in the image."
            " A good model leaves a valley between false candidates (left) and particles (right). "
            "The tallest bars may be cut off.",
        )
        self.line: Any = None
        self._bars: Any = None
        self._strip: Any = None  # the colour bar
        self._counts: NDArray[np.intp] = np.zeros(BINS, np.intp)

    def draw(self, scores: NDArray[np.float64], threshold: float, meaning: str = "Score") -> None:
        """Show scores, (N,) in [0, 1], and the threshold; `meaning` names the axis."""
        if self.make():
            self._fill()
        self._counts = bin_scores(scores)
        top = tallest(self._counts)
        self.plot.setLabel("bottom", meaning)
        self.plot.setYRange(-STRIP * top, top, padding=0)
        self._bars.setOpts(height=self._counts)
        self._strip.setOpts(y0=-STRIP * top, height=STRIP * top)
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
            self._bars.setOpts(brushes=[FAINT] * first + SHADES[first:])

    def apply_theme(self) -> None:
        """Take the theme's colours; the line has that of text, which is not on the scale."""
        super().apply_theme()
        if self.line is not None:
            ink = self.plot.getAxis("left").textPen().color()
            self.line.setPen(ink, width=3)
            self.line.setHoverPen(ink, width=5)

    def _fill(self) -> None:
        import pyqtgraph as pg

        self._shown: int | None = None
        shape = {"x0": np.arange(BINS) / BINS, "width": 1 / BINS, "pen": None}
        self._bars = pg.BarGraphItem(**shape, height=0.0, brush=FAINT)
        self._strip = pg.BarGraphItem(**shape, height=0.0, brushes=SHADES)
        self.plot.addItem(self._bars)
        self.plot.addItem(self._strip)
        self.plot.setXRange(0, 1, padding=0.02)
        self.line = pg.InfiniteLine(0.5, angle=90, movable=True, bounds=(0, 1))
        self.apply_theme()
        self.line.sigPositionChanged.connect(self._moved)
        self.plot.addItem(self.line)

    def _moved(self, line: Any) -> None:
        self.dragged.emit(float(line.value()))
