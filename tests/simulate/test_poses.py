"""Poses are uniform, point groups are groups."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from napari_unetpick.simulate.molecules.poses import (
    point_group,
    random_quaternions,
    rotation_matrices,
)


def test_views_and_turns_are_uniform():
    rotations = rotation_matrices(random_quaternions(4000, np.random.default_rng(1)))
    view = rotations[:, 2, :]  # the beam's direction in the molecule's frame
    for axis in range(3):  # Archimedes: each coordinate of a uniform direction is uniform
        assert scipy.stats.kstest(view[:, axis], scipy.stats.uniform(-1, 2).cdf).pvalue > 0.01
    # The rotation angle of a uniform rotation has density (1 - cos a) / pi on [0, pi].
    angle = np.arccos(np.clip((np.trace(rotations, axis1=1, axis2=2) - 1) / 2, -1, 1))
    assert scipy.stats.kstest(angle, lambda a: (a - np.sin(a)) / np.pi).pvalue > 0.01


def test_quaternion_turns_x_into_y():
    quarter_about_z = np.array([[np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)]])
    np.testing.assert_allclose(
        rotation_matrices(quarter_about_z)[0] @ [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], atol=1e-12
    )


@pytest.mark.parametrize(
    ("symbol", "order"), [("C1", 1), ("C2", 2), ("C7", 7), ("D2", 4), ("D7", 14), ("O", 24)]
)
def test_point_groups_are_closed(symbol, order):
    group = point_group(symbol)
    assert len(group) == order
    np.testing.assert_allclose(np.linalg.det(group), 1.0)
    products = np.einsum("aij,bjk->abik", group, group).reshape(-1, 1, 9)
    nearest = np.abs(products - group.reshape(1, -1, 9)).max(axis=2).min(axis=1)
    assert nearest.max() < 1e-9
    distances = np.abs(group.reshape(-1, 1, 9) - group.reshape(1, -1, 9)).max(axis=2)
    assert (distances + np.eye(order)).min() > 0.1  # no rotation twice
