"""Patches: cut where they should be, empty past the border, balanced in number."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpick.engine.data import patches
from napari_unetpick.engine.data.patches import PatchSource, Place, draw_places, worst
from napari_unetpick.errors import EngineError, InputError


@pytest.fixture
def source(tmp_path):
    return PatchSource(tmp_path / "cache")


def store(source, index, shape, seed=0):
    rng = np.random.default_rng(seed)
    image = rng.normal(0, 1, shape).astype(np.float16).astype(np.float32)
    planes = rng.integers(0, 256, (2, *shape)).astype(np.uint8)
    source.put_image(index, image)
    source.put_targets(index, planes)
    return image, planes


def test_a_patch_inside_is_a_window(source):
    image, planes = store(source, 3, (80, 90))
    patch = source.cut(3, 40.4, 50.6, 32)  # centre rounded to (40, 51)
    window = (slice(24, 56), slice(35, 67))
    np.testing.assert_array_equal(patch[0], image[window])
    np.testing.assert_allclose(patch[1:], planes[:, *window] / 255, atol=1e-6)


@pytest.mark.parametrize("row, col", [(2, 3), (77, 88), (40, -6), (95, 45)])
def test_past_the_border_is_nothing_that_weighs_nothing(source, row, col):
    image, planes = store(source, 0, (80, 90))
    patch = source.cut(0, row, col, 48)
    pad = 64
    top, left = row - 24 + pad, col - 24 + pad
    window = (slice(top, top + 48), slice(left, left + 48))
    np.testing.assert_array_equal(patch[0], np.pad(image, pad)[window])
    for plane, one in zip(planes, patch[1:], strict=True):
        np.testing.assert_allclose(one, np.pad(plane, pad)[window] / 255, atol=1e-6)


def test_a_patch_larger_than_the_micrograph_is_filled(source):
    image, _ = store(source, 0, (20, 30))
    patch = source.cut(0, 10, 15, 100)
    np.testing.assert_array_equal(patch[0], np.pad(image, 60)[20:120, 25:125])
    assert (patch[2] > 0).sum() <= 20 * 30


def test_many_micrographs_share_few_open_files(source, monkeypatch):
    monkeypatch.setattr(patches, "OPEN_MAPS", 3)
    images = [store(source, index, (16, 16), seed=index)[0] for index in range(6)]
    for index in [0, 5, 2, 2, 4, 1, 0, 3]:
        np.testing.assert_array_equal(source.image(index), images[index])
        np.testing.assert_array_equal(source.cut(index, 8, 8, 16)[0], images[index])
        assert len(source._open) <= 3


def test_new_targets_replace_the_old_ones_at_once(source):
    store(source, 0, (16, 16))
    source.cut(0, 8, 8, 16)  # opens the file
    source.put_targets(0, np.full((2, 16, 16), 255, np.uint8))
    assert (source.cut(0, 8, 8, 16)[1:] == 1).all()


def test_a_second_source_finds_what_the_first_stored(source):
    image, _ = store(source, 7, (12, 14))
    again = PatchSource(source.folder, keep=True)
    assert again.has_image(7)
    assert not again.has_image(6)
    assert again.shape(7) == (12, 14)
    np.testing.assert_array_equal(again.image(7), image)
    assert not PatchSource(source.folder).has_image(7)  # starts from scratch
    again.remove()
    assert not source.folder.exists()


def test_a_run_that_does_not_fit_on_the_disk_is_refused(source):
    store(source, 0, (100, 100))
    source.check_room(40_000)
    with pytest.raises(EngineError, match=r"training needs 1048576\.0 GiB of disk"):
        source.check_room(2**50)


def test_a_file_where_the_cache_should_be_is_one_clear_line(tmp_path):
    (tmp_path / "run").write_text("mine")
    with pytest.raises(InputError, match="is a file where a folder is needed"):
        PatchSource(tmp_path / "run" / "cache")


SHAPES = {0: (200, 300), 1: (100, 100), 4: (150, 120)}


def centres():
    rng = np.random.default_rng(8)
    return {
        0: rng.uniform(20, 180, (30, 2)),
        1: np.empty((0, 2)),
        4: rng.uniform(20, 100, (10, 2)),
    }


def draw(count=4000, *, balanced=True, hard=(), seed=1, points=None):
    return draw_places(
        np.random.default_rng(seed),
        centres() if points is None else points,
        SHAPES,
        count,
        96,
        balanced=balanced,
        hard=list(hard),
    )


def test_half_of_the_patches_lie_around_particles_all_equally_likely():
    places = [p for p in draw() if not p.background]
    assert len(places) == 2000
    drawn = {0: np.zeros(30), 4: np.zeros(10)}
    for place in places:
        points = centres()[place.micrograph]
        apart = np.abs(points - [place.row, place.col])
        reached = (apart <= 96 / 3).all(axis=1)
        assert reached.any()
        drawn[place.micrograph][reached] += 1 / reached.sum()
    share = drawn[0].sum() / 2000
    assert share == pytest.approx(30 / 40, abs=0.04)


def test_hard_places_are_a_quarter_and_the_rest_lies_anywhere():
    hard = [Place(1, 50.0, 60.0, background=True)]
    background = [p for p in draw(hard=hard) if p.background]
    assert len(background) == 2000
    near = [
        p
        for p in background
        if p.micrograph == 1 and abs(p.row - 50) <= 24 and abs(p.col - 60) <= 24
    ]
    assert 1000 <= len(near) < 1250
    without = [p for p in draw() if p.background]
    assert len(without) == 2000
    counts = np.bincount([p.micrograph for p in without], minlength=5)
    assert counts[[0, 1, 4]].min() > 550
    assert all(0 <= p.row <= SHAPES[p.micrograph][0] for p in without)
    assert all(0 <= p.col <= SHAPES[p.micrograph][1] for p in without)
    wide = np.array([[p.row, p.col] for p in without if p.micrograph == 0])
    np.testing.assert_allclose(wide.mean(axis=0), [100, 150], rtol=0.1)


def test_unbalanced_and_empty_sets_are_drawn_from_anywhere():
    hard = [Place(1, 50.0, 60.0, background=True)]
    assert all(p.background for p in draw(500, balanced=False, hard=hard))
    nothing = {index: np.empty((0, 2)) for index in SHAPES}
    assert all(p.background for p in draw(500, points=nothing))


def test_one_seed_draws_one_set_of_places():
    assert draw(100) == draw(100)
    assert draw(100) != draw(100, seed=2)


def test_the_worst_quarter_is_hard():
    places = [Place(0, float(i), 0.0, background=True) for i in range(20)]
    errors = np.random.default_rng(0).permutation(20).astype(float).tolist()
    found = worst(list(zip(places, errors, strict=True)))
    assert sorted(errors[int(p.row)] for p in found) == [15, 16, 17, 18, 19]
    assert worst(list(zip(places[:7], errors[:7], strict=True))) == []
