"""The diameter estimate finds planted diameters."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpick.picking.diameter import Picture, estimate_diameter


def plant(
    kind: str, diameter: float, seed: int, *, count: int = 14, noise: float = 2.0, jitter: float = 0
) -> Picture:
    """Dark particles in noise, blurred as the display blurs; picks off by `jitter` pixels."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    shape = (420, 400)
    image = rng.normal(0, noise, shape)
    y, x = np.mgrid[: shape[0], : shape[1]]
    places: list[np.ndarray] = []
    while len(places) < count:
        place = rng.uniform(0.7 * diameter, np.array(shape) - 0.7 * diameter)
        if all(np.hypot(*(place - other)) > 1.2 * diameter for other in places):
            places.append(place)
    for row, col in places:
        r = np.hypot(y - row, x - col) / (diameter / 2)
        ball = np.sqrt(np.clip(1 - r**2, 0, None))
        hole = 0.66 * np.sqrt(np.clip(1 - (r / 0.66) ** 2, 0, None))
        image -= {"disc": 1.0 * (r < 1), "ball": ball, "shell": 1.3 * (ball - hole)}[kind]
    coords = np.array(places)
    coords = coords + rng.normal(0, jitter, coords.shape)
    return Picture(gaussian_filter(image, 1).astype(np.float32), coords, 4.0)


@pytest.mark.parametrize("diameter", [14.0, 24.0, 48.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_disc_within_a_tenth(diameter: float, seed: int) -> None:
    picture = plant("disc", diameter, seed, jitter=0.04 * diameter)
    found = estimate_diameter([picture], np.random.default_rng(0))
    assert found is not None
    assert found.diameter == pytest.approx(4.0 * diameter, rel=0.1)
    assert found.sure
    assert found.count >= 10


@pytest.mark.parametrize("kind", ["ball", "shell"])
@pytest.mark.parametrize("diameter", [16.0, 40.0])
def test_round_particles_within_the_tolerated_fifth(kind: str, diameter: float) -> None:
    found = estimate_diameter([plant(kind, diameter, 3)], np.random.default_rng(0))
    assert found is not None
    assert found.diameter == pytest.approx(4.0 * diameter, rel=0.15)


def test_micrographs_are_averaged_over_and_may_differ_in_pixel_size() -> None:
    first = plant("disc", 24.0, 0, count=6)
    second = plant("disc", 32.0, 1, count=6)
    pictures = [first, Picture(second.image, second.coords, 3.0)]  # 24 x 4 = 32 x 3 = 96 A
    found = estimate_diameter(pictures, np.random.default_rng(0))
    assert found is not None
    assert found.diameter == pytest.approx(96.0, rel=0.1)
    assert found.count == 12


def test_large_images_are_binned_first() -> None:
    picture = plant("disc", 24.0, 0)
    large = np.kron(picture.image, np.ones((6, 6), np.float32))
    coords = picture.coords * 6 + 2.5  # a pixel's centre in the enlarged image
    found = estimate_diameter([Picture(large, coords, 1.0)], np.random.default_rng(0))
    assert found is not None
    assert found.diameter == pytest.approx(144.0, rel=0.1)


def test_few_picks_give_none_and_noise_is_not_sure() -> None:
    picture = plant("disc", 24.0, 0, count=9)
    assert estimate_diameter([picture], np.random.default_rng(0)) is None
    rng = np.random.default_rng(1)
    noise = Picture(
        rng.normal(size=(400, 400)).astype(np.float32), rng.uniform(60, 340, (12, 2)), 1.0
    )
    found = estimate_diameter([noise], np.random.default_rng(0))
    assert found is None or not found.sure


def test_picks_at_the_border_do_no_harm() -> None:
    picture = plant("disc", 24.0, 2)
    coords = np.concatenate([picture.coords, [[0.0, 0.0], [419.0, 399.0], [-3.0, 200.0]]])
    found = estimate_diameter(
        [Picture(picture.image, coords, picture.pixel_size)], np.random.default_rng(0)
    )
    assert found is not None
    assert found.diameter == pytest.approx(96.0, rel=0.1)
