"""What is on the screen: what lies above the threshold, and the picks of this micrograph alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_unetpick.project.annotations import new_picks
from napari_unetpick.widgets.layers import styles as layer_styles
from napari_unetpick.widgets.layers.points_table import show_picks
from napari_unetpick.widgets.session.pick_model import Chosen


def bright(viewer: Any) -> int:
    """Number of coloured pixels on the canvas."""
    picture = viewer.screenshot(flash=False)[..., :3].astype(int)
    return int((np.ptp(picture, axis=-1) > 60).sum())


def test_candidates_below_the_threshold_leave_the_screen(make_napari_viewer: Any) -> None:
    from qtpy.QtWidgets import QApplication

    if QApplication.platformName() == "offscreen":
        pytest.skip("the canvas needs a display (xvfb-run)")
    viewer = make_napari_viewer(show=True)
    layer = viewer.add_layer(layer_styles.EMPTY["candidates"]())
    coords = np.array([[10.0, 10.0], [10.0, 90.0], [90.0, 10.0]])
    scores = np.array([0.9, 0.5, 0.1])

    def pixels(threshold: float) -> int:
        chosen = Chosen(coords, scores, scores >= threshold)
        layer_styles.show_candidates(layer, chosen, 30.0)
        viewer.reset_view()
        QApplication.processEvents()
        return bright(viewer)

    everything = pixels(0.0)
    assert everything > 100
    assert pixels(0.4) == pytest.approx(everything * 2 / 3, rel=0.15)
    assert pixels(1.0) == 0
    assert pixels(0.0) == pytest.approx(everything, rel=0.02)


def test_other_picks_are_on_the_screen_after_one_drawing(make_napari_viewer: Any) -> None:
    from qtpy.QtWidgets import QApplication

    if QApplication.platformName() == "offscreen":
        pytest.skip("the canvas needs a display (xvfb-run)")
    viewer = make_napari_viewer(show=True)
    viewer.add_image(np.zeros((100, 100)))
    layer = viewer.add_layer(layer_styles.EMPTY["picks"]())
    seen = []

    def pixels(coords: list[tuple[float, float]]) -> int:
        redrawn: list[object] = []
        layer.events.set_data.connect(redrawn.append)
        show_picks(layer, new_picks(np.array(coords).reshape(-1, 2)), 20.0)
        layer.events.set_data.disconnect(redrawn.append)
        assert len(redrawn) == 1
        viewer.reset_view()
        QApplication.processEvents()
        return bright(viewer)

    for count in (1, 3, 0, 2):
        seen.append(pixels([(20.0 + 30 * place, 50.0) for place in range(count)]))
    assert seen[2] == 0
    np.testing.assert_allclose(seen, seen[0] * np.array([1, 3, 0, 2]), rtol=0.1)


def test_a_layer_that_stays_without_picks_is_not_drawn_again() -> None:
    layer = layer_styles.EMPTY["picks"]()
    redrawn: list[object] = []
    layer.events.set_data.connect(redrawn.append)
    for count, drawn in ((0, 0), (2, 1), (0, 2), (0, 2), (1, 3)):
        show_picks(layer, new_picks(np.full((count, 2), 50.0)), 20.0)
        assert (len(layer.data), len(redrawn)) == (count, drawn)
    assert layer.current_size == 20.0


def test_scores_colour_the_rings_again_after_a_micrograph_without_candidates() -> None:
    layer = layer_styles.EMPTY["candidates"]()
    high, low = np.array([1.0, 1.0]), np.array([0.0, 0.0, 0.0])
    colours = []
    for scores in (high, np.empty(0), low, np.empty(0), high):
        coords = np.arange(2.0 * len(scores)).reshape(-1, 2)
        layer_styles.show_candidates(layer, Chosen(coords, scores, scores >= 0), 10.0)
        if len(scores):
            colours.append(layer.border_color[0])
    np.testing.assert_allclose(colours[0], colours[2])
    assert np.abs(colours[0] - colours[1]).max() > 0.5
