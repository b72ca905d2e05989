"""Orientations: read, applied to places and angles, and refused where they need a size."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.inspection.correction import make_correction, read_corrections
from napari_unetpick.inspection.orientation import (
    AS_READ,
    ORIENTATIONS,
    Orientation,
    read_orientation,
    turn_picks,
)
from napari_unetpick.io.picks import Picks, PickSet

SHAPE = (100, 200)


@pytest.mark.parametrize("each", ORIENTATIONS, ids=str)
def test_what_is_written_is_read(each: Orientation):
    assert read_orientation(str(each)) == each


def test_steps_come_in_any_order_and_case():
    assert read_orientation("Flip-X + swap-xy") == Orientation(swap_xy=True, flip_x=True)
    for text in ("", "flip", "flip-y+flip-y", "none+flip-y"):
        with pytest.raises(InputError, match="--orientation"):
            read_orientation(text)


def test_places_are_those_of_the_turned_image():
    image = np.zeros(SHAPE)
    image[20, 150] = 1
    turned = {"flip-y": image[::-1], "flip-x": image[:, ::-1], "flip-y+flip-x": image[::-1, ::-1]}
    for text, other in turned.items():
        (place,) = np.argwhere(other)
        back = read_orientation(text).apply(place[None].astype(float), SHAPE)
        assert back.tolist() == [[20, 150]]
    (place,) = np.argwhere(image.T)
    assert read_orientation("swap-xy").apply(place[None].astype(float), SHAPE).tolist() == [
        [20, 150]
    ]
    for quarter in ("swap-xy+flip-y", "swap-xy+flip-x"):
        places = [np.argwhere(np.rot90(image, k))[0] for k in (1, 3)]
        back = [
            read_orientation(quarter).apply(p[None].astype(float), SHAPE)[0].tolist()
            for p in places
        ]
        assert [20, 150] in back


@pytest.mark.parametrize("each", ORIENTATIONS, ids=str)
def test_angles_turn_with_the_places(each: Orientation):
    """A filament's next segment lies along its angle (x right, y down) before and after."""
    start, angle = np.array([40.0, 50.0]), 30.0
    along = np.array([np.sin(np.radians(angle)), np.cos(np.radians(angle))])  # (row, col)
    picks = Picks("m", np.array([start, start + 10 * along]), angles=np.array([angle, angle]))
    turned = each.turn(picks, SHAPE)
    rows, cols = turned.coords[1] - turned.coords[0]
    assert np.degrees(np.arctan2(rows, cols)) % 360 == pytest.approx(turned.angles[0] % 360)


def test_mirroring_needs_the_size_and_swapping_does_not():
    picks = PickSet(
        [Picks("a.mrc", np.array([[1.0, 2.0]])), Picks("b.mrc", np.array([[3.0, 4.0]]))]
    )
    assert turn_picks(picks, AS_READ, {}) is picks
    assert turn_picks(picks, Orientation(swap_xy=True), {})["a.mrc"].coords.tolist() == [[2, 1]]
    with pytest.raises(InputError, match=r"image size of a\.mrc"):
        turn_picks(picks, Orientation(flip_y=True), {})
    some = turn_picks(picks, Orientation(flip_y=True), {"b": SHAPE})
    assert {name: each.coords.tolist() for name, each in some.items()} == {"b.mrc": [[96, 4]]}
    assert "such as a.mrc" in some.messages[0]


def test_corrections_are_given_by_name():
    found = read_corrections(["4", "truth=2"], ["crYOLO=flip-y"], ["truth", "crYOLO", "Topaz"])
    assert found.of("Topaz") == make_correction(4)
    assert found.of("truth") == make_correction(2)
    assert found.of("crYOLO") == make_correction(4, "flip-y")
    assert read_corrections(["4"], [], ["truth"]).of("truth") == make_correction()


@pytest.mark.parametrize("scale", ["0", "-2", "nan", "inf", "four", "nobody=2"])
def test_a_scale_that_is_none_is_refused(scale: str):
    with pytest.raises(InputError, match="scale"):
        read_corrections([scale], [], ["truth"])
