"""Named samples: what is on the grid and how it is imaged."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from napari_unetpick.errors import InputError
from napari_unetpick.simulate.catalogue import build_molecule
from napari_unetpick.simulate.molecules import Molecule
from napari_unetpick.simulate.optics import Camera


@dataclass(frozen=True)
class Contamination:
    """How much there is of what is not a particle.

    Crystals, ethane and aggregates are expected numbers per square micrometre; a carbon edge is in
    a fraction `carbon` of the micrographs; `broken` is the fraction of molecules that are broken;
    `debris` is the mass of small fragments relative to that of the molecules.
    """

    crystals: float = 0.8
    ethane: float = 2.0
    carbon: float = 0.1
    aggregates: float = 1.5
    broken: float = 0.08
    debris: float = 0.1


@dataclass(frozen=True)
class Sample:
    """A protein on a grid and the microscope's settings for it.

    Parameters
    ----------
    name, description
        How it is called, and what it is in one line.
    molecule
        Name of the molecule, see `molecules.BUILDERS`.
    pixel_size
        A/px.
    shape
        (rows, cols), pixels.
    dose
        Electrons per A^2 that reach the specimen.
    defocus
        (least, largest) mean underfocus of the micrographs, A.
    coverage
        Mean fraction of the area that the molecules would cover if none overlapped.
    overlap
        Probability with which a molecule may land where it overlaps another one.
    thickness
        Mean thickness of the ice, A.
    unevenness
        Relative variation of the thickness over a micrograph.
    haze
        Power of the coloured background at a period of 100 A, A^2, see `ice.haze_transfer`.
    b_factor
        Envelope of the contrast, A^2.
    camera
        How the camera blurs.
    contamination
        What is there besides intact molecules.
    """

    name: str
    description: str
    molecule: str
    pixel_size: float = 4.0
    shape: tuple[int, int] = (1024, 1024)
    dose: float = 40.0
    defocus: tuple[float, float] = (8000.0, 25000.0)
    coverage: float = 0.25
    overlap: float = 0.1
    thickness: float = 400.0
    unevenness: float = 0.25
    haze: float = 0.035
    b_factor: float = 80.0
    camera: Camera = field(default_factory=Camera)
    contamination: Contamination = field(default_factory=Contamination)

    @property
    def particle(self) -> Molecule:
        """The molecule itself."""
        return build_molecule(self.molecule)

    @property
    def diameter_A(self) -> float:
        """Longest axis of the molecule, rounded to 5 A as a user would measure it."""
        return 5.0 * round(self.particle.diameter_A / 5.0)

    def sampled(self, shape: tuple[int, int] | None, pixel_size: float | None) -> Sample:
        """Return the same sample imaged at another size or pixel size, where they are given."""
        return replace(
            self,
            shape=self.shape if shape is None else shape,
            pixel_size=self.pixel_size if pixel_size is None else pixel_size,
        )


_ALL = (
    Sample(
        "barrel",
        "hollow D7 barrel, 690 kDa, 150 A long and 115 A wide; moderate crowding",
        "barrel",
        coverage=0.25,
    ),
    Sample(
        "cage",
        "hollow octahedral cage, 450 kDa, 130 A; crowded, much overlap",
        "cage",
        coverage=0.4,
        overlap=0.2,
        dose=50.0,
        haze=0.03,
    ),
    Sample(
        "rod",
        "bent rod of six lobes without symmetry, 500 kDa, 235 A by 70 A",
        "rod",
        coverage=0.18,
        dose=45.0,
        haze=0.025,
        defocus=(10000.0, 28000.0),
    ),
    Sample(
        "globule",
        "small compact C2 heterotetramer, 130 kDa, 100 A, at a low dose: hard",
        "globule",
        coverage=0.2,
        overlap=0.15,
        dose=22.0,
        thickness=350.0,
        defocus=(12000.0, 28000.0),
    ),
    Sample(
        "tetramer",
        "D2 enzyme, 520 kDa, 190 A by 75 A; low dose, thick ice, crowded",
        "tetramer",
        pixel_size=4.5,
        dose=18.0,
        defocus=(18000.0, 36000.0),
        thickness=600.0,
        unevenness=0.12,
        haze=0.02,
        coverage=0.25,
        overlap=0.2,
        contamination=Contamination(broken=0.12, debris=0.3),
    ),
    Sample(
        "ribosome",
        "large irregular particle rich in nucleic acid, 2.0 MDa, 280 A; strong contrast",
        "ribosome",
        dose=25.0,
        thickness=600.0,
        coverage=0.25,
        haze=0.08,
        defocus=(6000.0, 20000.0),
    ),
    Sample(
        "contaminated",
        "the barrel among ice crystals, ethane, carbon, aggregates and broken molecules",
        "barrel",
        coverage=0.2,
        unevenness=0.45,
        contamination=Contamination(8.0, 20.0, 0.6, 8.0, 0.2, 0.25),
    ),
)

SAMPLES: dict[str, Sample] = {sample.name: sample for sample in _ALL}


def get_sample(name: str) -> Sample:
    """Return the named sample, or the random one called `random-N`.

    Raises
    ------
    InputError
        There is none of that name; the message lists those there are.
    """
    if name in SAMPLES:
        return SAMPLES[name]
    if name.startswith("random-") and name[7:].isascii() and name[7:].isdecimal():
        return random_sample(int(name[7:]))
    raise InputError(
        f"unknown sample '{name}'; choose one of {', '.join(SAMPLES)}, or random-N with any "
        "number N"
    )


def random_sample(number: int) -> Sample:
    """Draw the sample `random-<number>`: its molecule, microscope settings, ice and dirt.

    Meant as a diet for a general model: the ranges enclose those of the named samples. The pixel
    size puts 28-48 pixels across the molecule.
    """
    rng = np.random.default_rng(np.random.SeedSequence([number, 0x73616D]))
    name = f"random-{number}"
    molecule = build_molecule(name)
    least = rng.uniform(6000.0, 15000.0)
    return Sample(
        name,
        f"random molecule, {molecule.symmetry}, {molecule.diameter_A:.0f} A",
        name,
        pixel_size=round(float(np.clip(molecule.diameter_A / rng.uniform(28, 48), 1.5, 6.0)), 2),
        dose=round(float(rng.uniform(20.0, 60.0)), 1),
        defocus=(least, least + rng.uniform(5000.0, 15000.0)),
        coverage=round(float(rng.uniform(0.05, 0.4)), 3),
        overlap=round(float(rng.uniform(0.0, 0.3)), 3),
        thickness=round(float(max(rng.uniform(250.0, 700.0), 1.3 * molecule.diameter_A)), 1),
        unevenness=round(float(rng.uniform(0.1, 0.4)), 3),
        haze=round(float(np.exp(rng.uniform(np.log(0.015), np.log(0.07)))), 4),
        b_factor=round(float(rng.uniform(50.0, 150.0)), 1),
        camera=Camera(softness=rng.uniform(0.2, 0.4), counting=bool(rng.random() < 0.7)),
        contamination=Contamination(
            crystals=rng.exponential(1.5),
            ethane=rng.exponential(3.0),
            carbon=0.2,
            aggregates=rng.exponential(2.5),
            broken=rng.uniform(0.0, 0.2),
            debris=rng.exponential(0.12),
        ),
    )
