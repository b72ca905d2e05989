"""A molecule is drawn where its truth says, to a fraction of a pixel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_unetpick.simulate.micrograph import simulate_micrograph
from napari_unetpick.simulate.molecules.beads import BEAD_SIGMA
from napari_unetpick.simulate.molecules.projection import bead_transfer, project_beads, splat
from napari_unetpick.simulate.optics import contrast_transfer
from napari_unetpick.simulate.sample import Contamination
from napari_unetpick.simulate.samples import get_sample

CLEAN = Contamination(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def test_splat_keeps_mass_and_centre():
    image = np.zeros((20, 30))
    points = np.array([[4.25, 17.5], [9.0, 3.75]])
    splat(image, points, np.array([2.0, 2.0]))
    assert image.sum() == pytest.approx(4.0)
    rows, cols = np.indices(image.shape)
    assert (image * rows).sum() / 4.0 == pytest.approx(points[:, 0].mean())
    assert (image * cols).sum() / 4.0 == pytest.approx(points[:, 1].mean())


def test_splat_loses_what_lies_outside():
    image = np.zeros((8, 8))
    splat(image, np.array([[-5.0, 3.0], [3.0, 9.5], [7.5, 7.5]]), np.ones(3))
    assert image.sum() == pytest.approx(0.25)  # a quarter of the one that lies across the corner


def test_bead_has_its_width():
    image = np.fft.irfft2(bead_transfer((64, 64), 1.0), s=(64, 64))
    cols = np.fft.fftfreq(64, 1 / 64)
    assert (image.sum(axis=0) * cols**2).sum() == pytest.approx(BEAD_SIGMA**2, rel=1e-3)


def project_molecule(molecule, quaternion, size, pixel_size):
    """Project one molecule: excess potential (V A), (size, size), centre at pixel size // 2."""
    image = np.zeros((size, size))
    points = project_beads(molecule.beads, quaternion, np.full(2, size / 2), pixel_size)
    splat(image, points, molecule.strengths / pixel_size**2)
    return np.fft.irfft2(np.fft.rfft2(image) * bead_transfer(image.shape, pixel_size))


def test_projection_keeps_the_integrated_potential():
    molecule = get_sample("rod").particle
    image = project_molecule(molecule, np.array([1.0, 0.0, 0.0, 0.0]), 96, 4.0)
    assert image.sum() * 16.0 == pytest.approx(molecule.strengths.sum(), rel=1e-4)
    # The rod's long axis is the beam here, so it appears round; turned by 90 degrees about y
    # (column and beam exchanged) it lies along the columns.
    turned = project_molecule(molecule, np.array([np.sqrt(0.5), 0.0, np.sqrt(0.5), 0.0]), 96, 4.0)
    rows, cols = np.indices(turned.shape) - 48.0
    assert (turned * cols**2).sum() > 5.0 * (turned * rows**2).sum()


@pytest.mark.parametrize(("name", "pixel"), [("cage", 3.0), ("ribosome", 4.0), ("rod", 2.5)])
def test_planted_particles_are_found_where_the_truth_says(name, pixel):
    sample = replace(get_sample(name), coverage=0.12, overlap=0.0, contamination=CLEAN)
    micrograph = simulate_micrograph(sample, 11, shape=(768, 512), pixel_size=pixel)
    size = 2 * int(1.2 * sample.diameter_A / pixel / 2 + 6)
    half = size // 2
    errors = []
    for centre, quaternion in zip(micrograph.coords, micrograph.quaternions, strict=True):
        nearest = np.rint(centre).astype(int)
        low = nearest - half
        if (low < 0).any() or (low + size > micrograph.image.shape).any():
            continue
        crop = micrograph.image[low[0] : low[0] + size, low[1] : low[1] + size]
        template = np.fft.rfft2(project_molecule(sample.particle, quaternion, size, pixel))
        template *= contrast_transfer(micrograph.optics, (size, size), pixel)
        template[0, 0] = 0.0
        match = np.fft.irfft2(np.fft.rfft2(crop) * template.conj(), s=crop.shape)
        errors.append(peak_offset(np.fft.fftshift(match)) - (centre - nearest))
    errors = np.array(errors)
    assert len(errors) >= 5
    assert np.median(np.linalg.norm(errors, axis=1)) < 0.5
    assert np.abs(np.median(errors, axis=0)).max() < 0.25  # no half-pixel shift of convention


def peak_offset(match):
    """Offset (row, col) of a correlation peak from the centre, refined by a parabola."""
    at = np.array(np.unravel_index(match.argmax(), match.shape))
    offset = []
    for axis in range(2):
        before, peak, after = (
            match[tuple(at + d * np.eye(2, dtype=int)[axis])] for d in (-1, 0, 1)
        )
        offset.append(at[axis] + 0.5 * (before - after) / (before - 2 * peak + after))
    return np.array(offset) - np.array(match.shape) // 2
