"""A simulated micrograph is reproducible, dark where its truth is, and says what is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.ndimage

from napari_unetpick.errors import InputError
from napari_unetpick.simulate.micrograph import simulate_micrograph
from napari_unetpick.simulate.sample import Contamination
from napari_unetpick.simulate.samples import SAMPLES, get_sample

SHAPE = (384, 512)


@pytest.fixture(scope="module")
def dirty():
    return simulate_micrograph(get_sample("contaminated"), 4, shape=SHAPE)


def test_same_seed_same_bytes_other_seed_other_image(dirty):
    again = simulate_micrograph(get_sample("contaminated"), 4, shape=SHAPE)
    assert again.image.tobytes() == dirty.image.tobytes()
    np.testing.assert_array_equal(again.coords, dirty.coords)
    np.testing.assert_array_equal(again.quaternions, dirty.quaternions)
    other = simulate_micrograph(get_sample("contaminated"), 5, shape=SHAPE)
    assert np.abs(other.image - dirty.image).mean() > 5.0


def test_samples_of_one_seed_differ_in_defocus():
    defocus = {simulate_micrograph(SAMPLES[n], 1, shape=SHAPE).defocus for n in ("barrel", "cage")}
    assert len(defocus) == 2


@pytest.mark.parametrize("name", SAMPLES)
def test_protein_is_dark_at_the_truth(name):
    micrograph = simulate_micrograph(get_sample(name), 2, shape=(640, 640))
    radius = 0.25 * micrograph.diameter_A / micrograph.pixel_size
    background = scipy.ndimage.gaussian_filter(micrograph.image, 4.0 * radius)
    smooth = scipy.ndimage.gaussian_filter(micrograph.image - background, radius)
    rows, cols = np.rint(micrograph.coords).astype(int).T
    free = ~micrograph.ignore_mask
    assert len(rows) >= 15
    assert smooth[rows, cols].mean() < smooth[free].mean() - 0.5 * smooth[free].std()


def test_truth_lies_inside_the_image_and_off_the_mask(dirty):
    rows, cols = np.rint(dirty.coords).astype(int).T
    assert min(rows.min(), cols.min()) >= 0
    assert rows.max() < SHAPE[0]
    assert cols.max() < SHAPE[1]
    assert not dirty.ignore_mask[rows, cols].any()
    assert dirty.ignore_mask.any()
    assert {len(dirty.quaternions), len(dirty.thickness), len(dirty.overlap)} == {len(rows)}
    np.testing.assert_allclose(np.linalg.norm(dirty.quaternions, axis=1), 1.0)


def test_junk_is_apart_from_the_truth(dirty):
    assert {"broken", "aggregate"} <= set(dirty.junk_kinds)
    assert len(dirty.junk) == len(dirty.junk_kinds)
    apart = np.linalg.norm(dirty.junk[:, None] - dirty.coords[None], axis=2)
    assert apart.min() > 1.0


def test_a_clean_sample_has_neither_junk_nor_mask():
    clean = Contamination(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    micrograph = simulate_micrograph(
        get_sample("contaminated"), 4, shape=SHAPE, contamination=clean
    )
    assert len(micrograph.junk) == 0
    assert not micrograph.ignore_mask.any()


def test_carbon_and_crystals_take_electrons():
    levels = Contamination(0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
    micrograph = simulate_micrograph(
        get_sample("globule"), 3, shape=(512, 512), contamination=levels
    )
    film = scipy.ndimage.binary_erosion(micrograph.ignore_mask, iterations=20)
    hole = scipy.ndimage.binary_erosion(~micrograph.ignore_mask, iterations=20)
    assert film.sum() > 1000
    assert micrograph.image[film].mean() < 0.95 * micrograph.image[hole].mean()


def test_mean_and_noise_follow_the_dose():
    # The strong envelope leaves nothing but shot noise between neighbouring pixels.
    sample = replace(get_sample("cage"), unevenness=0.0, haze=1e-6, coverage=0.01, b_factor=5e3)
    sample = replace(sample, contamination=Contamination(0.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    images = {
        dose: simulate_micrograph(replace(sample, dose=dose), 6, shape=SHAPE).image
        for dose in (10.0, 40.0)
    }
    assert images[40.0].mean() / images[10.0].mean() == pytest.approx(4.0, rel=0.01)
    grain = {dose: np.diff(image, axis=1).var() / 2.0 for dose, image in images.items()}
    assert grain[40.0] / grain[10.0] == pytest.approx(4.0, rel=0.05)
    assert grain[10.0] == pytest.approx(images[10.0].mean(), rel=0.05)


@pytest.mark.parametrize(
    ("shape", "pixel"),
    [((64, 1024), None), ((1024, 20000), None), (None, 0.0), (None, float("nan")), (None, 60.0)],
)
def test_impossible_sampling_is_refused(shape, pixel):
    with pytest.raises(InputError, match="choose"):
        simulate_micrograph(get_sample("barrel"), 1, shape=shape, pixel_size=pixel)


def test_unknown_samples_are_refused_by_name():
    with pytest.raises(InputError, match=r"'banana'.*barrel"):
        get_sample("banana")
    assert get_sample("random-12") == get_sample("random-12") != get_sample("random-13")
