"""The named molecules, and as many random ones as wanted."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from napari_unetpick.errors import InputError
from napari_unetpick.simulate.molecules.beads import NUCLEIC_EXCESS, Lobe, Molecule, assemble
from napari_unetpick.simulate.molecules.diet import diet_molecule
from napari_unetpick.simulate.molecules.procedural import random_molecule


def barrel() -> Molecule:
    """Hollow cylinder of four seven-fold rings, D7, about 115 A wide and 150 A long."""
    outer = Lobe((40.0, 0.0, 53.0), (15.0, 23.0, 23.0), (0.5, 0.3, 1.0))
    inner = Lobe((41.0, 0.0, 18.0), (15.0, 24.0, 23.0), (-0.3, 0.5, 1.0))
    return assemble("barrel", [outer, inner], "D7", seed=7)


def cage() -> Molecule:
    """Hollow sphere of 24 four-helix bundles, O, 124 A outside and about 80 A inside."""
    bundle = Lobe((21.0, 11.0, 45.0), (11.0, 21.0, 27.0), (1.0, 0.5, -0.59))
    return assemble("cage", [bundle], "O", seed=24)


def rod() -> Molecule:
    """Slightly bent chain of six unequal lobes without symmetry, about 230 A by 70 A."""
    radii = (29.0, 36.0, 28.0, 35.0, 27.0, 22.0)
    along = (-88.0, -48.0, -10.0, 27.0, 66.0, 94.0)
    bend = (16.0, 2.0, -8.0, -6.0, 6.0, 24.0)
    lobes = [
        Lobe((b, 5.0 * (-1) ** i, z), (r, r * 0.9, r * 1.1), (0.4 * (-1) ** i, 0.3 * i, 1.0))
        for i, (r, z, b) in enumerate(zip(radii, along, bend, strict=True))
    ]
    return assemble("rod", lobes, "C1", seed=6)


def globule() -> Molecule:
    """Small compact heterotetramer, C2, about 95 A and 150 kDa."""
    lobes = [
        Lobe((20.0, 4.0, 13.0), (23.0, 22.0, 26.0), (1.0, 0.5, 0.7)),
        Lobe((16.0, -16.0, -17.0), (20.0, 20.0, 22.0), (-0.4, 1.0, 0.3)),
    ]
    return assemble("globule", lobes, "C2", seed=2)


def tetramer() -> Molecule:
    """Flat four-part enzyme, D2, about 185 A by 80 A."""
    lobes = [
        Lobe((48.0, 25.0, 12.0), (28.0, 26.0, 36.0), (1.0, 0.3, 0.4)),
        Lobe((17.0, 10.0, 14.0), (20.0, 20.0, 27.0), (0.5, 1.0, 0.2)),
        Lobe((72.0, 36.0, -5.0), (17.0, 17.0, 19.0), (0.2, -0.4, 1.0)),
    ]
    return assemble("tetramer", lobes, "D2", seed=4)


def ribosome() -> Molecule:
    """Large irregular two-part particle rich in nucleic acid, C1, about 270 A and 2.4 MDa."""
    rna = NUCLEIC_EXCESS
    lobes = [
        Lobe((0.0, 10.0, 38.0), (62.0, 85.0, 98.0), (1.0, 0.3, 0.1), rna, 0.62),
        Lobe((-88.0, 40.0, 70.0), (20.0, 20.0, 42.0), (-0.6, 0.2, 1.0), rna, 0.7),
        Lobe((80.0, -50.0, 66.0), (24.0, 24.0, 42.0), (1.0, -0.8, 0.3)),
        Lobe((20.0, 92.0, 50.0), (28.0, 28.0, 30.0), (0.0, 1.0, 0.5)),
        Lobe((4.0, -5.0, -48.0), (42.0, 56.0, 98.0), (0.4, 1.0, -0.2), rna, 0.62),
        Lobe((-20.0, -88.0, -50.0), (30.0, 30.0, 40.0), (0.2, 1.0, 0.2), rna, 0.7),
        Lobe((66.0, 42.0, -62.0), (26.0, 26.0, 34.0), (1.0, 0.4, 0.1)),
        Lobe((-30.0, 20.0, -16.0), (30.0, 26.0, 40.0), (1.0, 0.2, 0.0), rna, 0.6),
    ]
    return assemble("ribosome", lobes, "C1", seed=70)


BUILDERS: dict[str, Callable[[], Molecule]] = {
    build.__name__: build for build in (barrel, cage, rod, globule, tetramer, ribosome)
}


@lru_cache(maxsize=16)
def build_molecule(name: str) -> Molecule:
    """Build the molecule called `name`: one of `BUILDERS`, `random-N` or `diet-N`, any N.

    Molecules never change, so the last few are kept.

    Raises
    ------
    InputError
        There is none of that name.
    """
    if name in BUILDERS:
        return BUILDERS[name]()
    for family, draw in (("random", random_molecule), ("diet", diet_molecule)):
        if (number := number_of(name, family)) is not None:
            return draw(number)
    raise InputError(f"unknown molecule '{name}'; choose {', '.join(BUILDERS)}, random-N or diet-N")


def number_of(name: str, family: str) -> int | None:
    """Return the N of `<family>-N`, or None if it is not of that family."""
    digits = name.removeprefix(f"{family}-")
    return int(digits) if digits != name and digits.isascii() and digits.isdecimal() else None
