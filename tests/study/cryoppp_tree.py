"""A small tree in CryoPPP's layout, made by the simulator, with all that is odd about the real one.

Upside-down CSVs, names with dots, a wrong pixel size in the headers, a micrograph of zero bytes.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import mrcfile
import numpy as np
from numpy.typing import NDArray

from napari_unetpick.simulate.micrograph import SimulatedMicrograph, simulate_micrograph
from napari_unetpick.simulate.samples import get_sample
from napari_unetpick.simulate.write import micrograph_seed

SHAPE = (352, 416)  # not square, so that a flip about the wrong side is noticed
HEADER = 9.9  # A/px, wrong
RECIPE = """\
[network]
width = 8
depth = 2
[train]
epochs = 4
patches_per_epoch = 80
batch = 8
patch_px = 64
learning_rate = 0.005
average_decay = 0.9
[augment]
spectrum = 0  # these 40 steps are too few to learn from other microscopes' images as well
"""
QUICK = RECIPE.replace("= 80", "= 24")  # learns little, but goes all the way


@dataclass(frozen=True)
class Planted:
    """A set on disk: its folder, and where its particles really are, by micrograph key."""

    folder: Path
    truth: dict[str, NDArray[np.float64]]
    diameter_px: float


@functools.cache
def simulated(sample: str, index: int) -> SimulatedMicrograph:
    made = get_sample(sample).sampled(SHAPE, None)
    return simulate_micrograph(made, micrograph_seed(11, index))


def plant_set(
    folder: Path, sample: str, count: int, name: str = "May08_03.05.{:02d}.frames", first: int = 1
) -> Planted:
    """Write a set; its last micrograph is an empty file. `first` is the first one simulated."""
    coordinates = folder / "ground_truth" / "particle_coordinates"
    (folder / "micrographs").mkdir(parents=True)
    coordinates.mkdir(parents=True)
    truth, diameter = {}, 0.0
    for index in range(first, first + count):
        made = simulated(sample, index)
        key = name.format(index)
        path = folder / "micrographs" / f"{key}.mrc"
        with mrcfile.new(path, data=made.image.astype(np.float32)) as mrc:
            mrc.voxel_size = HEADER
        diameter = made.diameter_A / made.pixel_size
        rows = [f"{c:.3f},{SHAPE[0] - 1 - r:.3f},{diameter:.0f},0.9,x" for r, c in made.coords]
        if index == first:  # as in set 10077
            rows = [f'"{row}"' for row in rows]
        head = "X-Coordinate,Y-Coordinate,Diameter,Score,Note"
        (coordinates / f"{key}.csv").write_text("\n".join([head, *rows]) + "\n")
        truth[key] = made.coords
    (folder / "micrographs" / "broken.mrc").write_bytes(b"")
    (coordinates / "broken.csv").write_text("X-Coordinate,Y-Coordinate,Diameter\n50,50,40\n")
    return Planted(folder, truth, float(round(diameter)))
