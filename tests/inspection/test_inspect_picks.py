"""Wrong sets of picks are found out with the right figure; right ones pass without a word."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_unetpick.inspection.evidence import View, strength
from napari_unetpick.inspection.inspect_picks import MANY, Known, inspect_picks
from napari_unetpick.inspection.orientation import ORIENTATIONS, Orientation
from napari_unetpick.inspection.sample import MOST
from napari_unetpick.io.formats.csv_picks import read_csv
from napari_unetpick.io.images.image import Images, open_images, read_micrograph
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import Picks
from napari_unetpick.picking.peaks import keep_distant
from napari_unetpick.simulate.write import write_mrc

SHAPE = (560, 640)


def sized(picks, known: Known):
    return inspect_picks(picks, known, sizes=True)[1]


def findings(planted, picks=None, known: Known | None = None, name: str = ""):
    keyed = planted.picks if picks is None else {Path(n).stem: each for n, each in picks.items()}
    return inspect_picks(keyed, known or planted.known, name)[1]


def test_right_picks_pass_without_a_word(any_set):
    assert findings(any_set) == []
    assert sized(any_set.picks, any_set.known) == []
    assert findings(any_set, known=replace(any_set.known, dark=True)) == []
    assert findings(any_set, known=replace(any_set.known, diameter=None)) == []
    assert findings(any_set, known=Known(diameter=any_set.diameter, pixel_size=4.0)) == []


@pytest.mark.parametrize("wrong", ORIENTATIONS[1:], ids=str)
def test_a_planted_orientation_is_found_and_undone(any_set, wrong: Orientation):
    shape = any_set.known.images.shapes[next(iter(any_set.picks))]
    other = shape[::-1] if wrong.swap_xy else shape  # of the image that the picks were made on
    planted = any_set.changed(lambda coords: wrong.apply(coords, other))
    (found,) = findings(any_set, planted)
    assert found.kind == "orientation"
    assert found.orientation is not None
    for key, each in any_set.picks.items():
        back = found.orientation.apply(planted[each.micrograph].coords, shape)
        np.testing.assert_allclose(back, any_set.picks[key].coords, atol=1e-9)
    assert f"--orientation truth={found.orientation}" in str(
        findings(any_set, planted, name="truth")[0]
    )


@pytest.mark.parametrize("binning,sized", [(2, True), (4, True), (4, False), (0.5, True)])
def test_a_planted_scale_is_found(any_set, binning: float, sized: bool):
    planted = any_set.changed(lambda coords: coords / binning)
    known = any_set.known if sized else replace(any_set.known, diameter=None)
    (found,) = findings(any_set, planted, known)
    assert found.kind == "scale"
    assert found.scale == binning
    assert f"--scale {binning:g}" in str(found)


@pytest.mark.parametrize("binning", [5.625, 2.4, 1 / 1.5, 12])
def test_a_scale_that_is_not_whole_is_found_to_some_pixels(barrel, binning: float):
    """5.625 is 5760 by 1024 pixels: rounded to 6, picks would lie 40 pixels beside."""
    planted = barrel.changed(lambda coords: coords / binning)
    (found,) = findings(barrel, planted)
    assert found.scale == pytest.approx(binning, rel=0.012)  # 8 px of 640
    if binning == 12:
        assert found.scale == 12


def test_a_scale_is_found_where_a_third_of_the_images_is_carbon(barrel):
    left = {k: p.select(p.coords[:, 0] < 0.66 * SHAPE[0]) for k, p in barrel.picks.items()}
    half = {k: replace(p, coords=p.coords / 2) for k, p in left.items()}
    assert inspect_picks(left, barrel.known)[1] == []
    (found,) = inspect_picks(half, barrel.known)[1]
    assert found.scale == 2


def test_a_scale_and_an_orientation_are_found_together(barrel):
    shape = barrel.known.images.shapes["barrel_1"]
    wrong = Orientation(flip_y=True, flip_x=True)
    planted = barrel.changed(lambda coords: wrong.apply(coords, shape) / 2)
    (found,) = findings(barrel, planted)
    assert (found.scale, found.orientation) == (2, wrong)
    assert "give --scale 2 --orientation flip-y+flip-x" in str(found)


def test_a_scale_is_found_from_the_distances_alone(barrel):
    planted = barrel.changed(lambda coords: coords / 4)
    (found,) = findings(barrel, planted, Known(diameter=barrel.diameter, pixel_size=4.0))
    assert found.kind == "spacing"
    assert found.scale == pytest.approx(4, rel=0.25)
    assert 0.18 < float(str(found).split("are ")[1].split(" ")[0]) < 0.28


def test_a_programs_candidates_may_lie_close_but_labels_may_not(barrel):
    rng = np.random.default_rng(0)
    width = barrel.diameter / 4.0
    near = {
        key: replace(
            p,
            coords=np.concatenate(
                [p.coords, p.coords + rng.uniform(0.2, 0.25, (len(p), 2)) * width]
            ),
        )
        for key, p in barrel.picks.items()
    }
    assert inspect_picks(near, barrel.known)[1] == []
    (found,) = sized(near, barrel.known)
    assert found.kind == "spacing"


def test_labels_of_one_corner_are_right(barrel):
    corner = {
        key: each.select((each.coords < (280, 320)).all(axis=1))
        for key, each in barrel.picks.items()
    }
    assert inspect_picks(corner, barrel.known)[1] == []
    known = replace(barrel.known, diameter=None)
    assert inspect_picks(corner, known)[1] == []


def test_picks_of_other_micrographs_are_no_better_than_chance(any_set):
    keys = list(any_set.picks)
    shifted = {
        key: any_set.picks[other] for key, other in zip(keys, keys[1:] + keys[:1], strict=True)
    }
    found = inspect_picks(shifted, any_set.known)[1]
    certain = sum(map(len, shifted.values())) >= MANY
    assert [each.kind for each in found] == ["chance"] * certain


def test_a_micrograph_with_the_picks_of_another_is_named(any_set):
    moved = dict(any_set.picks)
    key = sorted(moved)[1]
    moved[key] = replace(moved[key], coords=(moved[key].coords + 150) % SHAPE)
    found = inspect_picks(moved, any_set.known)[1]
    enough = all(len(each) >= MANY / 2 for each in moved.values())
    assert [each.kind for each in found] == ["chance"] * enough
    assert not enough or "picks of 1 of 3 micrographs checked" in str(found[0])
    assert not enough or f"such as {key}" in str(found[0])


def test_light_particles_are_reported_where_dark_ones_are_expected(barrel, tmp_path: Path):
    for each in barrel.micrographs:
        image = read_micrograph(each.path).data
        write_mrc(tmp_path / each.path.name, np.float32(image.max()) - image, 4.0)
    given = list_micrographs(str(tmp_path))
    known = Known({m.key: m for m in given}, open_images(given), barrel.diameter)
    assert findings(barrel, known=known) == []
    (found,) = findings(barrel, known=replace(known, dark=True))
    assert found.kind == "contrast"
    assert "lighter" in str(found)


def with_pixel_size(barrel, folder: Path, sizes: list[float]) -> Known:
    for each, size in zip(barrel.micrographs, sizes, strict=True):
        image = np.asarray(read_micrograph(each.path).data, np.float32)
        write_mrc(folder / each.path.name, image, size)
    given = list_micrographs(str(folder))
    return Known({m.key: m for m in given}, open_images(given), barrel.diameter)


def test_a_pixel_size_unlike_the_others_is_reported(barrel, tmp_path: Path):
    (found,) = sized(barrel.picks, with_pixel_size(barrel, tmp_path, [4.0, 4.0, 3.2]))
    assert found.kind == "pixel size"
    assert "4 A/px in most micrographs, 3.2 in 1 of 3 (such as barrel_3, 3.2)" in str(found)
    some = {key: barrel.picks[key] for key in ("barrel_1", "barrel_2")}  # the third is unlabelled
    (found,) = sized(some, with_pixel_size(barrel, tmp_path, [4.0, 4.0, 3.2]))
    assert found.kind == "pixel size"


def test_pixel_sizes_of_optics_groups_and_calibrations_may_differ(barrel, tmp_path: Path):
    known = with_pixel_size(barrel, tmp_path, [4.0, 4.08, 4.0])
    assert sized(barrel.picks, known) == []
    known = with_pixel_size(barrel, tmp_path, [4.0, 4.0, 3.2])
    groups = {
        key: replace(m, optics_group=int(key[-1]), pixel_size=known.images.pixel_sizes[key])
        for key, m in known.micrographs.items()
    }
    assert sized(barrel.picks, replace(known, micrographs=groups)) == []


def _thinned(picks: Picks, distance: float) -> Picks:
    kept = keep_distant(picks.coords, np.arange(len(picks))[::-1].astype(float), distance)
    return picks.select(kept)


def test_a_header_of_exactly_one_is_held_against_the_picks(barrel, tmp_path: Path):
    known = with_pixel_size(barrel, tmp_path, [1.0] * 3)
    (found,) = sized(barrel.picks, known)
    assert found.kind == "pixel size"
    proposed = float(str(found).split("about ")[1].split(" ")[0])
    assert proposed == pytest.approx(4.0, rel=0.25)
    assert sized(barrel.picks, replace(known, diameter=barrel.diameter / 4)) == []
    apart = {key: _thinned(p, 2 * barrel.diameter / 4) for key, p in barrel.picks.items()}
    (found,) = sized(apart, known)  # too far from each other to be told by it
    assert found.kind == "pixel size"
    (found,) = sized(barrel.picks, replace(known, pixel_size=1.0))  # as the user says
    assert found.kind == "spacing"


def test_of_many_micrographs_few_are_read_from_all_over_the_set(barrel):
    path = barrel.micrographs[0].path
    every = [f"m_{number:04d}" for number in range(300)]
    picks = {
        key: replace(barrel.picks["barrel_1"].select(np.arange(40)), micrograph=key)
        for key in every
    }
    micrographs = {key: Micrograph(path.with_name(key), key) for key in every}
    images = Images(dict.fromkeys(every, SHAPE), dict.fromkeys(every, 4.0))
    read: list[str] = []

    def open_image(asked: Path):
        read.append(asked.name)
        return read_micrograph(path).data

    known = Known(micrographs, images, barrel.diameter, open_image=open_image)
    assert inspect_picks(picks, known)[1] == []
    assert len(read) == len(set(read)) == MOST
    numbers = sorted(int(name[2:]) for name in read)
    assert max(np.diff([0, *numbers, 300])) <= 2 * 300 / MOST


def test_evidence_of_few_picks_is_quiet(barrel):
    few = {key: each.select(np.arange(8)) for key, each in barrel.picks.items()}
    turned = {
        k: replace(p, coords=Orientation(flip_y=True).apply(p.coords, (560, 640)))
        for k, p in few.items()
    }
    assert inspect_picks(few, barrel.known)[1] == []
    assert inspect_picks(turned, barrel.known)[1] == []


def test_an_image_without_signal_has_no_evidence():
    view = View(np.zeros((400, 400), np.float32), 40.0)
    coords = np.random.default_rng(0).uniform(0, 400, (60, 2))
    assert view.evidence(coords) is None
    assert strength([]) == 0.0
    assert view.contrast(coords) == 0.0


@pytest.mark.parametrize("name", ["apoferritin", "betagal"])
def test_real_picks_pass_and_their_mirror_image_does_not(real_data: Path, name: str):
    folder = real_data / name
    given = list_micrographs(str(folder / "*.mrc"))
    picks = {
        Path(n).stem if n.endswith(".mrc") else n: p
        for n, p in read_csv(folder / "picks.csv").items()
    }
    known = Known({m.key: m for m in given}, open_images(given))
    own = {key: picks[key] for key in known.micrographs}
    assert inspect_picks(own, known)[1] == []
    assert inspect_picks(own, replace(known, dark=True))[1] == []
    for wrong in ORIENTATIONS[1:4]:
        turned = {key: wrong.turn(p, known.images.shapes[key]) for key, p in own.items()}
        (found,) = inspect_picks(turned, known)[1]
        assert found.orientation == wrong


def test_a_column_of_diameters_is_scaled_with_the_coordinates(barrel):
    width = barrel.diameter / 4.0
    half = {
        key: Picks(p.micrograph, p.coords / 2, diameters=np.full(len(p), width / 2))
        for key, p in barrel.picks.items()
    }
    (found,) = inspect_picks(half, replace(barrel.known, diameter=None))[1]
    assert (found.kind, found.scale) == ("scale", 2)
