"""Precision against recall, and how reliable scores are, as two small plots."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_unetpick.evaluation.results import Evaluation

HEIGHT = 190  # px of each plot
MOST_POINTS = 2000
CURVE, MARK = "#4c9be8", "#f0803c"  # blue and orange: both readable on dark and light


class ResultPlots(QWidget):
    """The two plots; nothing is imported or drawn before `show_evaluation`.

    Parameters
    ----------
    viewer
        napari's viewer model: the plots take the colours of its theme.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.precision_recall: Any = None
        self.reliability: Any = None
        self._viewer = viewer
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)

    def show_evaluation(self, found: Evaluation) -> None:
        """Draw what was found; a plot without data is hidden."""
        if self.precision_recall is None:
            self._make()
        self.apply_theme()
        self.precision_recall.setVisible(found.curve is not None)
        self.reliability.setVisible(found.calibration is not None)
        if found.curve is not None:
            self._draw_curve(found)
        if found.calibration is not None:
            self._draw_reliability(found)

    def apply_theme(self) -> None:
        """Take the colours of the viewer's theme."""
        if self.precision_recall is None:
            return
        from napari.utils.theme import get_theme

        theme = get_theme(self._viewer.theme)
        paper, ink = theme.background.as_hex(), theme.text.as_hex()
        for plot in (self.precision_recall, self.reliability):
            plot.setBackground(paper)
            for side in ("left", "bottom"):
                axis = plot.getAxis(side)
                axis.setPen(ink)
                axis.setTextPen(ink)

    def changeEvent(self, event: QEvent) -> None:  # Qt's name
        """Follow a change of napari's theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.apply_theme()

    def _make(self) -> None:
        self.precision_recall = self._plot("Recall", "Precision")
        self.precision_recall.setToolTip(
            "Precision and recall at every threshold. A lower threshold finds more particles "
            "(right) and more false picks (down). The orange point is the current threshold."
        )
        self.reliability = self._plot("Score", "Fraction true")
        self.reliability.setToolTip(
            "Calibration: on the dashed line, 8 in 10 candidates with a score of 0.8 are "
            "particles. Below the line, the model is overconfident."
        )

    def _plot(self, across: str, up: str) -> Any:
        import pyqtgraph as pg

        plot = pg.PlotWidget()
        plot.setFixedHeight(HEIGHT)
        plot.setMenuEnabled(False)
        plot.setMouseEnabled(False, False)
        plot.hideButtons()
        plot.setLabels(bottom=across, left=up)
        plot.setRange(xRange=(0, 1), yRange=(0, 1), padding=0.03)
        plot.showGrid(x=True, y=True, alpha=0.2)
        self.layout().addWidget(plot)
        return plot

    def _draw_curve(self, found: Evaluation) -> None:
        import pyqtgraph as pg

        assert found.curve is not None
        points = found.curve.points
        count = len(points.recall)
        some = np.unique(np.linspace(0, max(count - 1, 0), min(count, MOST_POINTS)).astype(int))
        plot = self.precision_recall
        plot.clear()
        plot.plot(points.recall[some], points.precision[some], pen=pg.mkPen(CURVE, width=2))
        plot.plot(
            [found.half.recall],
            [found.half.precision],
            pen=None,
            symbol="o",
            symbolSize=10,
            symbolBrush=MARK,
            symbolPen=None,
        )

    def _draw_reliability(self, found: Evaluation) -> None:
        import pyqtgraph as pg

        assert found.calibration is not None
        bins = found.calibration.bins
        plot = self.reliability
        plot.clear()
        plot.plot([0, 1], [0, 1], pen=pg.mkPen("#808080", width=1, style=Qt.PenStyle.DashLine))
        plot.plot(
            [each.mean_score for each in bins],
            [each.fraction_true for each in bins],
            pen=pg.mkPen(CURVE, width=2),
            symbol="o",
            symbolSize=7,
            symbolBrush=CURVE,
            symbolPen=None,
        )
