"""The scale: file pixels and network pixels, there and back."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.picking.scale import PARTICLE_PX, Scale, make_scale

CAMERAS = [(4096, 4096), (5760, 4092), (3838, 3710), (7420, 7676)]


def test_the_worked_example_holds():
    scale = make_scale((4096, 4096), 1.0, 160.0)
    assert scale.network_shape == (616, 616)
    np.testing.assert_allclose(scale.ratio, 4096 / 616)
    assert scale.network_diameter == pytest.approx(160 * 616 / 4096)


@pytest.mark.parametrize("shape", CAMERAS)
@pytest.mark.parametrize("diameter", [85.0, 133.0, 160.0, 277.0, 410.0])
def test_a_particle_is_as_wide_as_asked_along_both_axes(shape, diameter):
    scale = make_scale(shape, 1.0, diameter)
    wide = diameter / scale.ratio
    assert (wide >= PARTICLE_PX * 0.999).all()
    assert (wide <= PARTICLE_PX * 1.08).all()  # the next size with a fast Fourier transform
    assert wide.mean() <= PARTICLE_PX * 1.05
    assert wide.max() / wide.min() < 1.06  # round particles stay round
    assert all(n % 2 == 0 for n in scale.network_shape)


@pytest.mark.parametrize("shape", [(437, 601), (600, 437), (333, 334)])
def test_nothing_is_upsampled(shape):
    assert make_scale(shape, 2.0, 40.0).network_shape == shape  # 20 px: fewer than 24
    assert make_scale(shape, 2.0, 47.9).network_shape <= shape
    smaller = make_scale(shape, 2.0, 60.0)
    assert all(n <= full for n, full in zip(smaller.network_shape, shape, strict=True))


def test_coordinates_come_back_and_pixel_zero_stays():
    rng = np.random.default_rng(3)
    scale = make_scale((601, 437), 1.3, 91.0)
    coords = rng.uniform(0, 430, (200, 2))
    np.testing.assert_allclose(scale.to_file(scale.to_network(coords)), coords, atol=1e-9)
    # sample k of a Fourier crop lies at k N / n: no half-pixel shift as in binning
    np.testing.assert_array_equal(scale.to_file(np.zeros((1, 2))), [[0, 0]])
    assert scale.to_network(np.empty((0, 2))).shape == (0, 2)


def test_rows_and_columns_have_their_own_ratio():
    scale = Scale((1000, 600), (100, 50), 120.0)
    np.testing.assert_allclose(scale.to_network(np.array([[500.0, 300.0]])), [[50, 25]])
    np.testing.assert_allclose(scale.to_file(np.array([[50.0, 25.0]])), [[500, 300]])


@pytest.mark.parametrize(
    "pixel_size, diameter, says",
    [
        (1.0, 0.0, "diameter of 0 A"),
        (1.0, -5.0, "diameter of -5 A"),
        (1.0, float("nan"), "diameter of nan A"),
        (10.0, 50.0, "5.0 px"),
        (1.0, 310.0, "more than half the micrograph"),
    ],
)
def test_a_diameter_that_cannot_be_is_one_clear_line(pixel_size, diameter, says):
    with pytest.raises(InputError, match=says) as caught:
        make_scale((600, 700), pixel_size, diameter, name="mic_7.mrc")
    assert "\n" not in str(caught.value)
    if diameter > 0:
        assert "mic_7.mrc" in str(caught.value)
