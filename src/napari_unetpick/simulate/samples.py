"""The named samples, and the families that are drawn from a number."""

from __future__ import annotations

from napari_unetpick.errors import InputError
from napari_unetpick.simulate.diet import diet_sample
from napari_unetpick.simulate.molecules.catalogue import number_of
from napari_unetpick.simulate.random_samples import random_sample
from napari_unetpick.simulate.sample import Contamination, Sample

_ALL = (
    Sample(
        "barrel",
        "hollow D7 barrel, 690 kDa, 175 A long and 105 A wide; moderate crowding",
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
    for family, draw in (("random", random_sample), ("diet", diet_sample)):
        if (number := number_of(name, family)) is not None:
            return draw(number)
    raise InputError(
        f"unknown sample '{name}'; choose one of {', '.join(SAMPLES)}, or random-N or diet-N with "
        "any number N"
    )
