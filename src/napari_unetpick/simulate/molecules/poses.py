"""Random orientations and the rotations of point groups."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def random_quaternions(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw orientations uniformly over SO(3).

    A four-dimensional Gaussian has no preferred direction, so its normalised samples are uniform
    on the unit sphere of quaternions, which covers SO(3) evenly twice (Shoemake 1992).

    Returns
    -------
    NDArray
        (count, 4) unit quaternions (w, x, y, z) with w >= 0.
    """
    samples = rng.standard_normal((count, 4))
    samples /= np.linalg.norm(samples, axis=1, keepdims=True)
    samples[samples[:, 0] < 0] *= -1.0
    return samples


def turned_in_plane(
    view: NDArray[np.float64], rng: np.random.Generator, *, wobble: float
) -> NDArray[np.float64]:
    """Turn a pose (4,) by any angle about the beam, and tilt it a little at random.

    Parameters
    ----------
    wobble
        Standard deviation of the tilt about each axis, radians.
    """
    half = 0.5 * rng.uniform(0.0, 2.0 * np.pi)
    tilt = np.concatenate([[1.0], 0.5 * wobble * rng.standard_normal(3)])
    about_beam = np.array([np.cos(half), 0.0, 0.0, np.sin(half)])
    turned = multiply(about_beam, multiply(tilt / np.linalg.norm(tilt), view))
    return turned if turned[0] >= 0 else -turned


def multiply(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Product of two quaternions (4,): the rotation `second`, then `first` (Hamilton)."""
    a, u, b, v = first[0], first[1:], second[0], second[1:]
    return np.concatenate([[a * b - u @ v], a * v + b * u + np.cross(u, v)])


def rotation_matrices(quaternions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn unit quaternions (N, 4), (w, x, y, z), into rotation matrices (N, 3, 3).

    The matrix takes a vector (x, y, z) of the molecule into the micrograph's frame, where x grows
    with the column, y with the row, and z points along the beam.
    """
    w, x, y, z = np.atleast_2d(quaternions).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def cyclic(order: int) -> NDArray[np.float64]:
    """Rotations of C_n about z, (n, 3, 3)."""
    angles = 2 * np.pi * np.arange(order) / order
    cos, sin, zero, one = np.cos(angles), np.sin(angles), np.zeros(order), np.ones(order)
    rows = [[cos, -sin, zero], [sin, cos, zero], [zero, zero, one]]
    return np.moveaxis(np.array(rows), -1, 0)


def dihedral(order: int) -> NDArray[np.float64]:
    """Rotations of D_n, (2n, 3, 3): C_n about z, and the half turn about x."""
    half_turn = np.diag([1.0, -1.0, -1.0])
    about_z = cyclic(order)
    return np.concatenate([about_z, about_z @ half_turn])


def octahedral() -> NDArray[np.float64]:
    """Rotations of O (432), (24, 3, 3): the signed permutation matrices of determinant +1."""
    rotations = []
    for axes in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
        for signs in np.ndindex(2, 2, 2):
            matrix = np.zeros((3, 3))
            matrix[np.arange(3), axes] = 1.0 - 2.0 * np.array(signs)
            if np.linalg.det(matrix) > 0:
                rotations.append(matrix)
    return np.array(rotations)


def point_group(symbol: str) -> NDArray[np.float64]:
    """Rotations of a point group named as in RELION: "C1", "C3", "D7", "O"."""
    if symbol == "O":
        return octahedral()
    return {"C": cyclic, "D": dihedral}[symbol[0]](int(symbol[1:]))
