"""Micrographs are enlarged without moving or changing what is in them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpick.picking.crop import resample
from napari_unetpick.picking.scale import make_scale


def wave(shape, periods, step=1.0):
    rows, cols = np.meshgrid(*(np.arange(0, n, step) for n in shape), indexing="ij")
    phase = periods[0] * rows / shape[0] + periods[1] * cols / shape[1]
    return np.cos(2 * np.pi * phase + 0.4) + 2.0


@pytest.mark.parametrize("shape", [(40, 56), (31, 44), (32, 45), (31, 45)])
def test_enlarging_keeps_places_and_values(shape):
    image = wave(shape, (3, -5)).astype(np.float32)
    large = resample(image, (2 * shape[0], 2 * shape[1]))
    np.testing.assert_allclose(large, wave(shape, (3, -5), 0.5), atol=1e-5)


def test_a_reduced_image_is_as_before():
    image = wave((64, 64), (2, 3)).astype(np.float32)
    np.testing.assert_allclose(resample(image, (32, 32)), image[::2, ::2], atol=1e-5)


def test_a_coarse_micrograph_is_enlarged_only_where_asked():
    plain = make_scale((300, 400), 10.0, 120.0)
    large = make_scale((300, 400), 10.0, 120.0, upsample=True)
    assert plain.network_shape == (300, 400)
    assert large.network_diameter == pytest.approx(24.0, rel=0.02)
    places = np.array([[0.0, 0.0], [120.5, 33.25]])
    np.testing.assert_allclose(large.to_file(large.to_network(places)), places)
