"""Loss and validation F1 as they grow, of one or several runs; pyqtgraph comes when first drawn."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil
from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_unetpick.project.runs import Curve, RunCurves, color_of
from napari_unetpick.widgets.qt.controls import hint, say
from napari_unetpick.widgets.qt.plot import AXIS_PX, FAINT

HEIGHT = 110  # px of each plot
LABEL_PX = 22  # more for the lower one, which names the epochs
MOST_TICKS = 8
Stages = Sequence[tuple[int, str]]
NO_F1 = "No validation F1: it needs a fully labelled micrograph or area."


class Curves(QWidget):
    """Two small plots with a legend above.

    Parameters
    ----------
    viewer
        napari's viewer model: the plots take the colours of its theme.
    """

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.loss: Any = None
        self.f1: Any = None
        self.legend = QLabel()
        self.legend.setWordWrap(True)
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.note = hint()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        layout.addWidget(self.legend)
        layout.addWidget(self.note)
        self.hide()

    def draw(self, runs: Sequence[RunCurves]) -> None:
        """Draw these runs, each in its colour; with nothing to draw there is no plot."""
        runs = [run for run in runs if len(run.loss.epochs)]
        self.setVisible(bool(runs))
        if not runs:
            return
        if self.loss is None:
            self._make()
        colours = [color_of(number) for number in range(len(runs))]
        names = [
            f'<span style="color:{colour}">&#9632;</span>&nbsp;{escape(run.name)}'
            for run, colour in zip(runs, colours, strict=True)
        ]
        self.legend.setText(" &nbsp; ".join(names))
        longest = max(float(run.loss.epochs[-1]) for run in runs)
        for plot in (self.loss, self.f1):  # whole epochs
            step = max(1, ceil(longest / MOST_TICKS))
            plot.getAxis("bottom").setTickSpacing(step, step)
        self._draw(self.loss, [(run.loss, run.stages) for run in runs], colours)
        self._draw(self.f1, [(run.f1, run.stages) for run in runs], colours)
        if len(runs) == 1:
            self._name(runs[0])
        measured = any(len(run.f1.epochs) for run in runs)
        self.f1.setVisible(measured)
        self.loss.getAxis("bottom").setStyle(showValues=not measured)
        say(self.note, "" if measured else NO_F1)

    def changeEvent(self, event: QEvent) -> None:  # Qt's name
        """Follow a change of napari's theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.apply_theme()

    def apply_theme(self) -> None:
        """Take the colours of the viewer's theme."""
        if self.loss is None or self.f1 is None:
            return
        from napari.utils.theme import get_theme

        theme = get_theme(self._viewer.theme)
        paper, ink = theme.background.as_hex(), theme.text.as_hex()
        for plot in (self.loss, self.f1):
            plot.setBackground(paper)
            for side in ("left", "bottom"):
                axis = plot.getAxis(side)
                axis.setPen(ink)
                axis.setTextPen(ink)

    def _make(self) -> None:
        self.loss = self._plot(
            "Loss",
            "Training loss per epoch. It should decrease and level off.",
        )
        self.f1 = self._plot(
            "Validation F1",
            "F1 on the validation labels (protocol 'particle'): 1 means all particles and no false "
            "picks. The best epoch is kept.",
        )
        self.f1.setYRange(0, 1, padding=0.02)
        self.f1.setFixedHeight(HEIGHT + LABEL_PX)
        self.f1.setXLink(self.loss)
        self.f1.setLabel("bottom", "Epoch")
        self.apply_theme()

    def _plot(self, name: str, tooltip: str) -> Any:
        import pyqtgraph as pg

        plot = pg.PlotWidget()
        plot.setFixedHeight(HEIGHT)
        plot.setToolTip(tooltip)
        plot.setMenuEnabled(False)
        plot.setMouseEnabled(False, False)
        plot.hideButtons()
        plot.setLabel("left", name)
        plot.getAxis("left").setWidth(AXIS_PX)
        plot.getAxis("left").enableAutoSIPrefix(False)
        plot.getAxis("bottom").enableAutoSIPrefix(False)
        plot.showGrid(x=False, y=True, alpha=0.2)
        self.layout().insertWidget(self.layout().count() - 1, plot)
        return plot

    def _draw(
        self, plot: Any, curves: Sequence[tuple[Curve, Stages]], colours: Sequence[str]
    ) -> None:
        """Draw curves, each with a gap between its stages, which train networks of their own."""
        import pyqtgraph as pg

        plot.clear()
        for (curve, stages), colour in zip(curves, colours, strict=True):
            stage = np.searchsorted([first for first, _ in stages], curve.epochs, side="right")
            plot.plot(
                curve.epochs,
                curve.values,
                connect=np.diff(stage, append=-1) == 0,  # each point with the next
                pen=pg.mkPen(colour, width=2),
                symbol="o",
                symbolSize=4,
                symbolBrush=colour,
                symbolPen=None,
            )

    def _name(self, run: RunCurves) -> None:
        """Write the stages of a run, where there are several, at their ends."""
        import pyqtgraph as pg

        ends = [*(first for first, _ in run.stages[1:]), run.loss.epochs[-1] + 1]
        for (_, name), end in zip(run.stages, ends, strict=True) if len(ends) > 1 else ():
            self.loss.addItem(
                pg.InfiniteLine(
                    end - 0.5,
                    pen=pg.mkPen(FAINT, style=Qt.PenStyle.DotLine),
                    label=name,
                    labelOpts={
                        "color": FAINT,
                        "rotateAxis": (1, 0),
                        "position": 0.98,
                        "anchors": [(1, 1), (1, 1)],
                    },
                )
            )
