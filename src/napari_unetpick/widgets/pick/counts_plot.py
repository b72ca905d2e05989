"""Picks of each micrograph as bars in the order of the list; a click goes there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import Signal

from napari_unetpick.adapters.layer_data import PLAIN_COLOR, score_color
from napari_unetpick.widgets.qt.controls import hint, say
from napari_unetpick.widgets.qt.plot import LINE, PlotFrame

HEIGHT = 126  # px


class CountsPlot(PlotFrame):
    """Accepted picks with candidates above the threshold on top, in the colours of their rings.

    Signals
    -------
    chosen(str)
        The user clicked the bar of this micrograph.
    """

    chosen = Signal(str)

    def __init__(self, viewer: Any) -> None:
        super().__init__(
            viewer,
            HEIGHT,
            "Micrograph",
            "Picks",
            "Picks in each kept micrograph, in the order of the list: accepted picks in cyan, "
            "candidates above the threshold in yellow. Click a bar to go to its micrograph. Check "
            "very high and very low ones (crystalline ice, carbon, empty holes).",
        )
        self.keys: list[str] = []
        self._accepted = self._above = np.zeros(0, np.intp)
        self._bars: list[Any] = []
        self._here: Any = None
        self.pointed = hint(" ")
        self.layout().addWidget(self.pointed)

    def draw(self, keys: Sequence[str], accepted: Sequence[int], above: Sequence[int]) -> None:
        """Show the counts of micrographs."""
        counts = np.asarray(accepted, int), np.asarray(above, int)
        if self.make():
            self._fill()
        elif self.keys == list(keys) and np.array_equal(counts, (self._accepted, self._above)):
            return
        self.keys, (self._accepted, self._above) = list(keys), counts
        places = np.arange(len(keys))
        low, high = self._bars
        width = 0.8 if len(keys) < 200 else 1.0
        low.setOpts(x=places, width=width, y0=0, height=self._accepted)
        high.setOpts(x=places, width=width, y0=self._accepted, height=self._above)
        total = self._accepted + self._above
        self.plot.setYRange(0, max(1, total.max(initial=0)) * 1.1, padding=0)
        self.plot.setXRange(-0.5, max(len(keys), 1) - 0.5, padding=0.02)

    def mark(self, key: str) -> None:
        """Show which micrograph is the current one."""
        if self.plot is None:
            return
        self._here.setVisible(key in self.keys)
        if key in self.keys:
            place = self.keys.index(key)
            self._here.setValue(place)
            say(self.pointed, self._words(place))

    def _fill(self) -> None:
        import pyqtgraph as pg

        for colour in (PLAIN_COLOR, score_color(1.0)):
            bars = pg.BarGraphItem(x=[0], width=0.8, height=[0], pen=None, brush=colour)
            self.plot.addItem(bars)
            self._bars.append(bars)
        self._here = pg.InfiniteLine(0, angle=90, pen=pg.mkPen(LINE, width=1))
        self.plot.addItem(self._here)
        self.plot.getAxis("bottom").setStyle(showValues=False)
        self.plot.getAxis("bottom").setHeight(22)
        self.plot.scene().sigMouseClicked.connect(self._clicked)
        self.plot.scene().sigMouseMoved.connect(self._moved)

    def place_at(self, scene_point: Any) -> int | None:
        """Return which bar lies at a point of the scene, or None beside them."""
        box = self.plot.getPlotItem().vb
        if not box.sceneBoundingRect().contains(scene_point):
            return None
        place = round(box.mapSceneToView(scene_point).x())
        return place if 0 <= place < len(self.keys) else None

    def _clicked(self, event: Any) -> None:
        place = self.place_at(event.scenePos())
        if place is not None:
            self.chosen.emit(self.keys[place])

    def _moved(self, scene_point: Any) -> None:
        place = self.place_at(scene_point)
        if place is not None:
            say(self.pointed, self._words(place))

    def _words(self, place: int) -> str:
        accepted, above = int(self._accepted[place]), int(self._above[place])
        return f"{self.keys[place]}: {accepted:,} accepted, {above:,} above the threshold"
