"""The Wiener filter brings a simulated micrograph nearer to the projection behind it."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft

from napari_unetpick.io.images.micrograph import Ctf
from napari_unetpick.picking.ctf import (
    deconvolve,
    finest_detail,
    frequencies,
    transfer_function,
    wiener_filter,
)
from napari_unetpick.simulate.micrograph import simulate_micrograph
from napari_unetpick.simulate.molecules.projection import bead_transfer, project_beads, splat
from napari_unetpick.simulate.samples import get_sample

CTF = Ctf(21000.0, 19000.0, 35.0)
PIXEL = 4.0


def projection(micrograph, molecule):
    """The intact molecules' potential, without CTF, noise and ice; matter dark."""
    size = micrograph.pixel_size
    potential = np.zeros(micrograph.image.shape, np.float32)
    for quaternion, centre in zip(micrograph.quaternions, micrograph.coords, strict=True):
        points = project_beads(molecule.beads, quaternion, centre, size)
        splat(potential, points, molecule.strengths)
    spectrum = scipy.fft.rfft2(potential) * bead_transfer(potential.shape, size)
    return -scipy.fft.irfft2(spectrum, s=potential.shape)


def correlation(one, other, pixel_size, coarse, fine):
    """Fourier ring correlation of two images between two resolutions, A."""
    rows, cols = frequencies(one.shape, pixel_size)
    frequency = np.sqrt(rows**2 + cols**2)
    inside = (frequency > 1 / coarse) & (frequency <= 1 / fine)
    a, b = (scipy.fft.rfft2(each)[inside] for each in (one, other))
    power = (np.abs(a) ** 2).sum() * (np.abs(b) ** 2).sum()
    return float((a * b.conj()).real.sum() / np.sqrt(power))


@pytest.mark.parametrize("name,rise", [("globule", 0.1), ("rod", 0.2)])
def test_a_deconvolved_micrograph_is_nearer_to_its_projection(name, rise):
    sample = get_sample(name)
    micrograph = simulate_micrograph(sample, 5, shape=(1024, 1024))
    truth, size = projection(micrograph, sample.particle), micrograph.pixel_size
    raw = micrograph.image
    clear = deconvolve(raw, micrograph.optics, (size, size))
    before, after = (correlation(each, truth, size, 1000.0, 20.0) for each in (raw, clear))
    assert after > before + rise
    # beyond the CTF's first zero the contrast is reversed
    before, after = (correlation(each, truth, size, 20.0, 15.0) for each in (raw, clear))
    assert before < -0.05 < 0 < after


def test_without_noise_the_astigmatic_ctf_is_undone():
    truth = np.zeros((256, 300), np.float32)
    truth[100:110, 90:105] = truth[180:195, 220:226] = -1.0
    rows, cols = frequencies(truth.shape, PIXEL)
    seen = -transfer_function(CTF, rows, cols) * scipy.fft.rfft2(truth)
    image = np.asarray(scipy.fft.irfft2(seen, s=truth.shape), np.float32)
    size = (PIXEL, PIXEL)
    clear = deconvolve(image, CTF, size)
    turned = deconvolve(image, Ctf(21000.0, 19000.0, 125.0), size)
    band = PIXEL, 250.0, 20.0
    assert correlation(image, truth, *band) < 0.9
    assert correlation(clear, truth, *band) > 0.97
    assert correlation(turned, truth, *band) < correlation(clear, truth, *band)


def test_the_filter_flips_phases_and_keeps_the_coarsest_detail():
    rows, cols = frequencies((1, 4096), 1.0)
    ctf = Ctf(20000.0, 20000.0)
    wiener = wiener_filter(ctf, rows, cols)[0]
    transfer = transfer_function(ctf, rows, cols)[0]
    shown = cols[0] < 1 / 10
    assert wiener[0] == 1.0
    assert (np.sign(wiener) == -np.sign(transfer))[shown].all()
    near = np.argmin(np.abs(cols[0] - 1 / 150))
    assert 5 < wiener[near] < 1 / abs(transfer[near])


def test_pixels_may_be_of_two_sizes():
    image = np.random.default_rng(0).standard_normal((128, 128)).astype(np.float32)
    one = deconvolve(np.repeat(image, 2, axis=0), CTF, (4.0, 8.0))
    other = deconvolve(image, CTF, (8.0, 8.0))
    assert np.corrcoef(one[::2].ravel(), other.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("strength,falloff", [(1.0, 1.0), (1.0, 0.5), (0.5, 1.0)])
def test_nothing_finer_is_left_than_is_said(strength, falloff):
    rows, cols = frequencies((1, 4096), 1.0)
    wiener = np.abs(wiener_filter(Ctf(20000.0, 20000.0), rows, cols, strength, falloff)[0])
    finer = cols[0] > 1 / finest_detail(strength, falloff)
    assert wiener[finer].max() <= 0.0101
    assert wiener[~finer].max() > 1


def test_a_phase_plate_shifts_the_sine():
    rows, cols = frequencies((1, 64), PIXEL)
    quarter = transfer_function(Ctf(5000.0, 5000.0, phase_plate=90.0), rows, cols)[0, 0]
    assert quarter == pytest.approx(-np.sqrt(1 - 0.07**2), abs=1e-6)
