"""What is below the threshold is not on the screen, whatever napari does with `shown`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_unetpick.widgets import layer_styles
from napari_unetpick.widgets.model import Chosen


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
