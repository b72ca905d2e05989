"""One round of the 2D-class loop: how much junk, and how many particles, are left in the picks.

Barrels with another protein among them are picked with the general model. The picks are sorted by
the truth into particles and junk, a tenth of each into the wrong one, as classes would: kept picks
become labels and rejected ones negatives. A training from the general model follows, and the same
micrographs and others are picked again.

    python benchmarks/class_loop.py [--foreign 0.35] [--molecule cage] [--quick]

`--quick` sorts with `unetpick classes` instead, and rejects the classes with more junk than
particles.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from _data import say, unetpick
from _record import table

DIAMETER = 150.0  # A
WRONG = 0.1  # of each kind in the wrong class
OTHERS = 4  # micrographs that no label is of


def simulate(folder: Path, count: int, options: argparse.Namespace, seed: int) -> None:
    """Simulate barrels among which a fraction is of another protein."""
    from napari_unetpick.simulate.sample import Contamination
    from napari_unetpick.simulate.samples import get_sample
    from napari_unetpick.simulate.write import simulate_set

    barrel = get_sample("barrel")
    kind = {"foreign": options.foreign, "foreign_molecule": options.molecule}
    planted = Contamination(0.2, 0.5, 0.0, 0.5, 0.05, **kind)
    for _ in simulate_set(replace(barrel, contamination=planted), folder, count, seed):
        pass


def matches(folder: Path, picks: Path) -> tuple[dict[str, np.ndarray], int, int]:
    """Return which picks are particles by micrograph, and how many of how many are found."""
    from napari_unetpick.evaluation.matching import match_particles
    from napari_unetpick.io.formats.read import read_picks
    from napari_unetpick.io.names import micrograph_key

    every = {micrograph_key(k): v for k, v in read_picks(folder / "picks.csv").items()}
    found = {micrograph_key(k): v for k, v in read_picks(picks).items()}
    every = {key: truth for key, truth in every.items() if key in found}
    true = {}
    for key, truth in every.items():
        match = match_particles(found[key].coords, truth.coords, 0.5 * DIAMETER / 4.0)
        true[key] = match >= 0
    return true, sum(int(each.sum()) for each in true.values()), sum(map(len, every.values()))


def shares(folder: Path, picks: Path) -> tuple[float, float]:
    """Return the junk's share of the picks, and the recall of the particles."""
    true, hits, total = matches(folder, picks)
    return 1 - hits / sum(map(len, true.values())), hits / total


def plant(folder: Path, picks: Path, out: Path, seed: int = 1) -> None:
    """Write labels as from classes that are right but for a tenth of each kind."""
    from napari_unetpick.classes.labels import write_class_labels
    from napari_unetpick.io.formats.read import read_picks
    from napari_unetpick.io.names import micrograph_key

    rng = np.random.default_rng(seed)
    true, _, _ = matches(folder, picks)
    kept, rejected = [], []
    for name, each in read_picks(picks).items():
        good = true[micrograph_key(name)]
        good = good ^ (rng.random(len(good)) < WRONG)
        kept.append(each.select(good))
        rejected.append(each.select(~good))
    say(write_class_labels(out, kept, rejected))


def sort(folder: Path, picks: Path, out: Path) -> None:
    """Write labels from quick classes; those of more junk than particles are rejected."""
    from napari_unetpick.classes.table import read_classes

    started = time.monotonic()
    unetpick("classes", folder, "--picks", picks, "--diameter", DIAMETER, "--out", out)
    say(f"classes made in {time.monotonic() - started:.0f} s")
    found = read_classes(out)
    true, _, _ = matches(folder, out / "particles.csv")
    good = np.zeros(len(found), bool)
    for key, each in true.items():
        good[[name.startswith(key) for name in found.micrographs]] = each
    shares_of = [good[found.numbers == n].mean() for n in range(1, found.count + 1)]
    pure = sum(max(s, 1 - s) * n for s, n in zip(shares_of, found.sizes, strict=True))
    say(f"purity {pure / len(found):.3f} of {len(found):,} picks, {good.mean():.3f} particles")
    bad = [n for n, share in enumerate(shares_of, 1) if share < 0.5]
    unetpick("classes", "--out", out, "--reject", ",".join(map(str, bad)))


def main() -> None:
    """Simulate, pick, sort, train, pick again."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--micrographs", type=int, default=8)
    parser.add_argument("--foreign", type=float, default=0.35)
    parser.add_argument("--molecule", default="cage")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as made:
        sets, labels, run = Path(made), Path(made) / "labels", Path(made) / "run"
        simulate(sets / "set", options.micrographs, options, 7)
        simulate(sets / "others", OTHERS, options, 8)

        def pick(name: str, model: object, threshold: str) -> Path:
            for each in (sets / "set", sets / "others"):
                out = sets / f"{name}-{each.name}"
                given = ("--model", model, "--diameter", DIAMETER, "--threshold", threshold)
                unetpick("pick", each, *given, "--out", out)
                share, recall = shares(each, out / "picks.csv")
                rows.append([name, each.name, f"{share:.3f}", f"{recall:.3f}"])
            return sets / f"{name}-set" / "picks.csv"

        before = pick("general model", "general", "auto")
        (sort if options.quick else plant)(sets / "set", before, labels)
        given = ("--picks", labels / "picks.csv", "--negatives", labels / "negatives.csv")
        started = time.monotonic()
        unetpick("train", sets / "set", *given, "--diameter", DIAMETER, "--run", run)
        say(f"trained in {time.monotonic() - started:.0f} s")
        for threshold in ("auto", "0.25"):
            pick(f"after one round, threshold {threshold}", run, threshold)
    print(table(("picks of", "micrographs", "junk's share", "recall"), rows))


if __name__ == "__main__":
    main()
