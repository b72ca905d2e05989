"""Histogram and bars: what is drawn is what was planted; drags and clicks come back."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.colormaps.colormap_utils import ensure_colormap
from qtpy.QtCore import QPointF, Qt

from napari_unetpick.adapters.layer_data import SCORE_COLORMAP, score_color
from napari_unetpick.widgets.pick.counts_plot import CountsPlot
from napari_unetpick.widgets.pick.histogram import BINS, Histogram, bin_scores, tallest


@pytest.fixture
def histogram(qtbot):
    made = Histogram(ViewerModel())
    qtbot.addWidget(made)
    made.resize(330, 160)
    made.draw(np.r_[np.full(500, 0.03), np.full(7, 0.91), 1.0], 0.5)
    made.show()
    return made


@pytest.fixture
def bars(qtbot):
    made = CountsPlot(ViewerModel())
    qtbot.addWidget(made)
    made.resize(330, 180)
    made.draw(["a", "b", "c"], [3, 0, 1], [10, 20, 0])
    made.show()
    qtbot.waitExposed(made)
    qtbot.wait(50)
    return made


def test_every_score_has_its_bin():
    counts = bin_scores(np.array([0.0, 0.5, 0.999, 1.0]))
    assert (counts.sum(), counts[0], counts[BINS // 2], counts[-1]) == (4, 1, 1, 2)


def test_ripple_does_not_dwarf_the_particles():
    counts = bin_scores(np.r_[np.full(5000, 0.01), np.full(7, 0.9)])
    assert 7 < tallest(counts) < 10
    assert tallest(bin_scores(np.full(5000, 0.01))) > 5000
    assert tallest(np.zeros(BINS, int)) > 0


def test_bars_from_the_threshold_on_are_coloured(histogram):
    brushes = histogram._bars.opts["brushes"]
    assert len(set(brushes[:25])) == 1
    assert brushes[25:] == [score_color((number + 0.5) / 50) for number in range(25, 50)]
    histogram.move(0.9)
    assert histogram.line.value() == pytest.approx(0.9)
    assert histogram._bars.opts["brushes"][44] != histogram._bars.opts["brushes"][45]


def test_colours_are_those_of_the_candidates_layer(histogram):
    colormap = ensure_colormap(SCORE_COLORMAP)
    for score in (0.0, 0.25, 1.0):
        np.testing.assert_allclose(colormap.map([score])[0][:3] * 255, score_color(score), atol=1)
    assert histogram._strip.opts["brushes"] == [score_color((n + 0.5) / 50) for n in range(50)]


def test_moving_the_line_is_told_but_showing_another_threshold_is_not(histogram):
    told = []
    histogram.dragged.connect(told.append)
    histogram.move(0.7)
    assert told == []
    histogram.line.setValue(0.25)
    assert told == [0.25]


def test_a_click_on_a_bar_goes_to_its_micrograph(bars, qtbot):
    told = []
    bars.chosen.connect(told.append)
    box = bars.plot.getPlotItem().vb
    for place, key in enumerate(bars.keys):
        where = bars.plot.mapFromScene(box.mapViewToScene(QPointF(place, 2.0)))
        qtbot.mouseClick(bars.plot.viewport(), Qt.MouseButton.LeftButton, pos=where)
        qtbot.waitUntil(lambda key=key: told[-1:] == [key], timeout=2000)
        qtbot.wait(600)  # two clicks in half a second would be a double click


def test_bars_stand_on_the_accepted_picks(bars):
    low, high = bars._bars
    np.testing.assert_array_equal(low.opts["height"], [3, 0, 1])
    np.testing.assert_array_equal(high.opts["y0"], [3, 0, 1])
    np.testing.assert_array_equal(high.opts["height"], [10, 20, 0])
    bars.mark("b")
    assert bars.pointed.text() == "b: 0 accepted, 20 above the threshold"
    bars.mark("not kept")
    assert not bars._here.isVisible()
