"""Samples `random-N`: random molecules, imaged and contaminated like most people's data."""

from __future__ import annotations

import numpy as np

from napari_unetpick.simulate.molecules.catalogue import build_molecule
from napari_unetpick.simulate.optics import Camera
from napari_unetpick.simulate.sample import Contamination, Sample


def random_sample(number: int) -> Sample:
    """Draw the sample `random-<number>`: its molecule, microscope settings, ice and dirt.

    The ranges enclose those of the named samples. The pixel size puts 28-48 pixels across the
    molecule.
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
