"""A sample: what is on the grid and how it is imaged."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from napari_unetpick.simulate.handling import Handling
from napari_unetpick.simulate.molecules.beads import Molecule
from napari_unetpick.simulate.molecules.catalogue import build_molecule
from napari_unetpick.simulate.optics import Camera


@dataclass(frozen=True)
class Contamination:
    """How much there is of what is not a particle.

    Crystals, ethane and aggregates are expected numbers per square micrometre; a carbon edge is in
    a fraction `carbon` of the micrographs; `broken` is the fraction of molecules that are broken;
    `debris` is the mass of small fragments relative to that of the molecules. Gold beads, vesicles
    and filaments are numbers per square micrometre too; a grid bar is in a fraction `bar` of the
    micrographs, and in a fraction `cubic` all ice is crystalline. Ice balls have a number per
    square micrometre and a mean radius in A, which is that of crystalline ice's grains too. A
    fraction `foreign` of the molecules are of another protein, `foreign_molecule`.
    """

    crystals: float = 0.8
    ethane: float = 2.0
    carbon: float = 0.1
    aggregates: float = 1.5
    broken: float = 0.08
    debris: float = 0.1
    gold: float = 0.0
    vesicles: float = 0.0
    filaments: float = 0.0
    bar: float = 0.0
    cubic: float = 0.0
    balls: float = 0.0
    ball_radius: float = 100.0
    foreign: float = 0.0
    foreign_molecule: str = "cage"


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
    voltage, cs, amplitude_contrast
        Of the microscope: kV, mm, and a fraction; a phase plate's is near 1.
    preferred
        Fraction of the molecules that lie in one of a few preferred views.
    handling
        What was done to the image after the camera.
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
    voltage: float = 300.0
    cs: float = 2.7
    amplitude_contrast: float = 0.07
    preferred: float = 0.0
    handling: Handling = field(default_factory=Handling)

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
