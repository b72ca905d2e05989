"""The yardstick of the plan that this project grew from: recipe `baseline` against `improved`.

The plan's baseline is a plain U-Net (BCE, no augmentation, constant rate, 50 epochs, then 20 of
self-training, kept whatever they do); it counts pixels. On a case of accuracy.py, some training
micrographs fully labelled, the others unlabelled, each recipe is trained and self-trained as a
user would by the command line, and picks the test micrographs at its automatic threshold. They are
scored once (protocols pixel and particle).

    python benchmarks/yardstick.py --case random-44 --labelled 1 --seeds 42,43,44
    python benchmarks/yardstick.py --epochs 8        both recipes shorter, for a look
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace

import accuracy
import numpy as np
from _record import OUT
from accuracy import Case, evaluated, pick_test, read_rows, unetpick, write, write_rows
from self_training import training_micrographs, verdict

RECIPES = ("baseline", "improved")
FIGURES = ("pixel P", "pixel R", "pixel F1", "particle F1")
COLUMNS = ("case", "recipe", "seed", *FIGURES, "rounds", "minutes")
HERE = OUT / "yardstick"


def make_case(name: str, labelled: int) -> Case:
    """Take a case of accuracy.py and keep the labels of its first training micrographs alone."""
    case = accuracy.make_case(name, 0)
    rows = read_rows(case.picks)
    own = sorted({row["micrograph"] for row in rows})[:labelled]
    picks = HERE / f"{name.replace('<', '_from_')}_{labelled}.csv"
    chosen = [row for row in rows if row["micrograph"] in own]
    return replace(case, name=f"{name}, {labelled} labelled", picks=write_rows(picks, chosen))


def run(case: Case, recipe: str, seed: int, options: argparse.Namespace) -> dict[str, object]:
    """Train, self-train, pick, evaluate; return a row of the table."""
    folder = HERE / f"run_{case.picks.stem}_{recipe}_{seed}_{time.time_ns()}"
    micrographs = training_micrographs(case, folder / "train")
    shorter = ["--initial-epochs", options.epochs] if options.epochs else []
    model = folder / "run"
    started = time.monotonic()
    unetpick(
        *("train", micrographs, "--picks", case.picks, "--diameter", case.diameter, *case.size),
        *("--run", model, "--recipe", recipe, "--seed", seed, *shorter),
        *("--start", "scratch"),
    )
    unetpick("self-train", micrographs, "--run", model)
    minutes = (time.monotonic() - started) / 60
    table = (model / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    rounds = [row for row in map(json.loads, table) if "taken" in row]
    picks = pick_test(case, model, folder / "picks")
    found = {
        protocol: evaluated(case, picks, "--protocol", protocol)
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
    parser.add_argument("--case", default="random-44", help="of accuracy.py")
    parser.add_argument("--labelled", type=int, default=1, help="training micrographs, the first")
    parser.add_argument("--seeds", default="42,43,44")
    parser.add_argument("--recipes", default=",".join(RECIPES))
    parser.add_argument("--epochs", type=int, default=0, help="instead of the recipes' own")
    options = parser.parse_args()
    case, rows = make_case(options.case, options.labelled), []
    print("|" + "|".join(COLUMNS) + "|\n|" + "---|" * len(COLUMNS), flush=True)
    for seed in map(int, options.seeds.split(",")):
        for recipe in options.recipes.split(","):
            rows.append(run(case, recipe, seed, options))
            print("|" + "|".join(write(rows[-1][c]) for c in COLUMNS) + "|", flush=True)
            case.picks.with_suffix(".json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
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
