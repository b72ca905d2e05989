"""Simulated sets that the checks are tried on, made once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from napari_unetpick.inspection.inspect_picks import Known
from napari_unetpick.io.formats.csv_picks import write_csv
from napari_unetpick.io.images.image import open_images
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import Picks, PickSet
from napari_unetpick.simulate.micrograph import simulate_micrograph
from napari_unetpick.simulate.samples import get_sample
from napari_unetpick.simulate.write import micrograph_seed, write_mrc

SHAPE = (560, 640)  # not square: x and y can't be mixed up without a trace
COUNT = 3


@dataclass(frozen=True)
class PlantedSet:
    """Micrographs, their particles by key, and the diameter (A)."""

    folder: Path
    micrographs: list[Micrograph]
    picks: dict[str, Picks]
    diameter: float
    known: Known

    def changed(self, change) -> PickSet:
        """Return the picks with other coordinates: `change` takes and returns (N, 2)."""
        return PickSet(replace(each, coords=change(each.coords)) for each in self.picks.values())

    def write(self, name: str, picks: PickSet) -> Path:
        """Write picks as CSV into the folder."""
        write_csv(self.folder / name, picks.values())
        return self.folder / name


def plant(folder: Path, name: str, shape=SHAPE, count: int = COUNT) -> PlantedSet:
    """Simulate micrographs of a sample."""
    sample = get_sample(name).sampled(shape, None)
    picks = []
    for number in range(1, count + 1):
        made = simulate_micrograph(sample, micrograph_seed(1, number))
        path = folder / f"{name}_{number}.mrc"
        write_mrc(path, made.image, made.pixel_size)
        picks.append(Picks(path.name, np.asarray(made.coords, float)))
    given = list_micrographs(str(folder))
    known = Known({m.key: m for m in given}, open_images(given), sample.diameter_A)
    keyed = {Path(each.micrograph).stem: each for each in picks}
    return PlantedSet(folder, given, keyed, sample.diameter_A, known)


@pytest.fixture(scope="session")
def barrel(tmp_path_factory: pytest.TempPathFactory) -> PlantedSet:
    """Three micrographs of an ordinary particle, moderately crowded."""
    return plant(tmp_path_factory.mktemp("barrel"), "barrel")


@pytest.fixture(scope="session", params=["barrel", "cage", "rod", "random-35", "contaminated"])
def any_set(request, tmp_path_factory: pytest.TempPathFactory) -> PlantedSet:
    """Right sets, crowded, long, of overlapping particles and among ice."""
    if request.param == "barrel":
        return request.getfixturevalue("barrel")
    return plant(tmp_path_factory.mktemp("set"), request.param)
