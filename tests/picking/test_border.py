"""Borders of copied pixels: planted ones are found exactly, and nothing is picked in them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_unetpick.picking.border import Border, find_border
from napari_unetpick.picking.candidates import find_candidates
from napari_unetpick.picking.crop import resample
from napari_unetpick.picking.scale import make_scale


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(2).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("mode", ["edge", "constant"])
@pytest.mark.parametrize("widths", [(0, 0, 0, 0), (5, 0, 17, 4), (0, 40, 0, 0)])
def test_a_planted_border_is_found(mode, widths):
    top, bottom, left, right = widths
    image = np.pad(noise(120, 90), ((top, bottom), (left, right)), mode=mode)
    found = find_border(image)
    # a constant border has one row that equals no copy: the one beside the image
    less = 1 if mode == "constant" else 0
    assert found == Border(*(max(0, width - less) for width in widths))


def test_a_border_is_found_after_resampling():
    image = np.pad(noise(400, 400), ((60, 0), (0, 60)), mode="edge")
    found = find_border(resample(image, (230, 230)))
    for width in (found.top, found.right):  # of 30; the innermost three ring
        assert 26 <= width <= 30
    assert (found.bottom, found.left) == (0, 0)


def test_a_smooth_image_has_no_border():
    assert find_border(gaussian_filter(noise(200, 200), 5.0)) == Border()


def test_sparse_counts_have_no_border():
    counts = np.random.default_rng(0).poisson(0.05, (200, 300)).astype(np.uint8)
    assert find_border(counts) == Border()


def test_nothing_is_picked_in_the_border():
    scale = make_scale((200, 240), 1.0, 24.0, particle_px=24.0)
    rows, cols = np.indices((232, 272)) - 16
    maps = np.zeros((1, 232, 272), np.float32)
    for row, col in [(20, 100), (100, 100), (100, 220)]:
        maps[0][np.hypot(rows - row, cols - col) < 5] = 0.8
    found = find_candidates(maps, scale, rim=16, border=Border(top=30, right=19))
    np.testing.assert_allclose(found.coords, [(100, 100), (100, 220)], atol=0.5)
