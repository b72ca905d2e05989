"""Junk: a planted area has no picks, whatever its candidates score."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.picking.candidates import find_candidates
from napari_unetpick.picking.junk import JunkMap, junk_map, keep_painted
from napari_unetpick.picking.scale import make_scale

RIM = 16
SCALE = make_scale((300, 420), 2.0, 96.0, particle_px=24.0)  # 48 px in the file, 24 for the network
PLACES = [(40, 40), (40, 150), (110, 60)]  # network pixels; the second lies in junk


def maps() -> tuple[np.ndarray, np.ndarray]:
    """Return score maps of three discs that score .9, .8, .7, and of junk right of column 100."""
    rows, cols = np.indices(tuple(n + 2 * RIM for n in SCALE.network_shape)) - RIM
    particles = np.zeros(rows.shape, np.float32)
    for (row, col), score in zip(PLACES, (0.7, 0.9, 0.8), strict=True):
        particles[np.hypot(rows - row, cols - col) < 5] = score
    return particles[None], (cols >= 100).astype(np.float32)


def test_what_lies_in_junk_is_no_pick():
    particles, junk = maps()
    found = find_candidates(particles, SCALE, rim=RIM, junk=junk)
    assert len(found) == 3
    picks = found.picks(Calibration("probability", threshold=0.3))
    np.testing.assert_allclose(picks.coords, SCALE.to_file(np.array([(110, 60), (40, 40)])), atol=1)
    assert len(found.picks(Calibration("probability"), 0.0)) == 2
    assert len(found.distant(0.5)) == 2
    left_out = found.picks_in_junk(Calibration("probability", threshold=0.3))
    np.testing.assert_allclose(found.coords[left_out], SCALE.to_file(np.array([(40, 150)])), atol=1)
    assert not len(found.picks_in_junk(Calibration("probability", threshold=0.99)))
    clean = found.outside_junk()
    np.testing.assert_array_equal(clean.coords, found.coords[~found.in_junk])
    assert len(clean) == len(clean.raw) == len(clean.nearness) == len(found) - 1
    assert len(find_candidates(particles, SCALE, rim=RIM).distant(0.5)) == 3


def test_the_usable_area_is_what_junk_leaves():
    _, junk = maps()
    cols = SCALE.network_shape[1]
    assert junk_map(junk, SCALE, rim=RIM).usable == pytest.approx(100 / cols, abs=4 / cols)


@pytest.mark.parametrize("shape", [(150, 210), (151, 213), (49, 62)])
def test_each_place_lies_in_its_cell(shape):
    """Junk in one corner, at any remainder of the division into cells."""
    scale = make_scale(shape, 1.0, 24.0, particle_px=24.0)
    scores = np.zeros(tuple(n + 2 * RIM for n in scale.network_shape), np.float32)
    rows, cols = (n // 2 for n in scale.network_shape)
    scores[RIM : RIM + rows, RIM : RIM + cols] = 1.0
    found = junk_map(scores, scale, rim=RIM)
    corner, other = scale.to_file(np.array([(0, 0), np.array(scale.network_shape) - 1.0]))
    assert found.at(np.array([corner, other])).tolist() == [True, False]
    assert found.at(np.empty((0, 2))).shape == (0,)


def test_a_map_without_cells_is_refused():
    with pytest.raises(InputError, match="rows and columns"):
        JunkMap(np.zeros((0, 4), bool), (10, 10))


@pytest.mark.parametrize("shape", [(4, 6), (8, 12), (3, 5), (13, 17)])
def test_what_was_painted_or_erased_stays_in_a_new_map(shape):
    """Painted: the upper left; erased: the lower right; the network says the opposite of both."""
    first = np.zeros((4, 6), bool)
    first[2:, 3:] = True
    cells = np.zeros((4, 6), bool)
    cells[:2, :3] = True
    corrected = JunkMap(first, (400, 600)).painted(cells)
    network = np.zeros(shape, bool)
    network[shape[0] // 2 :] = True
    kept = keep_painted(corrected, JunkMap(network, (400, 600)))
    corners = np.array([[20.0, 20.0], [20.0, 580.0], [380.0, 20.0], [380.0, 580.0]])
    assert kept.at(corners).tolist() == [True, False, True, False]
    again = keep_painted(kept, JunkMap(~network, (400, 600)))
    assert again.at(corners).tolist() == [True, True, False, False]
    alone = keep_painted(corrected, None)  # a model that knows no junk
    assert alone.at(corners).tolist() == [True, False, False, False]
    assert keep_painted(JunkMap(first, (400, 600)), None) is None
