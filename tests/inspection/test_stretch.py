"""Picks of images of another shape or of nearly the same size are found out, right ones are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_unetpick.inspection.inspect_picks import Known, inspect_picks
from napari_unetpick.inspection.orientation import read_orientation
from napari_unetpick.inspection.sample import map_image, read_sample
from napari_unetpick.inspection.stretch import find_stretch
from napari_unetpick.io.assign import assign_picks
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.images.image import open_images
from napari_unetpick.io.images.listing import list_micrographs

SHAPE = (560, 640)
SQUEEZED = (256 / 560, 256 / 640)  # both sides to 256 pixels, as a network's input


def changed(planted, rows: float, cols: float):
    return {k: replace(p, coords=p.coords * (rows, cols)) for k, p in planted.picks.items()}


@pytest.mark.parametrize("rows,cols", [(0.93, 1), (1.07, 1.07)])
def test_a_planted_stretch_is_found(barrel, rows: float, cols: float):
    find_planted(barrel, rows, cols)


@pytest.mark.parametrize("rows,cols", [(1, 560 / 640), (0.94, 0.94), SQUEEZED], ids=str)
def test_a_planted_stretch_is_found_in_every_set(any_set, rows: float, cols: float):
    find_planted(any_set, rows, cols)


def find_planted(any_set, rows: float, cols: float) -> None:
    wrong = changed(any_set, rows, cols)
    (found,) = inspect_picks(wrong, any_set.known, sizes=True)[1]
    assert found.kind == "scale"
    told = str(found).partition(" with y ")[2].split(" times")[0].split(" and x ")
    np.testing.assert_allclose([float(each) for each in told], [1 / rows, 1 / cols], rtol=0.03)
    if rows == cols:
        assert found.scale == pytest.approx(1 / rows, rel=0.02)
        assert f"--scale {found.scale:g}" in str(found)
    else:
        assert found.scale is None
        assert "multiply them in the file" in str(found)


@pytest.mark.parametrize("text", ["flip-y", "flip-y+flip-x"])
def test_a_stretch_and_an_orientation_are_found_together(barrel, text: str):
    turn = read_orientation(text)
    wrong = {
        k: replace(p, coords=turn.apply(p.coords, SHAPE) * 0.96) for k, p in barrel.picks.items()
    }
    (found,) = inspect_picks(wrong, barrel.known)[1]
    assert found.orientation == turn
    assert found.scale == pytest.approx(1 / 0.96, rel=0.01)
    assert f"give --scale {found.scale:g} --orientation {text}" in str(found)


def test_places_that_are_no_particles_fit_no_better_stretched(any_set):
    rng = np.random.default_rng(0)
    diameters = any_set.known.diameters_of(any_set.picks)
    for _ in range(2):
        chance = {
            k: replace(p, coords=rng.uniform(0, 1, p.coords.shape) * SHAPE)
            for k, p in any_set.picks.items()
        }
        sample = read_sample(chance, any_set.known.micrographs, diameters, map_image)
        assert find_stretch(sample, (0.99, 0.99))[2] < 1.7


def test_a_stretch_is_found_where_picks_end_early(barrel):
    """On a third of the images is carbon: where the last picks are is no edge."""
    left = {k: p.select(p.coords[:, 1] < 0.67 * SHAPE[1]) for k, p in barrel.picks.items()}
    wrong = {k: replace(p, coords=p.coords * (0.9, 0.9)) for k, p in left.items()}
    (found,) = inspect_picks(wrong, barrel.known)[1]
    assert found.scale == pytest.approx(1 / 0.9, rel=0.02)


def test_labels_on_one_side_are_not_stretched_over_the_rest(barrel):
    """Carbon on the other side: they end early, and fit."""
    left = {k: p.select(p.coords[:, 1] < 0.7 * SHAPE[1]) for k, p in barrel.picks.items()}
    assert inspect_picks(left, barrel.known, sizes=True)[1] == []


@pytest.mark.parametrize("name", ["apoferritin", "betagal"])
def test_real_picks_of_squeezed_images_are_found(real_data: Path, name: str):
    given = list_micrographs(str(real_data / name / "*.mrc"))
    images = open_images(given)
    known = Known({each.key: each for each in given}, images)
    picks = assign_picks(read_picks(real_data / name / "picks.csv"), given, images.shapes)
    wrong = {k: replace(p, coords=p.coords * (1, 0.75)) for k, p in picks.items()}
    (found,) = inspect_picks(wrong, known)[1]
    assert "with y 1 and x 1.3" in str(found)
