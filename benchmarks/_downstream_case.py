"""A simulated set of downstream.py: its particles and poses, and what picks and classes show."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from _data import say
from _downstream_maps import likeness, projections
from _downstream_relion import COARSE, euler_angles, read_classes
from _record import OUT
from accuracy import read_rows, sample_of
from general import Set
from recall import bins_of, worst_tenth

from napari_unetpick.evaluation.matching import match_particles
from napari_unetpick.io.formats.box_size import good_box
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.simulate.molecules.catalogue import build_molecule
from napari_unetpick.simulate.molecules.poses import random_quaternions, rotation_matrices
from napari_unetpick.simulate.sample import Sample
from napari_unetpick.simulate.write import simulate_set

SEED = 31
LIKE = 0.75


@dataclass(frozen=True)
class Case:
    """A simulated set in a folder, with its list of micrographs.

    `truth` has the particles of each micrograph, (M, 2) row, col, and `rotations` their poses,
    (M, 3, 3).
    """

    name: str
    folder: Path
    sample: Sample
    truth: dict[str, np.ndarray]
    rotations: dict[str, np.ndarray]

    @property
    def diameter_px(self) -> float:
        """Longest axis of the particle, pixels."""
        return self.sample.diameter_A / self.sample.pixel_size

    @property
    def box(self) -> int:
        """Side of the boxes, pixels."""
        return good_box(1.5 * self.diameter_px)

    @property
    def share(self) -> float:
        """Radius of the particle with a margin, of the box's side."""
        return 0.55 * self.diameter_px / self.box

    def as_set(self) -> Set:
        """Return the micrographs as the peers take them."""
        files = [(self.folder / name, truth) for name, truth in self.truth.items()]
        return Set(self.name, files, self.sample.diameter_A, None, 0.0)


def make_case(name: str, count: int) -> Case:
    """Simulate a set, or find it."""
    folder, sample = OUT / "downstream" / name, sample_of(name)
    if not (folder / "micrographs.star").is_file():
        say(f"{name}: simulating")
        for _ in simulate_set(sample, folder, count, SEED):
            pass
    rows: dict[str, list[list[float]]] = {}
    for row in read_rows(folder / "truth.csv"):
        values = [float(row[key]) for key in ("y", "x", "qw", "qx", "qy", "qz")]
        rows.setdefault(row["micrograph"], []).append(values)
    known = {key: np.array(each) for key, each in rows.items()}
    coords = {key: each[:, :2] for key, each in known.items()}
    turns = {key: rotation_matrices(each[:, 2:]) for key, each in known.items()}
    return Case(name, folder, sample, coords, turns)


def count_found(case: Case, picks: Path) -> dict[str, Any]:
    """Count the particles found, and those of the worst tenth of views."""
    found = read_picks(picks)
    radius, hits, offsets = 0.5 * case.diameter_px, [], []
    for name, truth in case.truth.items():
        coords = found[name].coords if name in found else np.empty((0, 2))
        match = match_particles(coords, truth, radius)
        hits.append(np.isin(np.arange(len(truth)), match))
        away = coords[match >= 0] - truth[match[match >= 0]]
        offsets += np.hypot(*away.T).tolist()
    bins = [bins_of(turns[:, 2]) for turns in case.rotations.values()]
    count = sum(map(len, found.values()))
    return {
        "picks": count,
        "offset": float(np.median(offsets)),
        "precision": len(offsets) / count,
        "recall": float(np.concatenate(hits).mean()),
        "worst tenth of views": worst_tenth(bins, hits),
    }


def find_poses(case: Case, names: tuple[str, ...], centres: np.ndarray) -> np.ndarray:
    """Return RELION's pose of each extracted image, (N, 5), and whether it is a particle, (N,).

    `centres` (N, 2) row, col are the picks; RELION cuts boxes around their whole pixels, and the
    true centre is there less the origin.
    """
    poses, true = np.zeros((len(names), 5)), np.zeros(len(names), bool)
    random = random_quaternions(len(names), np.random.default_rng(SEED))
    poses[:, :3] = euler_angles(rotation_matrices(random))
    for name, truth in case.truth.items():
        own = np.flatnonzero([each == name for each in names])
        match = match_particles(centres[own], truth, 0.5 * case.diameter_px)
        rows, match = own[match >= 0], match[match >= 0]
        true[rows] = True
        poses[rows, :3] = euler_angles(case.rotations[name][match])
        off = np.floor(centres[rows]) - truth[match]
        poses[rows, 3:] = off[:, ::-1] * case.sample.pixel_size
    return poses, true


@dataclass(frozen=True)
class Classes:
    """The 2D classes of a picker: averages (K, rows, cols), and the class of each pick (N,).

    `likeness` (K,) is the correlation with the view of the molecule that an average is most like.
    """

    averages: np.ndarray
    numbers: np.ndarray
    likeness: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        """Number of picks in each class."""
        return np.bincount(self.numbers, minlength=len(self.averages))

    @property
    def good(self) -> np.ndarray:
        """Which classes show the molecule."""
        return self.likeness >= LIKE


def find_classes(case: Case, job: str) -> Classes:
    """Read a picker's classes and compare them with views of the molecule."""
    averages, numbers = read_classes(case.folder / job / "class2d")
    pixel_size = case.sample.pixel_size * case.box / COARSE
    views = all_views(case.sample.molecule, pixel_size)
    return Classes(averages, numbers, likeness(averages, views, pixel_size))


@cache
def all_views(molecule: str, pixel_size: float) -> np.ndarray:
    """Project a molecule in all directions once."""
    return projections(build_molecule(molecule), COARSE, pixel_size)
