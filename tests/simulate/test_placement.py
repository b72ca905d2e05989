"""Molecules keep their distance, overlap where they say so, and stay off what hides them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_unetpick.simulate.frame import Frame, smooth_field
from napari_unetpick.simulate.ice import draw_thickness, haze_transfer
from napari_unetpick.simulate.micrograph import find_overlaps
from napari_unetpick.simulate.placement import (
    Body,
    break_molecule,
    mean_diameter,
    place_bodies,
)
from napari_unetpick.simulate.sample import Contamination
from napari_unetpick.simulate.samples import get_sample

CLEAN = Contamination(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
FRAME = Frame((400, 300), 4.0, 40)


def placed(sample, frame=FRAME, mask=None, seed=5):
    mask = np.zeros(frame.grid, bool) if mask is None else mask
    thickness = np.full(frame.grid, 500.0, np.float32)
    return place_bodies(frame, sample, thickness, mask, np.random.default_rng(seed)), mask


def test_without_overlap_molecules_keep_apart():
    sample = replace(get_sample("cage"), overlap=0.0, coverage=0.3, contamination=CLEAN)
    bodies, _ = placed(sample)
    centres = np.array([body.centre for body in bodies])
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=2) + 1e9 * np.eye(len(centres))
    assert len(bodies) > 20
    assert apart.min() >= mean_diameter(sample.particle) / 4.0


def test_coverage_sets_the_number():
    sample = replace(get_sample("globule"), overlap=1.0, coverage=0.2, contamination=CLEAN)
    room = mean_diameter(sample.particle)
    expected = 0.2 * FRAME.area * 1e8 / (np.pi / 4 * room**2)
    counts = [len(placed(sample, seed=seed)[0]) for seed in range(8)]
    assert np.mean(counts) == pytest.approx(expected, rel=0.1)


def test_nothing_lands_on_what_hides_it():
    mask = np.zeros(FRAME.grid, bool)
    mask[:, : FRAME.grid[1] // 2] = True
    bodies, _ = placed(replace(get_sample("globule"), contamination=CLEAN), mask=mask)
    assert len(bodies) > 20
    assert min(body.centre[1] for body in bodies) >= FRAME.grid[1] // 2


def test_aggregates_are_masked_and_are_no_particles():
    levels = replace(CLEAN, aggregates=30.0)
    bodies, mask = placed(replace(get_sample("globule"), contamination=levels))
    piles = np.array([b.centre for b in bodies if b.kind == "aggregate"])
    inside = piles[((piles >= 0) & (piles < np.array(FRAME.grid) - 1)).all(axis=1)].astype(int)
    assert len(inside) > 10
    assert mask[tuple(inside.T)].all()
    alone = np.array([b.centre for b in bodies if b.kind == "globule"]).astype(int)
    assert not mask[tuple(alone.T)].any()


@pytest.mark.parametrize("distance", [40.0, 250.0])
def test_overlap_is_flagged_by_shared_area(distance):
    sample = get_sample("cage")
    pose = np.array([1.0, 0.0, 0.0, 0.0])
    step = np.array([0.0, distance / FRAME.pixel_size])
    first = np.array([200.0, 100.0])
    bodies = [Body(first, pose, "cage"), Body(first + step, pose, "cage")]
    assert find_overlaps(FRAME, sample, bodies).tolist() == [distance < 100.0] * 2


def test_broken_molecules_keep_part_of_one_side():
    molecule = get_sample("ribosome").particle
    kept = break_molecule(molecule, np.random.default_rng(8))
    assert 0.24 < len(kept) / len(molecule.beads) < 0.61
    assert np.linalg.norm(molecule.beads[kept].mean(axis=0)) > 0.15 * molecule.diameter_A


def test_smooth_fields_have_unit_variance_and_their_scale():
    frame = Frame((512, 512), 4.0, 0)
    fields = [smooth_field(frame, 300.0, np.random.default_rng(seed)) for seed in range(12)]
    assert np.mean([field.var() for field in fields]) == pytest.approx(1.0, rel=0.15)
    near = np.mean([(f[:, 5:] * f[:, :-5]).mean() for f in fields])  # 20 A apart
    far = np.mean([(f[:, 100:] * f[:, :-100]).mean() for f in fields])  # 400 A apart
    assert near > 0.95
    assert abs(far) < 0.3


def test_thickness_varies_around_its_mean():
    frame = Frame((300, 300), 4.0, 0)
    maps = [draw_thickness(frame, 400.0, 0.25, np.random.default_rng(s)) for s in range(10)]
    assert np.mean(maps) == pytest.approx(400.0, rel=0.1)
    assert 20.0 < np.mean([m.std() for m in maps]) < 200.0


def test_haze_has_its_power_at_100_angstrom():
    from napari_unetpick.simulate.ice import SOLVENT_GRAIN

    transfer = haze_transfer(0.05, 400.0, (1000, 1000), 4.0)
    assert transfer[40, 0] ** 2 * SOLVENT_GRAIN * 400.0 == pytest.approx(0.05, rel=1e-4)
    assert (transfer[10, 0] / transfer[40, 0]) ** 2 == pytest.approx(8.0, rel=1e-3)  # k^-1.5
