"""Augmentation: labels move with the image, and each change does what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_unetpick.engine.data.augment import BatchAugmentation
from napari_unetpick.settings import NO_AUGMENTATION, AugmentSettings

pytestmark = pytest.mark.usefixtures("one_thread")

PATCH, DIAMETER = 64, 24.0
ALL = AugmentSettings(
    probability=1.0,
    rotation=True,
    flip=True,
    scale=0.2,
    elastic=0.04,
    noise=0.4,
    contrast=0.3,
    blur=0.06,
    spectrum=1.0,
    ice=0.5,
)
WARP = replace(ALL, noise=0.0, contrast=0.0, blur=0.0, spectrum=0.0, ice=0.0)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def make_stack(size, batch, centre, radius=5.0):
    """A blob and its disc at the same (row, col) of every patch, weight 1."""
    row, col = np.indices((size, size), dtype=np.float32)
    far = np.hypot(row - centre[0], col - centre[1])
    planes = np.stack([np.exp(-(far**2) / 18), far <= radius, np.ones_like(far)])
    return torch.from_numpy(planes.astype(np.float32)).expand(batch, -1, -1, -1).clone()


def centroids(images):
    """(B, 2) centres of mass of (B, 1, H, W)."""
    weights = images[:, 0].double()
    total = weights.sum((1, 2))
    axis = torch.arange(weights.shape[-1], dtype=torch.float64)
    rows = (weights.sum(2) * axis).sum(1) / total
    cols = (weights.sum(1) * axis).sum(1) / total
    return torch.stack([rows, cols], 1).numpy()


def augment(settings, stack, seed=0, patch=PATCH):
    return BatchAugmentation(settings, DIAMETER)(stack, patch, generator(seed))


@pytest.mark.parametrize(
    "settings",
    [
        WARP,
        replace(NO_AUGMENTATION, rotation=True),
        replace(NO_AUGMENTATION, flip=True),
        replace(NO_AUGMENTATION, scale=0.3),
        replace(NO_AUGMENTATION, elastic=0.06),
    ],
)
def test_image_and_target_stay_aligned(settings):
    size = BatchAugmentation(settings, DIAMETER).source_size(PATCH)
    middle = size / 2
    stack = make_stack(size, 24, (middle - 9.3, middle + 7.6))
    image, target, _ = augment(settings, stack)
    assert image.shape == target.shape == (24, 1, PATCH, PATCH)
    assert np.linalg.norm(centroids(image) - centroids(target), axis=1).max() < 0.5


def test_rotation_turns_about_the_centre_by_any_angle():
    settings = replace(NO_AUGMENTATION, rotation=True)
    size = BatchAugmentation(settings, DIAMETER).source_size(PATCH)
    offset = np.array([-11.0, 6.0])
    stack = make_stack(size, 64, (size - 1) / 2 + offset)
    found = centroids(augment(settings, stack)[0]) - (PATCH - 1) / 2
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), np.linalg.norm(offset), atol=0.3)
    angles = np.sort(np.arctan2(*found.T))
    assert np.diff(angles).max() < 0.6  # no gap: all directions come up
    assert angles.max() - angles.min() > 5.5


def test_flips_mirror_half_of_the_patches():
    settings = replace(NO_AUGMENTATION, flip=True)
    image = torch.randn(64, 3, PATCH, PATCH, generator=generator(5))
    warped, _, _ = augment(settings, image)
    same = [torch.allclose(a, b, atol=1e-4) for a, b in zip(warped, image[:, :1], strict=True)]
    mirrored = [
        torch.allclose(a, b.flip(-1), atol=1e-4) for a, b in zip(warped, image[:, :1], strict=True)
    ]
    assert all(a or b for a, b in zip(same, mirrored, strict=True))
    assert 16 < sum(mirrored) < 48


def test_scale_makes_discs_larger_and_smaller_within_its_strength():
    settings = replace(NO_AUGMENTATION, scale=0.25)
    size = BatchAugmentation(settings, DIAMETER).source_size(PATCH)
    stack = make_stack(size, 64, ((size - 1) / 2, (size - 1) / 2), radius=12)
    area = augment(settings, stack)[1].sum((1, 2, 3)).numpy()
    factor = np.sqrt(area / (np.pi * 144))
    assert factor.min() > 1 / 1.25 - 0.02
    assert factor.max() < 1.25 + 0.02
    assert factor.min() < 0.87
    assert factor.max() > 1.15


def test_targets_stay_binary_and_weights_a_share():
    size = BatchAugmentation(ALL, DIAMETER).source_size(PATCH)
    image, target, weight = augment(ALL, make_stack(size, 16, (size / 2, size / 2)))
    assert set(target.unique().tolist()) == {0.0, 1.0}
    assert weight.min() >= 0
    assert weight.max() <= 1 + 1e-6
    assert torch.isfinite(image).all()


def test_what_lies_outside_the_source_weighs_nothing():
    turned = replace(NO_AUGMENTATION, rotation=True)
    _, target, weight = augment(turned, make_stack(PATCH, 32, (32, 32)))  # too small a source
    row, col = np.indices((PATCH, PATCH)) - (PATCH - 1) / 2
    inner = np.hypot(row, col) < PATCH / 2 - 1
    assert (weight[:, 0, inner] > 0.999).all()
    corners = weight[:, 0, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners == 0).float().mean() > 0.8
    assert (target.sum((1, 2, 3)) > 60).all()


def test_weight_zero_of_the_micrograph_moves_along():
    stack = make_stack(PATCH, 64, (32, 32))
    stack[:, 2, :, : PATCH // 2] = 0  # the left half lies outside the micrograph
    _, _, weight = augment(replace(NO_AUGMENTATION, flip=True), stack)
    left, right = weight[..., : PATCH // 2], weight[..., PATCH // 2 :]
    mirrored = left.sum((1, 2, 3)) > 0
    assert 16 < mirrored.sum() < 48
    assert (right[mirrored] == 0).all()
    assert (left[~mirrored] == 0).all()


def test_the_source_is_large_enough_to_fill_every_patch():
    size = BatchAugmentation(WARP, DIAMETER).source_size(PATCH)
    _, _, weight = augment(WARP, make_stack(size, 128, (size / 2, size / 2)))
    assert (weight > 0.999).float().mean() > 0.9995
    assert BatchAugmentation(NO_AUGMENTATION, DIAMETER).source_size(PATCH) == PATCH


def test_one_seed_gives_one_result():
    size = BatchAugmentation(ALL, DIAMETER).source_size(PATCH)
    stack = make_stack(size, 8, (size / 2, size / 2))
    first, again, other = (augment(ALL, stack, seed) for seed in (4, 4, 5))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


def test_all_strengths_at_zero_change_nothing():
    stack = make_stack(PATCH, 6, (20, 30))
    stack[:, 0] += torch.randn(6, PATCH, PATCH, generator=generator(1))
    image, target, weight = augment(NO_AUGMENTATION, stack)
    assert torch.equal(image, stack[:, :1])
    assert torch.equal(target, stack[:, 1:2])
    assert torch.equal(weight, stack[:, 2:])


def test_probability_zero_leaves_the_brightness_alone():
    settings = replace(ALL, probability=0.0, ice=0.0)
    size = BatchAugmentation(settings, DIAMETER).source_size(PATCH)
    stack = make_stack(size, 4, (size / 2, size / 2))
    warped = BatchAugmentation(replace(WARP, probability=0.0), DIAMETER)
    expected = warped(stack, PATCH, generator(2))[0]
    torch.testing.assert_close(augment(settings, stack, 2)[0], expected, atol=1e-5, rtol=0)


def test_contrast_multiplies_and_shifts_within_its_strength():
    settings = replace(NO_AUGMENTATION, probability=1.0, contrast=0.3)
    stack = torch.zeros(400, 3, 8, 8)
    stack[:, 0, :, 4:] = 1.0
    image = augment(settings, stack, patch=8)[0][:, 0]
    shift, gain = image[:, 0, 0], image[:, 0, 7] - image[:, 0, 0]
    assert shift.abs().max() <= 0.3
    assert shift.std() == pytest.approx(0.3 / 3**0.5, rel=0.15)
    assert gain.log().abs().max() <= 0.3 + 1e-5
    assert gain.log().mean().abs() < 0.03
    assert gain.log().std() == pytest.approx(0.3 / 3**0.5, rel=0.15)


def test_probability_is_the_share_of_changed_patches():
    settings = replace(NO_AUGMENTATION, probability=0.3, contrast=0.3)
    image = augment(settings, torch.ones(600, 3, 8, 8), patch=8)[0]
    assert (image[:, 0, 0, 0] != 1).float().mean() == pytest.approx(0.3, abs=0.06)


def test_noise_is_white_and_as_strong_as_asked():
    settings = replace(NO_AUGMENTATION, probability=1.0, noise=0.4)
    image = augment(settings, torch.zeros(200, 3, 32, 32), patch=32)[0]
    spread = image.std((1, 2, 3))
    assert spread.max() < 0.42
    assert spread.mean() == pytest.approx(0.2, abs=0.03)
    assert image.mean().abs() < 0.01
    neighbours = (image[..., 1:] * image[..., :-1]).mean() / image.square().mean()
    assert neighbours.abs() < 0.02


def test_blur_smooths_and_keeps_the_mean():
    settings = replace(NO_AUGMENTATION, probability=1.0, blur=0.06)
    stack = torch.randn(40, 3, PATCH, PATCH, generator=generator(3))
    image = augment(settings, stack)[0]
    before, after = stack[:, :1].std((1, 2, 3)), image.std((1, 2, 3))
    assert (after <= before * 1.001).all()
    assert (after / before).min() < 0.4  # sigma 0.06 x 24 = 1.44 px
    torch.testing.assert_close(image.mean((1, 2, 3)), stack[:, 0].mean((1, 2)), atol=0.03, rtol=0)
    row = torch.zeros(1, 3, PATCH, PATCH)
    row[0, 0, 32, 32] = 1.0
    np.testing.assert_allclose(centroids(augment(settings, row)[0]), [[32, 32]], atol=1e-4)


def test_spectrum_is_a_smooth_gain_by_width_that_moves_nothing():
    settings = replace(NO_AUGMENTATION, probability=1.0, spectrum=1.0)
    stack = torch.randn(40, 3, PATCH, PATCH, generator=generator(3)) * 2 + 5
    image = augment(settings, stack)[0]
    for statistic in (torch.mean, torch.std):
        kept = [statistic(x, (2, 3)) for x in (image, stack[:, :1])]
        torch.testing.assert_close(*kept, atol=1e-3, rtol=0)
    gain = (torch.fft.rfft2(image) / torch.fft.rfft2(stack[:, :1]))[:, 0]
    # zero phase: nothing moves; Nyquist's column is real by itself
    assert gain.real.min() > 0
    assert gain.imag[..., 1:-1].abs().max() < 1e-2 * gain.real.max()
    # the same in every direction, row and column of one frequency
    torch.testing.assert_close(gain.real[:, 1:32, 0], gain.real[:, 0, 1:32], rtol=0.02, atol=0.01)
    # the finest detail rules the standard deviation of white noise, which stays
    octaves = gain.real[:, 0, [1, 2, 4, 8, 16]].log()
    assert octaves.std(0).min() > 0.5  # differs from patch to patch, at any other width
    assert octaves.diff(dim=1).abs().mean() < octaves.std()  # neighbours are alike


def test_covered_particles_are_ignored_and_ice_itself_is_background():
    settings = replace(NO_AUGMENTATION, ice=1.0)
    stack = torch.zeros(64, 3, PATCH, PATCH)
    stack[:, 1:] = 1.0  # particle everywhere
    image, target, weight = augment(settings, stack)
    shade = image.abs()
    assert (shade.amax((1, 2, 3)) > 0.5).float().mean() > 0.8  # some blobs lie past the edge
    assert torch.equal(target, stack[:, 1:2])
    assert (weight[shade > 2.0] == 0).all()
    assert (weight[shade < 0.05] == 1).all()
    dark = (image.sum((1, 2, 3)) < 0).float().mean()
    assert 0.6 < dark < 0.95
    stack[:, 1] = 0.0
    assert (augment(settings, stack)[2] == 1).all()  # the network learns that ice is no particle


def test_ice_comes_as_often_as_asked():
    settings = replace(NO_AUGMENTATION, ice=0.25)
    image = augment(settings, torch.zeros(400, 3, 32, 32), patch=32)[0]
    assert (image.abs().amax((1, 2, 3)) > 0).float().mean() == pytest.approx(0.25, abs=0.07)
