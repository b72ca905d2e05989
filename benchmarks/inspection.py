"""How often wrong orientations and scales of picks are found, and right picks are warned of.

Every micrograph with at least 50 picks is a case of its own: as it is, in the seven other
orientations, with picks of images binned 2 and 4 times, and of images squeezed to three quarters of
their width, 6 % narrower, or 6 % smaller. Whole sets, which is what commands
check, are easier. Simulated sets are made once, in `out/inspection/`; real ones are read from the
folder that UNETPICK_TEST_DATA names.

    UNETPICK_TEST_DATA=... python benchmarks/inspection.py [--count 8] [--quick]
"""

from __future__ import annotations

import argparse
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from _record import OUT, report, table

from napari_unetpick.inspection.inspect_picks import Known, inspect_picks
from napari_unetpick.inspection.orientation import AS_READ, ORIENTATIONS, Orientation
from napari_unetpick.inspection.sample import map_image, read_sample
from napari_unetpick.io.assign import assign_picks
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.images.image import open_images
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.picks import Picks
from napari_unetpick.simulate.samples import SAMPLES, get_sample
from napari_unetpick.simulate.write import simulate_set

FEWEST = 50  # picks of a case
RANDOM = [f"random-{number}" for number in (*range(1, 20), 35)]
SEED = 1
BINNINGS = (2, 4)
STRETCHES = ((1, 0.75), (1, 0.94), (0.94, 0.94))
STRETCHED = 0.02  # by so much the factors found may be off


@dataclass
class Tally:
    """What was found on the micrographs of one set."""

    name: str
    picks: list[int] = field(default_factory=list)
    warned: int = 0
    found: int = 0
    scaled: int = 0
    stretched: int = 0
    right: list[float] = field(default_factory=list)
    wrong: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def row(self) -> tuple[object, ...]:
        """Return the row of the table."""
        cases = len(self.picks)
        return (
            self.name,
            cases,
            f"{np.median(self.picks):.0f}",
            self.warned,
            f"{self.found} of {7 * cases}",
            f"{self.scaled} of {len(BINNINGS) * cases}",
            f"{self.stretched} of {len(STRETCHES) * cases}",
            f"{np.median(self.right):.1f} ({min(self.right):.1f})",
            f"{max(self.wrong):.2f}",
            f"{np.median(self.seconds):.2f}",
        )


HEADER = (
    *("set", "micrographs", "picks", "right, warned of", "orientation found", "scale found"),
    "stretch found",
    *("evidence, right (lowest)", "wrong, highest", "s a micrograph"),
)


def main() -> None:
    """Try all sets and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=8, help="micrographs of each simulated set")
    parser.add_argument("--quick", action="store_true", help="two small sets")
    options = parser.parse_args()
    names = ["barrel", "random-35"] if options.quick else [*SAMPLES, *RANDOM]
    tallies = [try_set(*each) for each in sets(names, 2 if options.quick else options.count)]
    total = Tally("all")
    for each in tallies:
        for kind in ("picks", "right", "wrong", "seconds"):
            getattr(total, kind).extend(getattr(each, kind))
        for kind in ("warned", "found", "scaled", "stretched"):
            setattr(total, kind, getattr(total, kind) + getattr(each, kind))
    rows = [each.row() for each in (*tallies, total)]
    record = {"rows": [dict(zip(HEADER, map(str, row), strict=True)) for row in rows]}
    report("inspection", record, [table(HEADER, rows)])


def sets(names: list[str], count: int) -> Iterator[tuple[str, Path, float | None]]:
    """Yield the name, folder and diameter (A) of each set; the real ones' picks have their own."""
    for name in names:
        folder = OUT / "inspection" / f"{name}-{count}"
        if not (folder / "picks.csv").is_file():
            for _ in simulate_set(get_sample(name), folder, count, SEED):
                pass
        yield name, folder, get_sample(name).diameter_A
    if data := os.environ.get("UNETPICK_TEST_DATA"):
        for name in ("apoferritin", "betagal"):
            yield name, Path(data) / name, None


def try_set(name: str, folder: Path, diameter: float | None) -> Tally:
    """Plant every orientation and scale into every micrograph of a set."""
    given = list_micrographs(str(folder / "*.mrc"))
    images = open_images(given)
    known = Known({m.key: m for m in given}, images, diameter)
    picks = assign_picks(read_picks(folder / "picks.csv"), given, images.shapes)
    tally = Tally(name)
    for key, each in picks.items():
        if len(each) >= FEWEST:
            try_micrograph(key, each, known, tally)
    return tally


def try_micrograph(key: str, picks: Picks, known: Known, tally: Tally) -> None:
    """Plant every orientation and scale into one micrograph."""
    shape = known.images.shapes[key]
    started = time.perf_counter()
    tally.warned += bool(inspect_picks({key: picks}, known)[1])
    tally.seconds.append(time.perf_counter() - started)
    tally.picks.append(len(picks))
    sample = read_sample(
        {key: picks}, known.micrographs, known.diameters_of({key: picks}), map_image
    )
    for orientation in ORIENTATIONS:
        (tally.right if orientation == AS_READ else tally.wrong).append(
            sample.strength(orientation)
        )
    for wrong in ORIENTATIONS[1:]:
        made_on = shape[::-1] if wrong.swap_xy else shape
        turned = wrong.turn(picks, made_on)
        findings = inspect_picks({key: turned}, known)[1]
        tally.found += any(
            each.orientation is not None and undoes(each.orientation, turned, picks, shape)
            for each in findings
        )
    for binning in BINNINGS:
        small = replace(picks, coords=picks.coords / binning, diameters=None)
        findings = inspect_picks(
            {key: small}, replace(known, diameters=known.diameters_of({key: picks}))
        )[1]
        tally.scaled += any(each.scale == binning for each in findings)
    for factors in STRETCHES:
        odd = replace(picks, coords=picks.coords * factors, diameters=None)
        findings = inspect_picks(
            {key: odd}, replace(known, diameters=known.diameters_of({key: picks}))
        )[1]
        tally.stretched += any(is_stretch(str(each), factors) for each in findings)


def is_stretch(line: str, factors: tuple[float, float]) -> bool:
    """Tell whether a finding names the factors that undo a stretch."""
    found = re.search(r"with y (\S+) and x (\S+) times as large", line)
    if found is None:
        return False
    return np.allclose([float(each) for each in found.groups()], 1 / np.array(factors), STRETCHED)


def undoes(orientation: Orientation, turned: Picks, picks: Picks, shape: tuple[int, int]) -> bool:
    """Tell whether an orientation brings picks back to where they were."""
    return np.allclose(orientation.apply(turned.coords, shape), picks.coords, atol=1e-6)


if __name__ == "__main__":
    main()
