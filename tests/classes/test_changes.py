"""What another picking changed: picks of each class before and after."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpick.classes.changes import Change, changes
from napari_unetpick.classes.table import Classes
from napari_unetpick.errors import InputError
from napari_unetpick.io.picks import Picks
from napari_unetpick.report.tables.classes import change_table


def planted(diameter: float = 20.0) -> Classes:
    """Three kept picks (class 1, one of them shifted) and two rejected ones (class 2)."""
    coords = np.array([[10, 10], [50, 10], [90, 10], [10, 90], [50, 90]], float)
    shifts = np.zeros((5, 2))
    shifts[2] = [0, 8]
    return Classes(
        np.full(5, "m.mrc"),
        coords,
        np.full(5, diameter),
        np.array([1, 1, 1, 2, 2]),
        shifts,
        np.zeros(5),
        np.ones(5),
        np.empty((0, 1, 1), np.float32),
        frozenset({2}),
    )


def test_picks_are_counted_where_they_are_picked_again():
    after = {
        "Movies/m.mrc": Picks("m", np.array([[11, 10], [90, 27], [52, 88], [200, 200]], float))
    }
    before = {"m": Picks("m", np.concatenate([planted().coords, [[300, 300], [310, 20]]]))}
    rows = changes(planted(), before, after)
    assert rows == [Change(1, False, 3, 2), Change(2, True, 2, 1), Change(0, False, 2, 1)]
    table = change_table(rows, True)
    assert table.rows[2] == ("all", "kept", "3", "2", "67%")
    assert table.rows[3] == ("all", "rejected", "2", "1", "50%")
    assert table.rows[4] == ("none", "", "2", "1", "")


def test_no_picks_and_other_micrographs():
    assert changes(planted(), None, {"m": Picks("m")})[0] == Change(1, False, 3, 0)
    with pytest.raises(InputError, match="no picks of the micrographs that were sorted"):
        changes(planted(), None, {"other": Picks("other")})
    with pytest.raises(InputError, match="diameter"):
        changes(planted(np.nan), None, {"m": Picks("m")})
