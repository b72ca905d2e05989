"""Geometry of the erasers, over planted places."""

from __future__ import annotations

import numpy as np

from napari_unetpick.project.annotations import new_picks
from napari_unetpick.project.project import Annotations
from napari_unetpick.widgets.layers.eraser import (
    circle,
    inside_lasso,
    nearest,
    segments,
    under_stroke,
    without,
)

PLACES = np.array([[10.0, 10.0], [10.0, 50.0], [40.0, 50.0]])


def test_nearest_within_reach_only() -> None:
    assert nearest(PLACES, np.array([12.0, 49.0]), 5.0) == 1
    assert nearest(PLACES, np.array([25.0, 50.0]), 5.0) is None
    assert nearest(np.empty((0, 2)), np.array([0.0, 0.0]), 5.0) is None


def test_brush_takes_what_lies_between_two_points_of_a_fast_drag() -> None:
    path = np.array([[12.0, 0.0], [12.0, 60.0]])
    assert under_stroke(PLACES, path, 3.0).tolist() == [True, True, False]
    assert under_stroke(PLACES, path, 1.0).tolist() == [False, False, False]


def test_brush_ends_where_the_drag_ends() -> None:
    path = np.array([[10.0, 10.0], [10.0, 40.0]])
    assert under_stroke(PLACES, path, 5.0).tolist() == [True, False, False]


def test_brush_of_one_click() -> None:
    assert under_stroke(PLACES, np.array([[41.0, 50.0]]), 2.0).tolist() == [False, False, True]


def test_lasso_is_closed_and_may_be_concave() -> None:
    around = np.array([[0.0, 0], [0, 60], [60, 60], [60, 45], [20, 45], [20, 0]])  # an L
    assert inside_lasso(PLACES, around).all()
    assert inside_lasso(np.array([[40.0, 20.0]]), around).tolist() == [False]
    assert not inside_lasso(PLACES, around[:2]).any()


def test_without_keeps_the_other_rows_whole_and_adds_rejected() -> None:
    table = new_picks(PLACES, scores=np.array([0.1, 0.2, 0.3]))
    marks = Annotations(picks=table, negatives=np.array([[1.0, 2.0], [3.0, 4.0]]))
    left = without(
        marks, np.array([True, False, True]), np.array([False, True]), np.array([[5.0, 6.0]])
    )
    assert left.picks.scores.tolist() == [0.2]
    assert left.picks.coords.tolist() == [[10.0, 50.0]]
    assert left.negatives.tolist() == [[1.0, 2.0], [5.0, 6.0]]


def test_lines_that_are_drawn_join_and_close() -> None:
    round_path = circle(np.array([5.0, 5.0]), 2.0)
    assert np.allclose(np.hypot(*(round_path - 5).T), 2.0)
    lines = segments(round_path, closed=True)
    ends = lines[:, 0] + lines[:, 1]
    assert np.allclose(ends, np.roll(lines[:, 0], -1, axis=0))
    assert len(segments(round_path[:1])) == 0
