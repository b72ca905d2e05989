"""The yardstick of the plan that this project grew from: recipe `baseline` against `improved`.

The plan's baseline is a plain U-Net (BCE, no augmentation, constant rate, 50 epochs, then 20 of
self-training, kept whatever they do); it counts pixels. On a simulated set, some training
micrographs fully labelled, the others unlabelled, each recipe is trained and self-trained as a
user would by the command line, and picks the test micrographs at its automatic threshold. They are
scored once (protocols pixel and particle).

    python benchmarks/yardstick.py --sample globule --dose 8 --labelled 1 --seeds 42,43,44
    python benchmarks/yardstick.py --epochs 8        both recipes shorter, for a look
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace

import numpy as np
from _record import OUT
from accuracy import TEST, TRAIN, Case, read_rows, unetpick, write, write_rows
from self_training import training_micrographs, verdict

from napari_unetpick.simulate.samples import get_sample
from napari_unetpick.simulate.write import simulate_set

RECIPES = ("baseline", "improved")
FIGURES = ("pixel P", "pixel R", "pixel F1", "particle F1")
COLUMNS = ("case", "recipe", "seed", *FIGURES, "rounds", "minutes")
HERE = OUT / "yardstick"


def make_case(name: str, dose: float, labelled: int) -> Case:
    """Simulate fourteen micrographs at a dose; six train, of which the first are labelled."""
    sample = replace(get_sample(name), dose=dose)
    folder = HERE / f"{name}_{dose:g}"
    if not (folder / "picks.csv").is_file():
        for _ in simulate_set(sample, folder, TRAIN + TEST, 5):
            pass
    files, rows = sorted(folder.glob("*.mrc")), read_rows(folder / "picks.csv")
    test = {path.name for path in files[TRAIN:]}
    own = {path.name for path in files[:labelled]}
    return Case(
        name=folder.name,
        train_on=str(folder),
        picks=write_rows(folder / f"{labelled}.csv", [r for r in rows if r["micrograph"] in own]),
        test_on=[str(path) for path in files[TRAIN:]],
        truth=write_rows(folder / "test.csv", [r for r in rows if r["micrograph"] in test]),
        diameter=sample.diameter_A,
        border=0,
    )


def run(case: Case, recipe: str, seed: int, options: argparse.Namespace) -> dict[str, object]:
    """Train, self-train, pick, evaluate; return a row of the table."""
    folder = HERE / f"run_{case.name}_{recipe}_{seed}_{time.time_ns()}"
    micrographs = training_micrographs(case, folder / "train")
    shorter = ["--initial-epochs", options.epochs] if options.epochs else []
    model = folder / "run"
    started = time.monotonic()
    unetpick(
        *("train", micrographs, "--picks", case.picks, "--diameter", case.diameter),
        *("--run", model, "--recipe", recipe, "--seed", seed, *shorter),
    )
    unetpick("self-train", micrographs, "--run", model)
    minutes = (time.monotonic() - started) / 60
    table = (model / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    rounds = [row for row in map(json.loads, table) if "taken" in row]
    unetpick("pick", *case.test_on, "--model", model, "--out", folder / "picks")
    test = ("--truth", case.truth, "--micrographs", *case.test_on[:1], "--json")
    found = {
        protocol: json.loads(unetpick("evaluate", folder / "picks", *test, "--protocol", protocol))
        for protocol in ("pixel", "particle")
    }
    pixel = found["pixel"]
    return {
        "case": case.name,
        "recipe": recipe,
        "seed": seed,
        "pixel P": pixel["precision"],
        "pixel R": pixel["recall"],
        "pixel F1": pixel["f1"],
        "particle F1": found["particle"]["f1"],
        "rounds": ", ".join(verdict(row).split()[0] for row in rounds),
        "minutes": minutes,
    }


def main() -> None:
    """Run both recipes and print the table as it grows, then means and spread."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", default="globule")
    parser.add_argument("--dose", type=float, default=8.0, help="electrons per square Angstrom")
    parser.add_argument("--labelled", type=int, default=1, help="micrographs, of six")
    parser.add_argument("--seeds", default="42,43,44")
    parser.add_argument("--recipes", default=",".join(RECIPES))
    parser.add_argument("--epochs", type=int, default=0, help="instead of the recipes' own")
    options = parser.parse_args()
    case, rows = make_case(options.sample, options.dose, options.labelled), []
    print("|" + "|".join(COLUMNS) + "|\n|" + "---|" * len(COLUMNS), flush=True)
    for seed in map(int, options.seeds.split(",")):
        for recipe in options.recipes.split(","):
            rows.append(run(case, recipe, seed, options))
            print("|" + "|".join(write(rows[-1][c]) for c in COLUMNS) + "|", flush=True)
            (HERE / f"{case.name}.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    for recipe in options.recipes.split(","):
        own = [row for row in rows if row["recipe"] == recipe]
        means = [f"{name} {spread([row[name] for row in own])}" for name in FIGURES]
        print(f"{recipe}, {len(own)} seeds: {', '.join(means)}", flush=True)


def spread(values: list[float]) -> str:
    """Write mean and standard deviation."""
    deviation = f" +- {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{deviation}"


if __name__ == "__main__":
    main()
