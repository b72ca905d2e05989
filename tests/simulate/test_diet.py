"""The diet of the general model: as varied as it claims, and nothing else has changed for it."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from napari_unetpick.simulate.diet import diet_sample
from napari_unetpick.simulate.handling import Handling, compress, grey_levels, handle
from napari_unetpick.simulate.micrograph import simulate_micrograph
from napari_unetpick.simulate.molecules.catalogue import build_molecule
from napari_unetpick.simulate.molecules.poses import (
    multiply,
    random_quaternions,
    rotation_matrices,
    turned_in_plane,
)
from napari_unetpick.simulate.samples import get_sample

# What published figures stand on: positions, poses and ice of seed 7, 320 x 320 pixels.
TRUTHS = {
    "random-1": "1c701b0639918d22",
    "random-17": "d53c6c29a3ceaeed",
    "random-21": "781aca377fdd5fd3",
    "random-25": "c734dcd791f51451",
    "random-35": "37135507e03a0329",
    "random-44": "454a21bbc3f19d43",
    "random-53": "8aa68e0b30503236",
    "random-1000": "8f1f2705449a9ae4",
    "globule": "40d18d58ee394905",
    "contaminated": "277c5535adfb1781",
}


@pytest.mark.parametrize("name", TRUTHS)
def test_named_and_random_samples_stay_as_they_were(name):
    made = simulate_micrograph(get_sample(name), 7, shape=(320, 320))
    digest = hashlib.sha256()
    for values in (made.coords, made.quaternions, made.thickness):
        digest.update(values.round(3).astype("f4").tobytes())
    assert digest.hexdigest()[:16] == TRUTHS[name]


def test_a_sample_of_the_diet_repeats_and_differs_from_the_next():
    first, again, other = (
        simulate_micrograph(get_sample(name), 3) for name in ("diet-5", "diet-5", "diet-6")
    )
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.coords, again.coords)
    assert first.kind == "diet-5"
    assert first.image.shape != other.image.shape or (first.image != other.image).any()


@pytest.mark.slow
def test_the_diet_covers_the_field():
    samples = [diet_sample(number) for number in range(150)]
    across = np.array([s.particle.diameter_A / s.pixel_size for s in samples])
    assert across.min() < 12
    assert across.max() > 40
    assert {s.voltage for s in samples} == {200.0, 300.0}
    assert min(s.dose for s in samples) < 10 < 50 < max(s.dose for s in samples)
    assert sum(s.coverage == 0 for s in samples) > 3  # exposures without a particle
    assert any(s.amplitude_contrast > 0.9 for s in samples)  # phase plates
    for name in ("levels", "jpeg", "low_pass", "border", "hot"):
        assert any(getattr(s.handling, name) for s in samples), name
    for name in ("gold", "vesicles", "filaments"):
        assert any(getattr(s.contamination, name) for s in samples), name


def test_molecules_of_the_diet_are_small_and_large_round_and_long():
    molecules = [build_molecule(f"diet-{number}") for number in range(80)]
    longest = np.array([m.diameter_A for m in molecules])
    shape = np.array([m.width_A / m.diameter_A for m in molecules])
    assert longest.min() < 100
    assert longest.max() > 400
    assert shape.min() < 0.45
    assert shape.max() > 0.85
    for molecule in molecules:
        assert len(molecule.beads) == len(molecule.strengths)
        centre = np.average(molecule.beads, axis=0, weights=molecule.strengths)
        assert np.linalg.norm(centre) < 0.02 * molecule.diameter_A


def test_an_empty_exposure_has_no_particle_and_cubic_ice_hides_all():
    empty = next(n for n in range(200) if diet_sample(n).coverage == 0)
    assert len(simulate_micrograph(get_sample(f"diet-{empty}"), 1).coords) == 0


def test_preferred_views_are_views_of_one_pose():
    rng = np.random.default_rng(0)
    view = random_quaternions(1, rng)[0]
    beam = rotation_matrices(view)[0].T @ [0.0, 0.0, 1.0]  # the beam's direction in the molecule
    turned = np.array([turned_in_plane(view, rng, wobble=0.05) for _ in range(200)])
    np.testing.assert_allclose(np.linalg.norm(turned, axis=1), 1.0)
    matrices = rotation_matrices(turned)
    beams = matrices.transpose(0, 2, 1) @ [0.0, 0.0, 1.0]
    assert (beams @ beam).min() > np.cos(0.3)
    angles = np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0])
    assert np.ptp(angles) > 5.0  # all in-plane angles occur


def test_quaternion_product_is_the_product_of_the_rotations():
    first, second = random_quaternions(2, np.random.default_rng(4))
    product = rotation_matrices(multiply(first, second))[0]
    expected = rotation_matrices(first)[0] @ rotation_matrices(second)[0]
    np.testing.assert_allclose(product, expected, atol=1e-12)


def noisy(shape=(96, 96), seed=0):
    return np.random.default_rng(seed).normal(100.0, 10.0, shape).astype(np.float32)


def test_untouched_image_is_the_same_array():
    image = noisy()
    assert handle(image, Handling(), 24.0, np.random.default_rng(0)) is image


def test_eight_bits_are_eight_bits():
    levels = grey_levels(noisy(), 4.0)
    assert levels.min() >= 0
    assert levels.max() <= 255
    np.testing.assert_array_equal(levels, np.rint(levels))
    assert abs(np.corrcoef(levels.ravel(), noisy().ravel())[0, 1]) > 0.999


def test_jpeg_keeps_coarse_and_drops_fine_detail():
    rows = np.arange(96)
    coarse = 128 + 60 * np.sin(rows / 10)[:, None] * np.ones((1, 96))
    fine = 6.0 * (-1.0) ** (rows[:, None] + rows[None, :])
    made = compress((coarse + fine).astype(np.float32), 1.0)
    assert np.abs(made - coarse).mean() < 4.0
    assert made.shape == (96, 96)


def test_a_border_repeats_its_last_pixel():
    made = handle(noisy(), Handling(border=0.05), 24.0, np.random.default_rng(0))
    assert made.shape == (96, 96)
    np.testing.assert_array_equal(made[5:-5, 0], made[5:-5, 5])
    np.testing.assert_array_equal(made[0, 5:-5], made[5, 5:-5])


def test_low_pass_takes_noise_away_and_stripes_lie_along_rows():
    smooth = handle(noisy(), Handling(low_pass=0.08), 24.0, np.random.default_rng(0))
    assert smooth.std() < 0.3 * noisy().std()
    striped = handle(noisy(), Handling(stripes=2.0), 24.0, np.random.default_rng(0))
    assert striped.mean(axis=1).std() > 5 * striped.mean(axis=0).std()


def test_what_a_border_hides_is_no_truth():
    sample = replace(get_sample("diet-9").sampled((400, 400), None), coverage=0.6)
    whole = simulate_micrograph(sample, 2)
    hidden = simulate_micrograph(replace(sample, handling=Handling(border=0.1)), 2)
    kept = ((whole.coords >= 40) & (whole.coords <= 359)).all(axis=1)
    assert 0 < kept.sum() < len(whole.coords)
    np.testing.assert_array_equal(hidden.coords, whole.coords[kept])
