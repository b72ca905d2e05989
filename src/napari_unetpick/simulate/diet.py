"""Samples `diet-N`: how each molecule of the diet is imaged, and among what."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_unetpick.simulate.handling import Handling
from napari_unetpick.simulate.molecules.catalogue import build_molecule
from napari_unetpick.simulate.optics import Camera
from napari_unetpick.simulate.random_samples import random_sample
from napari_unetpick.simulate.sample import Contamination, Sample

FIELD = 18.0
"""Width and height of the image, particle diameters."""
TYPICAL = 0.4
"""Fraction of the samples that are like most people's data: samples `random-N`, at a part of
their dose."""
TYPICAL_FROM = 100_000
"""Number of the first of these: no benchmark has them."""
EMPTY = 0.15
"""Fraction of the others without any particle."""
CLEAR = 0.5
"""Fraction of the others with no less signal than most people's data have."""


def diet_sample(number: int) -> Sample:
    """Draw the sample `diet-<number>`: its molecule, microscope, ice, junk and handling."""
    rng = np.random.default_rng(np.random.SeedSequence([number, 0x736D70]))
    if np.random.default_rng([number, 0x747970]).random() < TYPICAL:
        return typical_sample(number, rng)
    name = f"diet-{number}"
    molecule = build_molecule(name)
    across = particle_px(rng)
    voltage, cs = ((300.0, 2.7), (200.0, 2.7), (300.0, 0.01))[rng.choice(3, p=(0.75, 0.2, 0.05))]
    plate = rng.random() < 0.06
    least = log_uniform(rng, 3000.0, 25000.0)
    clear = rng.random() < CLEAR
    empty = rng.random() < EMPTY
    return Sample(
        name,
        f"molecule of the diet, {molecule.symmetry}, {molecule.diameter_A:.0f} A",
        name,
        pixel_size=round(molecule.diameter_A / across, 4),
        shape=field_of(across),
        dose=round(log_uniform(rng, 20.0 if clear else 8.0, 60.0), 1),
        defocus=(500.0, 6000.0) if plate else (least, least + rng.uniform(2000.0, 15000.0)),
        coverage=0.0 if empty else round(log_uniform(rng, 0.03, 0.7), 3),
        overlap=round(float(rng.uniform(0.0, 0.4)), 3),
        thickness=round(
            max(log_uniform(rng, 200.0, 600.0 if clear else 1200.0), 1.1 * molecule.width_A), 1
        ),
        unevenness=round(float(rng.uniform(0.05, 0.5)), 3),
        haze=round(log_uniform(rng, 0.01, 0.07 if clear else 0.2), 4),
        b_factor=round(float(rng.uniform(40.0, 150.0 if clear else 250.0)), 1),
        camera=Camera(softness=rng.uniform(0.2, 0.5), counting=bool(rng.random() < 0.6)),
        contamination=draw_junk(molecule.diameter_A, rng, empty=empty),
        voltage=voltage,
        cs=cs,
        amplitude_contrast=0.95 if plate else float(rng.choice((0.07, 0.1))),
        preferred=0.0 if rng.random() < 0.6 else float(rng.uniform(0.2, 0.95)),
        handling=draw_handling(rng),
    )


def typical_sample(number: int, rng: np.random.Generator) -> Sample:
    """Draw a sample like most people's data, half of them as `random-N` are, half fainter."""
    sample = random_sample(TYPICAL_FROM + number)
    across = particle_px(rng)
    faint = log_uniform(rng, 0.2, 1.0) if rng.random() < 0.5 else 1.0
    return replace(
        sample,
        name=f"diet-{number}",
        shape=field_of(across),
        pixel_size=round(sample.particle.diameter_A / across, 4),
        dose=round(sample.dose * faint, 1),
        haze=round(sample.haze / max(faint, 0.4), 4),
        handling=draw_handling(rng),
    )


def field_of(across: float) -> tuple[int, int]:
    """Return the image's (rows, cols) for a particle of `across` pixels."""
    side = int(np.ceil(FIELD * across / 16) * 16)
    return side, side


def particle_px(rng: np.random.Generator) -> float:
    """Draw the particle's diameter in pixels of the file: most about the network's, some others."""
    kind = rng.random()
    if kind < 0.5:
        return float(rng.uniform(22.0, 28.0))
    return log_uniform(rng, 10.0, 22.0) if kind < 0.8 else log_uniform(rng, 28.0, 48.0)


def draw_junk(diameter: float, rng: np.random.Generator, *, empty: bool) -> Contamination:
    """Draw how much junk there is: mostly a piece or two of some kinds, rarely much.

    Fragments of molecules are of one size, and nothing beside a large particle. Exposures without
    particles are often so because of their ice.
    """
    area = (FIELD * diameter * 1e-4) ** 2  # um^2
    much = 5.0 if rng.random() < 0.15 else 1.0

    def some(pieces: float, probability: float) -> float:
        if rng.random() >= probability:
            return 0.0
        return float(rng.exponential(pieces * much)) / area

    return Contamination(
        crystals=some(0.7, 0.4),
        ethane=some(3.0, 0.5),
        carbon=0.15,
        aggregates=some(0.8, 0.4),
        broken=float(rng.uniform(0.0, 0.2)),
        debris=float(rng.exponential(0.1)) * min(1.0, (120.0 / diameter) ** 3),
        gold=some(3.0, 0.08),
        vesicles=some(1.0, 0.08),
        filaments=some(0.7, 0.06),
        bar=0.03,
        cubic=0.5 if empty else 0.03,
        balls=some(6.0, 0.3),
        ball_radius=diameter * float(rng.uniform(0.15, 0.7)),
    )


def draw_handling(rng: np.random.Generator) -> Handling:
    """Draw what was done to the image: nothing in half of all, some things in the others."""
    if rng.random() < 0.5:
        return Handling()

    def some(probability: float, low: float, high: float) -> float:
        return float(rng.uniform(low, high)) if rng.random() < probability else 0.0

    return Handling(
        low_pass=some(0.25, 0.01, 0.09),
        high_pass=some(0.15, 0.6, 3.0),
        film=some(0.1, 0.3, 1.2),
        gradient=some(0.2, 0.5, 5.0),
        stripes=some(0.08, 0.05, 0.4),
        hot=some(0.1, 1e-5, 1e-3),
        levels=some(0.4, 2.5, 8.0),
        jpeg=some(0.1, 0.2, 1.5),
        border=some(0.15, 0.005, 0.04),
    )


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
