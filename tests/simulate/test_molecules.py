"""Molecules have the symmetry, size, hollowness and elongation that they claim."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.simulate.molecules.beads import BEAD_SIGMA, extents
from napari_unetpick.simulate.molecules.catalogue import BUILDERS, build_molecule
from napari_unetpick.simulate.molecules.poses import cyclic, point_group
from napari_unetpick.simulate.samples import SAMPLES


def inside_points(molecule, count=60):
    """Points within the molecule, away from any symmetry axis."""
    rng = np.random.default_rng(0)
    return molecule.beads[rng.integers(len(molecule.beads), size=count)] + rng.normal(
        0.0, 2.0, (count, 3)
    )


def density_at(molecule, points):
    """Excess potential over ice (V) of the beads at points (M, 3), A."""
    squared = ((points[:, None, :] - molecule.beads[None, :, :]) ** 2).sum(axis=2)
    norm = (2.0 * np.pi * BEAD_SIGMA**2) ** -1.5
    return norm * np.exp(-squared / (2.0 * BEAD_SIGMA**2)) @ molecule.strengths


def principal_spreads(molecule):
    return np.sqrt(np.linalg.eigvalsh(np.cov(molecule.beads.T)))


@pytest.mark.parametrize("name", [*BUILDERS, "random-1", "random-5"])
def test_density_repeats_by_the_point_group(name):
    molecule = build_molecule(name)
    points = inside_points(molecule)
    density = density_at(molecule, points)
    assert density.mean() > 1.0  # volts: there is protein
    for rotation in point_group(molecule.symmetry):
        np.testing.assert_allclose(density_at(molecule, points @ rotation.T), density, rtol=1e-6)


@pytest.mark.parametrize("name", ["barrel", "globule", "tetramer"])
def test_density_has_no_symmetry_it_does_not_claim(name):
    molecule = build_molecule(name)
    points = inside_points(molecule)
    density = density_at(molecule, points)
    turned = density_at(molecule, points @ cyclic(5)[1].T)
    assert np.abs(turned - density).mean() > 0.3 * density.mean()


@pytest.mark.parametrize("name", [*BUILDERS, "random-2", "random-3"])
def test_centre_of_mass_is_the_origin(name):
    molecule = build_molecule(name)
    centre = np.average(molecule.beads, axis=0, weights=molecule.strengths)
    np.testing.assert_allclose(centre, 0.0, atol=1e-6)


@pytest.mark.parametrize("name", ["barrel", "cage", "random-25", "random-36"])
def test_symmetric_molecules_are_as_wide_whatever_the_rounding(name):
    beads = build_molecule(name).beads
    rng = np.random.default_rng(0)
    found = [extents(beads + rng.normal(0, 1e-12, beads.shape)) for _ in range(8)]
    np.testing.assert_allclose(found, [found[0]] * 8, atol=1e-6)


def test_sizes_span_80_to_300_angstrom():
    diameters = [build_molecule(name).diameter_A for name in BUILDERS]
    assert 80 <= min(diameters) <= 110
    assert 250 <= max(diameters) <= 300


@pytest.mark.parametrize(("name", "hollow"), [("cage", True), ("barrel", True), ("rod", False)])
def test_hollow_molecules_have_solvent_in_the_middle(name, hollow):
    molecule = build_molecule(name)
    rng = np.random.default_rng(3)
    middle = density_at(molecule, rng.normal(0.0, 6.0, (50, 3))).mean()
    wall = density_at(molecule, inside_points(molecule)).mean()
    assert bool(middle < 0.1 * wall) is hollow


@pytest.mark.parametrize(
    ("name", "least", "most"), [("rod", 2.5, 6.0), ("cage", 1.0, 1.01), ("globule", 1.0, 2.0)]
)
def test_elongation_from_second_moments(name, least, most):
    spreads = principal_spreads(build_molecule(name))
    assert least <= spreads[2] / spreads[1] + 1e-9
    assert spreads[2] / spreads[0] <= most or name == "rod"


def test_random_molecules_differ_and_repeat():
    first, again, other = (build_molecule(n) for n in ("random-7", "random-7", "random-8"))
    build_molecule.cache_clear()
    np.testing.assert_array_equal(first.beads, build_molecule("random-7").beads)
    assert again.diameter_A == first.diameter_A != other.diameter_A


def test_samples_name_real_molecules_and_unknown_ones_are_refused():
    for sample in SAMPLES.values():
        assert sample.particle.name == sample.molecule
    for name in ("sphere", "random-", "random-x", "random-²"):
        with pytest.raises(InputError, match="barrel"):
            build_molecule(name)
