"""Classes of picks: averages and a table of the picks, as `classes.mrcs` and `particles.csv`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import atomic_path, write_text
from napari_unetpick.io.names import base_name
from napari_unetpick.io.picks import Picks
from napari_unetpick.io.text import escape, parse_numbers, read_table

PARTICLES, AVERAGES = "particles.csv", "classes.mrcs"
NUMBERS = (
    *("x", "y", "diameter", "class", "rejected"),
    *("shift_x", "shift_y", "angle", "correlation"),
)
HEADER = "micrograph," + ",".join(NUMBERS)


@dataclass(frozen=True)
class Classes:
    """Picks sorted into classes; N picks, K classes, numbered from 1, the largest first.

    Parameters
    ----------
    micrographs
        (N,) str, the micrograph of each pick: name or key.
    coords
        (N, 2) (row, col), pixels of the micrograph, as picked.
    diameters
        (N,) particle diameter, pixels of the micrograph; NaN where it is not known.
    numbers
        (N,) class of each pick, 1 to K.
    shifts
        (N, 2) (row, col), pixels of the micrograph: the particle's centre less `coords`.
    angles
        (N,) degrees, in-plane, from the columns towards the rows.
    correlations
        (N,) with the class average, on the disc of the particle.
    averages
        (K, S, S) class averages, particles bright; (0, S, S) where they are not known.
    rejected
        Numbers of the classes that are rejected.
    """

    micrographs: NDArray[np.str_]
    coords: NDArray[np.float64]
    diameters: NDArray[np.float64]
    numbers: NDArray[np.intp]
    shifts: NDArray[np.float64]
    angles: NDArray[np.float64]
    correlations: NDArray[np.float64]
    averages: NDArray[np.float32]
    rejected: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.coords)

    @property
    def count(self) -> int:
        """How many classes there are."""
        return int(self.numbers.max(initial=0))

    @property
    def sizes(self) -> NDArray[np.intp]:
        """(K,) picks in each class."""
        return np.bincount(self.numbers, minlength=self.count + 1)[1:]

    def reject(self, numbers: Collection[int]) -> Classes:
        """Return the classes with those of some numbers rejected, and no others.

        Raises
        ------
        InputError
            There is no such class, or all are rejected.
        """
        for number in numbers:
            if not 1 <= number <= self.count:
                raise InputError(f"there is no class {number}; give numbers from 1 to {self.count}")
        if set(range(1, self.count + 1)) <= set(numbers):
            raise InputError("every class is rejected; keep at least one")
        return replace(self, rejected=frozenset(numbers))

    def split(self) -> tuple[list[Picks], list[Picks]]:
        """Return the kept picks, recentred, and the rejected ones where they are, by micrograph.

        Every micrograph has an entry in both.
        """
        out = np.isin(self.numbers, list(self.rejected))
        return self._picks(~out, self.coords + self.shifts), self._picks(out, self.coords)

    def _picks(self, chosen: NDArray[np.bool_], places: NDArray[np.float64]) -> list[Picks]:
        found = []
        for name in dict.fromkeys(self.micrographs.tolist()):
            rows = chosen & (self.micrographs == name)
            found.append(Picks(name, places[rows], diameters=self.diameters[rows]))
        return found


def write_classes(folder: Path, found: Classes) -> None:
    """Write `particles.csv`, and `classes.mrcs` where there are averages."""
    if len(found.averages):
        _write_stack(folder / AVERAGES, found.averages)
    columns: list[list[Any]] = [
        [escape(base_name(name)) for name in found.micrographs.tolist()],
        *(found.coords[:, axis].tolist() for axis in (1, 0)),
        ["" if d != d else f"{d:.3f}" for d in found.diameters.tolist()],
        found.numbers.tolist(),
        np.isin(found.numbers, list(found.rejected)).tolist(),
        *(found.shifts[:, axis].tolist() for axis in (1, 0)),
        found.angles.tolist(),
        found.correlations.tolist(),
    ]
    form = "%s,%.3f,%.3f,%s,%d,%d,%.3f,%.3f,%.2f,%.4f"
    rows = map(form.__mod__, zip(*columns, strict=True))
    write_text(folder / PARTICLES, "\n".join([HEADER, *rows]) + "\n")


def read_classes(folder: Path) -> Classes:
    """Read `particles.csv` of a folder; its averages where they are there.

    Raises
    ------
    InputError
        The folder holds no classes, or the table is damaged.
    """
    path = folder / PARTICLES
    if not path.is_file():
        raise InputError(f"{folder}: has no {PARTICLES}; make classes there first")
    columns = read_table(path, HEADER.split(","))
    values = {
        name: parse_numbers(columns[name], name, path, missing=name == "diameter")
        for name in NUMBERS
    }
    numbers = values["class"].astype(np.intp)
    if not len(numbers):
        raise InputError(f"{path}: has no picks (0 rows)")
    if numbers.min() < 1:
        raise InputError(f"{path}: has a class {numbers.min()}; they are numbered from 1")
    return Classes(
        np.array(columns["micrograph"]),
        np.column_stack([values["y"], values["x"]]),
        values["diameter"],
        numbers,
        np.column_stack([values["shift_y"], values["shift_x"]]),
        values["angle"],
        values["correlation"],
        np.empty((0, 1, 1), np.float32),
        frozenset(numbers[values["rejected"] > 0].tolist()),
    )


def _write_stack(path: Path, averages: NDArray[np.float32]) -> None:
    """Write the averages as a stack, particles bright; the same bytes every time."""
    import mrcfile

    with (
        atomic_path(path) as temporary,
        mrcfile.new(temporary, data=averages, overwrite=True) as mrc,
    ):
        mrc.set_image_stack()
        mrc.header.nlabl = 1
        mrc.header.label[:] = b""  # mrcfile's own label carries the time
        mrc.header.label[0] = b"quick 2D classes: for sorting, not for publication"
