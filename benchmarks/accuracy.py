"""Accuracy on real and simulated micrographs, by the command line as a user runs it.

Each case trains on labelled micrographs, picks the test micrographs at the automatic threshold and
scores them once (protocol particle). Real sets need UNETPICK_TEST_DATA; they are left out without.

    python benchmarks/accuracy.py                     all cases, seed 42
    python benchmarks/accuracy.py --cases apoferritin,random-21 --seeds 42,43
    python benchmarks/accuracy.py --cases "random-22*1.2"     a diameter that is 20 % too large
    python benchmarks/accuracy.py --cases random-22-low       a third of its dose, twice the haze
    python benchmarks/accuracy.py --cases apoferritin<cage    trained on the simulated cage alone
    python benchmarks/accuracy.py --cases random-22-low-30    thirty clicks in three of six
    python benchmarks/accuracy.py --start general             fine-tunes the general model
    python benchmarks/accuracy.py --start untrained           the general model as it is
    python benchmarks/accuracy.py --part validation           to choose by, not to publish
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_unetpick.simulate.sample import Sample

HERE = Path(__file__).parent
OUT = HERE / "out" / "accuracy"
DATA = Path(os.environ.get("UNETPICK_TEST_DATA") or "UNETPICK_TEST_DATA-is-not-set")
REAL = {"apoferritin": (120.0, 1.5), "betagal": (190.0, 7.08)}  # diameter A, A/px
# molecules, doses and dirt drawn at random, none of them a named sample
SIMULATED = ("random-21", "random-22", "random-23", "random-24", "random-25")
TRAIN, TEST = 6, 8  # simulated micrographs
COLUMNS = (
    *("case", "seed", "F1", "best F1", "precision", "recall", "F1 at d/4", "AP"),
    "validation - test",
    *("expected - true precision", "calibration error", "train s", "pick s"),
)


@dataclass(frozen=True)
class Case:
    """Files and options of one training and one picking."""

    name: str
    train_on: str
    picks: Path
    test_on: list[str]
    truth: Path
    diameter: float
    border: float
    pixel_size: float | None = None
    partial: bool = False
    recipe: str = "improved"
    test_diameter: float | None = None

    @property
    def size(self) -> list[object]:
        """Options that say a pixel size, where the headers are not asked."""
        return [] if self.pixel_size is None else ["--pixel-size", self.pixel_size]


def unetpick(*arguments: object) -> str:
    """Run a command and return what it prints."""
    command = [sys.executable, "-m", "napari_unetpick", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout


def write_rows(path: Path, rows: list[dict[str, str]]) -> Path:
    """Write rows of a pick file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, ["micrograph", "x", "y", "diameter"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a CSV file."""
    with open(path, newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def real_case(name: str, seed: int, scored: str = "test") -> Case:
    """Make a case of a real set: `apoferritin`, or `apoferritin-30` for thirty partial picks.

    `scored` is the part of the set that is picked and scored.
    """
    protein, _, clicks = name.partition("-")
    diameter, pixel_size = REAL[protein]
    folder = DATA / protein
    split = {row["micrograph"]: row["split"] for row in read_rows(folder / "split.csv")}
    rows = read_rows(folder / "picks.csv")
    chosen = [row for row in rows if split[row["micrograph"]] == "train"]
    if clicks:
        chosen = draw_clicks(chosen, int(clicks), seed)
    truth = [row for row in rows if split[row["micrograph"]] == scored]
    return Case(
        name=name,
        train_on=str(folder),
        picks=write_rows(OUT / f"{name}_{seed}_train.csv", chosen),
        test_on=[str(folder / n) for n, part in split.items() if part == scored],
        truth=write_rows(OUT / f"{name}_{scored}.csv", truth),
        diameter=diameter,
        border=diameter / 2,
        pixel_size=pixel_size,
        partial=bool(clicks),
    )


def sample_of(name: str) -> Sample:
    """Return a simulated sample; `random-21-low` has a third of its dose and twice the haze."""
    from napari_unetpick.simulate.samples import get_sample

    sample = get_sample(name.removesuffix("-low"))
    if name == sample.name:
        return sample
    return replace(sample, name=name, dose=sample.dose / 3, haze=sample.haze * 2)


def simulated_case(name: str) -> Case:
    """Make a case of a simulated set; `random-21*1.2` gives the diameter 20 % too large."""
    sample, _, factor = name.partition("*")
    folder = OUT / sample
    if not (folder / "micrographs.star").is_file():
        from napari_unetpick.simulate.write import simulate_set

        for _ in simulate_set(sample_of(sample), folder, TRAIN + TEST, 5):
            pass
    files = sorted(folder.glob("*.mrc"))
    rows = read_rows(folder / "picks.csv")
    first = {path.name for path in files[:TRAIN]}
    pixel_size = float(read_pixel_size(files[0]))
    diameter = float(rows[0]["diameter"]) * pixel_size
    train = [row for row in rows if row["micrograph"] in first]
    test = [row for row in rows if row["micrograph"] not in first]
    return Case(
        name=name,
        train_on=str(folder),
        picks=write_rows(OUT / f"{sample}_train.csv", train),
        test_on=[str(path) for path in files[TRAIN:]],
        truth=write_rows(OUT / f"{sample}_test.csv", test),
        diameter=diameter * float(factor or 1),
        border=0,
    )


def draw_clicks(rows: list[dict[str, str]], clicks: int, seed: int) -> list[dict[str, str]]:
    """Draw so many picks in three of the micrographs."""
    draw = random.Random(seed)
    names = sorted(draw.sample(sorted({row["micrograph"] for row in rows}), 3))
    by_name = {n: [row for row in rows if row["micrograph"] == n] for n in names}
    return [r for n in names for r in draw.sample(by_name[n], min(clicks // 3, len(by_name[n])))]


def few_clicks(name: str, seed: int) -> Case:
    """Make the case `sample-30`: thirty clicks in three of the training micrographs."""
    if is_real(name):
        return real_case(name, seed)
    sample, _, clicks = name.rpartition("-")
    case = simulated_case(sample)
    chosen = draw_clicks(read_rows(case.picks), int(clicks), seed)
    picks = write_rows(OUT / f"{name}_{seed}_train.csv", chosen)
    return replace(case, name=name, picks=picks, partial=True)


def transfer_case(name: str) -> Case:
    """Make a case `real<sample`: trained on a simulated set, tested on a real one."""
    real, _, sample = name.partition("<")
    case, simulated = real_case(real, 0), simulated_case(sample)
    return replace(
        simulated,
        name=name,
        test_on=case.test_on,
        truth=case.truth,
        border=case.border,
        test_diameter=case.diameter,
    )


def make_case(name: str, seed: int, scored: str = "test") -> Case:
    """Make a case from its name."""
    if "<" in name:
        return transfer_case(name)
    if is_real(name):
        return real_case(name, seed, scored)
    sample, _, clicks = name.rpartition("-")
    clicked = clicks.isdigit() and sample != "random"
    return few_clicks(name, seed) if clicked else simulated_case(name)


def is_real(name: str) -> bool:
    """Tell whether a case needs the real micrographs."""
    return name.split("-")[0].split("<")[0] in REAL


def read_pixel_size(path: Path) -> float:
    """Read A/px from the header."""
    from napari_unetpick.io.images.image import read_micrograph

    size = read_micrograph(path).pixel_size
    assert size is not None
    return size


def link(files: list[Path], folder: Path) -> Path:
    """Make a folder of links to files."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in files:
        if not (folder / path.name).exists():
            (folder / path.name).symlink_to(path.absolute())
    return folder


def pick_test(case: Case, model: Path | None, out: Path) -> Path:
    """Pick the test micrographs at the automatic threshold; return `out`.

    Without a model the general one picks them.
    """
    test = link([Path(path) for path in case.test_on], out.parent / "test")
    given = case.diameter if model is None else None
    diameter = case.test_diameter or given
    other = [] if diameter is None else ["--diameter", diameter]
    by = [] if model is None else ["--model", model]
    unetpick("pick", test, *by, "--out", out, *case.size, *other)
    return out


def evaluated(case: Case, picks: Path, *more: object) -> dict[str, Any]:
    """Score picks of the test micrographs; return what `evaluate --json` prints."""
    border = ["--border", case.border] if case.border else []
    truth = ("--truth", case.truth, "--micrographs", picks.parent / "test")
    found: dict[str, Any] = json.loads(
        unetpick("evaluate", picks, *truth, *border, *case.size, *more, "--json")
    )
    return found


def run(case: Case, seed: int, start: str = "scratch") -> dict[str, object]:
    """Train, pick, evaluate; return a row of the table. With start "untrained" nothing trains."""
    label = f"{case.name}_{seed}".replace("*", "x").replace("<", "_from_")
    folder = OUT / f"run_{label}_{time.time_ns()}"
    model = None if start == "untrained" else folder / "run"
    started = time.monotonic()
    if model is not None:
        unetpick(
            *("train", case.train_on, "--picks", case.picks, "--diameter", case.diameter),
            *(*case.size, "--run", model, "--seed", seed, "--recipe", case.recipe),
            *("--start", start, *(["--partial"] if case.partial else [])),
        )
    trained = time.monotonic()
    picks = pick_test(case, model, folder / "picks")
    picked = time.monotonic()
    found = evaluated(case, picks)
    calibration = found.get("calibration") or {}
    curve = found.get("curve") or {}
    row = {
        "case": case.name,
        "seed": seed,
        "F1": found["f1"],
        "best F1": curve.get("best_f1"),
        "precision": found["precision"],
        "recall": found["recall"],
        "F1 at d/4": found["f1_at_quarter_diameter"],
        "AP": curve.get("average_precision"),
        "train s": round(trained - started),
        "pick s": round(picked - trained),
    }
    if model is None or case.partial or case.test_diameter is not None:
        return row
    card = json.loads(unetpick("info", model, "--json"))
    validation = card["validation"].get("f1_without_border" if case.border else "f1")
    return row | {
        "validation - test": validation - found["f1"],
        "expected - true precision": calibration["expected_precision"]
        - calibration["true_precision"],
        "calibration error": calibration["error"],
    }


def write(value: object) -> str:
    """Write a cell of the table."""
    return "" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


def main() -> None:
    """Run the cases and print the table as it grows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    real = [*REAL, *(f"{name}-30" for name in REAL)]
    parser.add_argument("--cases", default=",".join([*real, *SIMULATED]))
    parser.add_argument("--seeds", default="42")
    parser.add_argument(
        "--start", default="scratch", help="scratch, general, a model, or untrained"
    )
    parser.add_argument("--part", default="test", choices=("test", "validation"))
    options = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    print("|" + "|".join(COLUMNS) + "|\n|" + "---|" * len(COLUMNS), flush=True)
    rows = []
    for name in options.cases.split(","):
        for seed in map(int, options.seeds.split(",")):
            if is_real(name) and not DATA.is_dir():
                print(f"({name}: no real micrographs at UNETPICK_TEST_DATA)", flush=True)
                continue
            rows.append(run(make_case(name, seed, options.part), seed, options.start))
            cells = [rows[-1].get(column) for column in COLUMNS]
            text = [
                f"{c:.3f}" if isinstance(c, float) else "" if c is None else str(c) for c in cells
            ]
            print("|" + "|".join(text) + "|", flush=True)
            (OUT.parent / "accuracy.json").write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
