"""The CTF has its zeros where theory puts them; the camera's noise follows the dose."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpick.picking.ctf import electron_wavelength
from napari_unetpick.simulate.optics import (
    Camera,
    Optics,
    contrast_transfer,
    count_electrons,
    interaction_constant,
    signal_transfer,
)

SIZE, PIXEL = 512, 1.5


def test_constants_of_the_300_kv_electron():
    # Tabulated in Reimer and in Kirkland: 1.969 pm and 6.526e-4 rad / (V A).
    assert electron_wavelength(300.0) == pytest.approx(0.01969, rel=1e-3)
    assert interaction_constant(300.0) == pytest.approx(6.526e-4, rel=2e-3)


@pytest.mark.parametrize("defocus", [8000.0, 20000.0])
@pytest.mark.parametrize("cs", [0.01, 2.7])
def test_zeros_solve_the_phase_equation(defocus, cs):
    # chi(g) + atan(w2 / sqrt(1 - w2^2)) = n pi is quadratic in g^2 (Rohou & Grigorieff 2015).
    optics = Optics(defocus, defocus, cs=cs, b_factor=0.0, focal_spread=0.0)
    wavelength, alpha = electron_wavelength(300.0), np.arcsin(optics.amplitude_contrast)
    transfer = contrast_transfer(optics, (SIZE, SIZE), PIXEL)[0]
    frequency = np.fft.rfftfreq(SIZE, PIXEL)
    crossings = np.flatnonzero(np.diff(np.sign(transfer)))
    a, b = -0.5 * np.pi * wavelength**3 * cs * 1e7, np.pi * wavelength * defocus
    for n, crossing in enumerate(crossings[:5], start=1):
        squared = (-b + np.sqrt(b**2 + 4 * a * (n * np.pi - alpha))) / (2 * a)
        assert frequency[crossing] <= np.sqrt(squared) <= frequency[crossing + 1]


def test_matter_is_dark_at_low_frequency():
    optics = Optics(15000.0, 15000.0)
    transfer = contrast_transfer(optics, (SIZE, SIZE), PIXEL)[0]
    assert transfer[0] == pytest.approx(-optics.amplitude_contrast, rel=1e-3)
    first_zero = np.flatnonzero(np.diff(np.sign(transfer)))[0]
    assert (transfer[:first_zero] < 0).all()


def first_zero_along(transfer, angle):
    """First zero (1/A) of a full-plane CTF along a direction in degrees from columns to rows."""
    radii = np.arange(2, SIZE // 2)
    rows = np.rint(radii * np.sin(np.deg2rad(angle))).astype(int) % SIZE
    cols = np.rint(radii * np.cos(np.deg2rad(angle))).astype(int) % SIZE
    return radii[np.flatnonzero(transfer[rows, cols] > 0)[0]] / (SIZE * PIXEL)


def test_astigmatism_points_where_it_says():
    optics = Optics(24000.0, 12000.0, astigmatism_angle=30.0, cs=0.001, amplitude_contrast=0.0)
    half = contrast_transfer(optics, (SIZE, SIZE), PIXEL)
    full = np.empty((SIZE, SIZE))
    full[:, : SIZE // 2 + 1] = half
    full[:, SIZE // 2 + 1 :] = np.roll(half[::-1], 1, axis=0)[:, SIZE // 2 - 1 : 0 : -1]
    for angle, defocus in ((30.0, 24000.0), (120.0, 12000.0)):
        expected = 1.0 / np.sqrt(electron_wavelength(300.0) * defocus)
        assert first_zero_along(full, angle) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("dose", [5.0, 40.0])
def test_shot_noise_variance_follows_the_dose(dose):
    expected = np.full((256, 256), dose * PIXEL**2, np.float32)
    image = count_electrons(expected, Camera(), PIXEL, np.random.default_rng(2))
    assert image.mean() == pytest.approx(expected[0, 0], rel=0.01)
    assert image.var() == pytest.approx(expected[0, 0], rel=0.03)


def test_only_an_integrating_camera_blurs_its_noise():
    expected = np.full((256, 256), 90.0, np.float32)
    noise = {}
    for counting in (True, False):
        camera = Camera(pixel=PIXEL, softness=0.4, counting=counting)
        image = count_electrons(expected, camera, PIXEL, np.random.default_rng(3))
        power = np.abs(np.fft.rfft2(image - 90.0)) ** 2
        noise[counting] = power[100:156, -30:].mean() / power[1:20, 1:20].mean()
        transfer = signal_transfer(camera, (256, 256), PIXEL)
    assert noise[True] == pytest.approx(1.0, rel=0.2)
    assert noise[False] == pytest.approx((transfer[100:156, -30:] ** 2).mean(), rel=0.2)


def test_mtf_of_a_pixel_at_nyquist():
    # An ideal square pixel transfers 2 / pi at its Nyquist frequency.
    camera = Camera(pixel=PIXEL, softness=0.0)
    transfer = signal_transfer(camera, (SIZE, SIZE), PIXEL)
    assert transfer[0, -1] == pytest.approx(2.0 / np.pi, rel=1e-5)
    # Four times coarser pixels are cropped from the same camera and lose less.
    assert signal_transfer(camera, (SIZE, SIZE), 4 * PIXEL)[0, -1] == pytest.approx(
        0.9745, rel=1e-3
    )
