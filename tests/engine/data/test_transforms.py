"""The public transforms: image and target stay together, one seed repeats, edges are filled."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_unetpick.engine.data.transforms import Compose, CryoEMAugmentation, Normalize
from napari_unetpick.settings import NO_AUGMENTATION, AugmentSettings

pytestmark = pytest.mark.usefixtures("one_thread")

WARP = AugmentSettings(noise=0, contrast=0, blur=0, spectrum=0, ice=0)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def blobs(batch: int, side: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    """A dark blob away from the middle of each patch, in weak noise, and its disc."""
    y, x = np.mgrid[:side, :side].astype(np.float32)
    far = np.hypot(y - 24, x - 40)
    noise = 0.3 * np.random.default_rng(5).normal(size=far.shape)
    image = torch.from_numpy((100 - 10 * np.exp(-(far**2) / 18) + noise).astype(np.float32))
    image = image[None, None].repeat(batch, 1, 1, 1)
    target = torch.from_numpy((far <= 4).astype(np.float32))[None, None].repeat(batch, 1, 1, 1)
    return image, target


def test_the_target_moves_with_the_image():
    transform = Compose([Normalize(clip=1e9), CryoEMAugmentation(settings=WARP)])
    image, target = transform(*blobs(16), seeded(1))
    assert image.shape == target.shape == (16, 1, 64, 64)
    for patch, disc in zip(image[:, 0], target[:, 0], strict=True):
        row, col = np.unravel_index(int(patch.argmin()), patch.shape)
        assert disc[row, col] == 1, "the darkest place is the particle's"
    places = {tuple(np.unravel_index(int(p.argmin()), p.shape)) for p in image[:, 0]}
    assert len(places) > 8, "each patch is warped in its own way"


def test_one_seed_repeats_and_another_differs():
    transform = Compose([Normalize(), CryoEMAugmentation(1.0)])
    first, again, other = (transform(*blobs(4), seeded(seed)) for seed in (3, 3, 4))
    torch.testing.assert_close(first, again)
    assert not torch.equal(first[0], other[0])


def test_without_a_generator_it_draws_from_torch_and_its_seed_repeats():
    for transform in (Compose([Normalize(), CryoEMAugmentation(0.5)]), CryoEMAugmentation(0.5)):
        torch.manual_seed(3)
        first, second = (transform(*blobs(4)) for _ in range(2))
        assert not torch.equal(first[0], second[0])
        torch.manual_seed(3)
        torch.testing.assert_close((transform(*blobs(4)), transform(*blobs(4))), (first, second))


def test_patches_that_are_not_square_are_refused():
    oblong = torch.zeros(2, 1, 64, 96)
    with pytest.raises(ValueError, match="64 x 96 pixels: cut square"):
        CryoEMAugmentation()(oblong, oblong)


def test_the_example_of_the_docs_runs():
    page = Path(__file__).parents[3] / "docs" / "how-to" / "tune-training.md"
    text = page.read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?CryoEMAugmentation.*?)```", text, re.DOTALL)
    names: dict[str, object] = {}
    exec(example, names)
    image, target = names["image"], names["target"]
    assert image.shape == target.shape == (8, 1, 96, 96)
    assert image.abs().max() > 0
    assert 0 < target.mean() < 0.5


def test_corners_are_filled_from_the_mirror_image():
    ones = torch.ones(32, 1, 64, 64)
    image, _ = CryoEMAugmentation(settings=WARP)(ones, torch.zeros_like(ones), seeded(0))
    torch.testing.assert_close(image, ones)


def test_normalised_patches_have_median_0_and_spread_1():
    image = torch.randn(5, 1, 128, 128, generator=seeded(2)) * 7 + 300
    image[0] = 42.0
    made, target = Normalize()(image, image)
    assert target is image
    assert (made[0] == 0).all()
    flat = made[1:].flatten(1)
    torch.testing.assert_close(flat.median(1).values, torch.zeros(4), atol=1e-3, rtol=0)
    torch.testing.assert_close(flat.std(1), torch.ones(4), atol=0.03, rtol=0)
    assert made.abs().max() <= 5


def test_without_any_change_the_pair_stays_and_p_is_a_probability():
    image, target = blobs(2)
    same = CryoEMAugmentation(0.0, settings=NO_AUGMENTATION)(image, target, seeded(0))
    torch.testing.assert_close(same, (image, target))
    with pytest.raises(ValueError, match="probability"):
        CryoEMAugmentation(1.5)
