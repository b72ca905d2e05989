"""A small plot without menus that takes the colours of napari's theme; pyqtgraph comes late."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QVBoxLayout, QWidget

FAINT, STRONG = "#8a8f98", "#4c9be8"  # below and above the threshold, on dark and light
LINE = "#f0803c"
AXIS_PX = 52  # the same for all, so that plots lie below each other


class PlotFrame(QWidget):
    """Holds one plot, made when there is something to draw: subclasses draw on `self.plot`.

    Parameters
    ----------
    viewer
        napari's viewer model.
    height
        Of the plot, px.
    """

    def __init__(self, viewer: Any, height: int, across: str, up: str, tooltip: str) -> None:
        super().__init__()
        self._viewer = viewer
        self._height, self._across, self._up = height, across, up
        self.plot: Any = None
        self.setToolTip(tooltip)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)

    def make(self) -> bool:
        """Make the plot if it is not there; True where it was made now."""
        if self.plot is not None:
            return False
        import pyqtgraph as pg

        self.plot = pg.PlotWidget()
        self.plot.setFixedHeight(self._height)
        self.plot.setToolTip(self.toolTip())
        self.plot.setMenuEnabled(False)
        self.plot.setMouseEnabled(False, False)
        self.plot.hideButtons()
        self.plot.setLabels(bottom=self._across, left=self._up)
        for side in ("left", "bottom"):
            self.plot.getAxis(side).enableAutoSIPrefix(False)
        self.plot.getAxis("left").setWidth(AXIS_PX)
        self.plot.getPlotItem().setContentsMargins(0, 0, 0, 5)  # pyqtgraph puts names so much lower
        layout = self.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.insertWidget(0, self.plot)
        self.apply_theme()
        return True

    def apply_theme(self) -> None:
        """Take the colours of the viewer's theme."""
        if self.plot is None:
            return
        from napari.utils.theme import get_theme

        theme = get_theme(self._viewer.theme)
        self.plot.setBackground(theme.background.as_hex())
        for side in ("left", "bottom"):
            axis = self.plot.getAxis(side)
            axis.setPen(theme.text.as_hex())
            axis.setTextPen(theme.text.as_hex())

    def changeEvent(self, event: QEvent) -> None:  # Qt's name
        """Follow a change of napari's theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.apply_theme()
