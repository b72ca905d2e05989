"""napari's sample micrographs: their picks lie on particles."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_unetpick.adapters.layer_data import OWN
from napari_unetpick.adapters.sample_data import contaminated, globule, open_sample


def test_true_picks_lie_on_dark_particles() -> None:
    (image, of_image, kind), (points, of_points, points_kind) = globule()
    assert (kind, points_kind) == ("image", "points")
    assert of_image["scale"] == of_points["scale"]
    assert of_image["units"] == of_points["units"] == ("angstrom", "angstrom")
    pixel_size = of_image["metadata"][OWN]["pixel_size"]
    diameter = float(np.median(of_points["size"]))
    assert 60 < diameter * pixel_size < 140
    pixels = np.asarray(image[0] if of_image["multiscale"] else image, np.float32)
    pixels = pixels - gaussian_filter(pixels, 2 * diameter)  # without the ice's slope
    smooth = gaussian_filter(pixels, diameter / 4)
    inside = ((points > 0) & (points < np.array(pixels.shape) - 1)).all(axis=1)
    rows, cols = np.rint(points[inside]).astype(int).T
    assert len(rows) > 50
    assert np.median(smooth[rows, cols]) < np.quantile(smooth, 0.25)
    # at the same places in the transposed image there is nothing to see
    assert np.median(smooth[cols, rows]) > np.quantile(smooth, 0.35)


def test_a_sample_is_the_same_each_time() -> None:
    one, two = globule(), open_sample("globule")
    for (data, _, _), (again, _, _) in zip(one, two, strict=True):
        first, second = (each[0] if isinstance(each, list) else each for each in (data, again))
        np.testing.assert_array_equal(first, second)


def test_samples_differ() -> None:
    assert contaminated()[1][0].shape != globule()[1][0].shape
