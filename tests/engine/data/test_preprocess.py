"""Preprocessing: positions, means and waves survive the Fourier crop; outliers do not."""

from __future__ import annotations

import os

import mrcfile
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_unetpick.engine.data import preprocess as prepared_by
from napari_unetpick.engine.data.preprocess import CLIP, prepare_micrograph, preprocess, smoothed
from napari_unetpick.engine.data.preprocess_gpu import preprocess_on
from napari_unetpick.errors import InputError
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.picking import crop as module
from napari_unetpick.picking.crop import fourier_crop
from napari_unetpick.picking.peaks import find_peaks
from napari_unetpick.picking.scale import Scale, make_scale

SHAPES = [(600, 437), (437, 601), (512, 512), (333, 600)]
DIAMETER = 80.0  # px of the file at 1 A/px: scale about 0.3


def spots(shape, centres, sigma, height=1.0):
    """Gaussian spots at fractional (row, col)."""
    row, col = np.ogrid[: shape[0], : shape[1]]
    image = np.zeros(shape)
    for r, c in centres:
        image += height * np.exp(-((row - r) ** 2 + (col - c) ** 2) / (2 * sigma**2))
    return image


def centroid(image, near, reach):
    """Centre of mass (row, col) of a window around `near`."""
    top, left = np.round(np.asarray(near) - reach).astype(int)
    side = int(2 * reach) + 1
    window = image[top : top + side, left : left + side].astype(float)
    row, col = np.indices(window.shape)
    total = window.sum()
    return np.array([top + (row * window).sum() / total, left + (col * window).sum() / total])


def noisy_micrograph(shape, seed=0):
    """Dark particles about 100 px apart, white noise, an offset; and the truth."""
    rng = np.random.default_rng(seed)
    rows = np.arange(60, shape[0] - 60, 100.0)
    cols = np.arange(60, shape[1] - 60, 100.0)
    truth = np.stack(np.meshgrid(rows, cols, indexing="ij"), -1).reshape(-1, 2)
    truth = truth + rng.uniform(-10, 10, truth.shape)
    image = 100 - spots(shape, truth, 20.0, 3.0) + rng.normal(0, 1, shape)
    return image.astype(np.float32), truth


def reference_crop(image, shape):
    """The same in one piece, by hand: keep |frequency| < n / 2 of the full transform."""
    spectrum = np.fft.fft2(image)
    keep = []
    for old, new in zip(image.shape, shape, strict=True):
        frequency = np.fft.fftfreq(old) * old
        keep.append(np.abs(frequency) < new / 2 if new < old else np.ones(old, bool))
    crop = np.zeros(shape, complex)
    places = [np.flatnonzero(k) for k in keep]
    to = [
        (np.round(np.fft.fftfreq(old) * old).astype(int)[p]) % new
        for old, new, p in zip(image.shape, shape, places, strict=True)
    ]
    crop[np.ix_(*to)] = spectrum[np.ix_(*places)]
    return np.fft.ifft2(crop).real * (shape[0] * shape[1] / image.size)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_planted_spot_lies_where_the_scale_says(shape):
    scale = make_scale(shape, 1.0, DIAMETER)
    rng = np.random.default_rng(shape[1])
    for centre in rng.uniform(100, np.array(shape) - 100, (4, 2)):
        small = fourier_crop(spots(shape, [centre], 12.0).astype(np.float32), scale.network_shape)
        expected = scale.to_network(centre)[0]
        found = centroid(small, expected, 4 * 12.0 / scale.ratio.mean())
        assert np.abs(found - expected).max() < 0.05
        assert np.abs(scale.to_file(found)[0] - centre).max() < 0.1
        # the trap: binning puts pixel k at (k + 0.5) s - 0.5, off by (s - 1) / 2
        trap = (found + 0.5) * scale.ratio - 0.5
        assert np.abs(trap - centre).min() > 0.5


@pytest.mark.parametrize("shape", SHAPES)
def test_particles_of_a_noisy_micrograph_come_back_without_bias(shape):
    image, truth = noisy_micrograph(shape)
    scale = make_scale(shape, 1.0, DIAMETER)
    small = preprocess(image, scale, threads=1)
    peaks, _ = find_peaks(np.clip(-small / CLIP, 0, 1), scale.network_diameter)
    found = scale.to_file(peaks)
    distance = np.linalg.norm(found[:, None] - truth[None], axis=2)
    nearest = distance.argmin(axis=0)
    assert distance.min(axis=0).max() < 2.5
    offset = (found[nearest] - truth).mean(axis=0)
    assert np.abs(offset).max() < 0.4  # the half-pixel trap would be 1.2 px for each of them


def test_mean_and_a_slow_wave_are_kept_exactly():
    shape, small_shape = (437, 600), (132, 180)
    row, col = np.ogrid[: shape[0], : shape[1]]
    phase = 2 * np.pi * (3 * row / shape[0] - 7 * col / shape[1]) + 0.4
    small = fourier_crop((7 + 3 * np.cos(phase)).astype(np.float32), small_shape)
    row, col = np.ogrid[: small_shape[0], : small_shape[1]]
    phase = 2 * np.pi * (3 * row / small_shape[0] - 7 * col / small_shape[1]) + 0.4
    np.testing.assert_allclose(small, 7 + 3 * np.cos(phase), atol=2e-5)


@pytest.mark.parametrize("waves", [66, 67, 150])
def test_waves_from_the_new_nyquist_frequency_on_vanish(waves):
    row = np.arange(437)[:, None] * np.ones((1, 300))
    image = np.cos(2 * np.pi * waves * row / 437 + 0.3).astype(np.float32)
    assert np.abs(fourier_crop(image, (132, 100))).max() < 1e-4


@pytest.mark.parametrize(
    "shape, small", [((437, 601), (132, 180)), ((600, 437), (180, 437)), ((437, 601), (437, 96))]
)
def test_block_by_block_is_the_plain_transform(shape, small, monkeypatch):
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 64)
    image = np.random.default_rng(1).normal(10, 3, shape).astype(np.float32)
    np.testing.assert_allclose(fourier_crop(image, small), reference_crop(image, small), atol=1e-4)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.float16, np.float64])
def test_the_stored_type_does_not_matter(kind):
    image = np.round(noisy_micrograph((333, 334))[0])
    scale = make_scale(image.shape, 1.0, DIAMETER)
    expected = preprocess(image, scale, threads=1)
    np.testing.assert_allclose(
        preprocess(image.astype(kind), scale, threads=1), expected, atol=1e-3
    )


def test_the_result_is_normalised_whatever_gain_and_offset():
    image, _ = noisy_micrograph((600, 437))
    scale = make_scale(image.shape, 1.0, DIAMETER)
    small = preprocess(image, scale, threads=1)
    assert small.shape == scale.network_shape
    assert small.dtype == np.float32
    quarter, median, three_quarters = np.percentile(small, [25, 50, 75])
    assert median == pytest.approx(0, abs=0.05)
    assert (three_quarters - quarter) / 1.349 == pytest.approx(1, abs=0.05)
    assert np.abs(small).max() <= CLIP
    again = preprocess(image * 37 - 5000, scale, threads=1)
    np.testing.assert_allclose(again, small, atol=0.02)


def test_a_gradient_of_ice_is_removed():
    image, _ = noisy_micrograph((600, 437))
    ramp = np.linspace(0, 3, 600, dtype=np.float32)[:, None]  # three times the noise
    scale = make_scale(image.shape, 1.0, DIAMETER)
    flat, tilted = (preprocess(i, scale, threads=1) for i in (image, image + ramp))
    inner = slice(30, -30)  # a Fourier crop is periodic: the ramp's jump rings along two edges
    assert np.abs(tilted - flat)[inner, inner].mean() < 0.1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e6, -3e4])
def test_bad_pixels_are_replaced(bad):
    image, _ = noisy_micrograph((600, 437))
    scale = make_scale(image.shape, 1.0, DIAMETER)
    clean = preprocess(image, scale, threads=1)
    for row, col in [(300, 200), (101, 33), (512, 400)]:
        image[row, col] = bad
    small = preprocess(image, scale, threads=1)
    assert np.isfinite(small).all()
    changed = np.abs(small - clean)
    assert changed.mean() < 0.05
    assert changed.max() < 2.5  # a blip of the noise's size where they lie, no cross over the image


def test_sparse_electron_counts_keep_their_contrast():
    rng = np.random.default_rng(3)
    truth = [(150.3, 200.8), (400.1, 220.4)]
    rate = 0.12 * (1 + spots((600, 437), truth, 20.0, 2.5))
    scale = make_scale((600, 437), 1.0, DIAMETER)
    small = preprocess(rng.poisson(rate).astype(np.uint8), scale, threads=1)
    peaks, _ = find_peaks(np.clip(small / CLIP, 0, 1), scale.network_diameter)
    assert np.abs(np.sort(scale.to_file(peaks[:2]), axis=0) - truth).max() < 6


@pytest.mark.parametrize("image", [np.full((300, 300), 7, np.uint16), np.full((300, 300), np.nan)])
def test_a_constant_micrograph_is_one_clear_line(image):
    with pytest.raises(InputError, match=r"blank\.mrc") as caught:
        preprocess(image, make_scale((300, 300), 1.0, DIAMETER), name="blank.mrc")
    assert "\n" not in str(caught.value)


def test_a_micrograph_of_small_particles_keeps_its_pixels():
    image, _ = noisy_micrograph((201, 155))
    scale = make_scale((201, 155), 4.0, 80.0)
    assert scale.network_shape == (201, 155)
    assert preprocess(image, scale, threads=1).shape == (201, 155)
    np.testing.assert_array_equal(fourier_crop(image, (201, 155)), image)


def test_the_micrograph_itself_is_not_changed():
    image, _ = noisy_micrograph((201, 155))
    image[5, 5] = np.nan
    before = image.copy()
    for shape in ((201, 155), (64, 48)):
        preprocess(image, Scale((201, 155), shape, 24.0), threads=1)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("shape", [(64, 90), (300, 301), (7, 5)])
@pytest.mark.parametrize("sigma", [2.5, 12.3, 24.0])
def test_smoothing_is_that_of_the_gaussian_filter(shape, sigma):
    image = np.random.default_rng(1).normal(3, 2, shape).astype(np.float32)
    expected = gaussian_filter(image.astype(float), sigma, mode="reflect", truncate=2.0)
    found = smoothed(image, sigma, 1)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["<f4", ">f4", ">i2", "u1", "u2", "f2"])
def test_what_a_gpu_would_do_is_the_same(device: str, shape: tuple[int, int], kind: str):
    """The same steps in torch, which the CPU can do as well."""
    rng = np.random.default_rng(3)
    image = (rng.normal(120, 10, shape) + 30 * np.sin(np.arange(shape[1]) / 90)).astype(kind)
    image[5, 7], image[8, 3] = image.max(), 0
    if image.dtype.kind == "f":
        image[2, :3] = np.nan, np.inf, -np.inf
    scale = make_scale(shape, 1.0, DIAMETER)
    image.setflags(write=False)
    found = preprocess_on(torch.device(device), image, scale)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, preprocess(image, scale), atol=2e-3)


def test_what_is_no_micrograph_is_refused_alike():
    scale = make_scale((400, 400), 1.0, DIAMETER)
    for image in (np.ones((400, 400), np.int16), np.full((400, 400), np.nan, np.float32)):
        with pytest.raises(InputError) as one, np.errstate(all="ignore"):
            preprocess(image, scale, name="a.mrc")
        with pytest.raises(InputError) as other:
            preprocess_on(torch.device("cpu"), image, scale, name="a.mrc")
        assert str(one.value) == str(other.value)


def test_a_file_that_is_cut_short_while_it_is_prepared_changes_nothing(tmp_path, monkeypatch):
    """If it isn't mapped: a mapped one would end the process here."""
    image, _ = noisy_micrograph((600, 600))
    path = tmp_path / "a.mrc"
    mrcfile.write(path, image, voxel_size=1.0)
    how = {"diameter": DIAMETER, "particle_px": 24, "mapped": False}
    whole = prepare_micrograph(Micrograph(path, "a.mrc"), **how)

    def cut_short(*_):
        os.truncate(path, 1024)

    monkeypatch.setattr(prepared_by, "check_values", cut_short)
    cut = prepare_micrograph(Micrograph(path, "a.mrc"), **how)
    assert path.stat().st_size == 1024
    np.testing.assert_array_equal(cut.image, whole.image)
