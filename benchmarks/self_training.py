"""What learning from unlabelled places is worth with few labels, at the same cost without it.

Thirty picks in three training micrographs, drawn at random, the other training micrographs
unlabelled (`--partial`). The models are

- default: what scores like clicks that a network has not seen teaches as well, down to where
  precision falls;
- supervised: only clicks (`learn_unmarked = false`), in as many epochs; the cross-fitted
  networks, which are the same, are the default's;
- round 1, round 2, ...: each round of `self-train` on the default; none comes after one that
  the acceptance test does not accept;
- longer: supervised, with as many epochs more as the rounds take.

Each model picks the test micrographs at its automatic threshold and is scored once (protocol
particle); "best F1" has its threshold chosen on the test set itself, an upper bound. Where the
truth is simulated, the recall of the worst quarter of views is given: views by the angle between
the molecule's axis and the beam. Of a round's pseudo-labels it is said which share are particles of
the set's truth, one to one within half a diameter.

    python benchmarks/self_training.py --cases random-31-30,betagal-30 --seeds 42,43,44
    python benchmarks/self_training.py --rounds 2 --longer
    python benchmarks/self_training.py --rounds 2 --set gate=false    rounds without acceptance test
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from accuracy import (
    OUT,
    Case,
    evaluated,
    few_clicks,
    link,
    pick_test,
    unetpick,
)

VIEWS = 4
Row = dict[str, Any]
COLUMNS = (
    *("case", "seed", "model", "F1", "precision", "recall"),
    *("best F1", "AP", "worst view", "s", "acceptance test", "true pseudo-labels"),
)


def training_micrographs(case: Case, folder: Path) -> Path:
    """Make a folder of the micrographs that may teach: the test micrographs are not among them."""
    test = {Path(path).name for path in case.test_on}
    files = sorted(Path(case.train_on).glob("*.[mt][ri][cf]*"))
    return link([path for path in files if path.name not in test], folder)


def score(case: Case, model: Path, folder: Path) -> dict[str, object]:
    """Pick the test micrographs and score the picks."""
    out = pick_test(case, model, folder / f"picks_{model.stem}_{time.time_ns()}")
    found = evaluated(case, out)
    return {
        "F1": found["f1"],
        "precision": found["precision"],
        "recall": found["recall"],
        "best F1": found["curve"]["best_f1"],
        "AP": found["curve"]["average_precision"],
        "worst view": worst_view(case, out / "picks.csv"),
    }


def worst_view(case: Case, picks: Path) -> float | None:
    """Return the lowest recall of a quarter of the views, None where poses are not known."""
    table = Path(case.train_on) / "truth.csv"
    if not table.is_file():
        return None
    from napari_unetpick.evaluation.matching import match_particles
    from napari_unetpick.io.formats.read import read_picks

    found = read_picks(picks)
    with open(case.truth, newline="", encoding="utf-8") as handle:
        diameter = float(next(csv.DictReader(handle))["diameter"])
    with open(table, newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    angles, hits = [], []
    for path in map(Path, case.test_on):
        own = [row for row in rows if row["micrograph"] == path.name]
        true = np.array([(float(row["y"]), float(row["x"])) for row in own]).reshape(-1, 2)
        made = found[path.name].coords if path.name in found else np.empty((0, 2))
        match = match_particles(made, true, 0.5 * diameter)
        hit = np.zeros(len(true), bool)
        hit[match[match >= 0]] = True
        hits.append(hit)
        qx, qy = (np.array([float(row[name]) for row in own]) for name in ("qx", "qy"))
        angles.append(np.abs(1 - 2 * (qx**2 + qy**2)))  # |cos| of axis and beam
    angle, hit = np.concatenate(angles), np.concatenate(hits)
    quarters = np.array_split(np.argsort(angle, kind="stable"), VIEWS)
    return float(min(hit[quarter].mean() for quarter in quarters))


def true_share(case: Case, taken: Path) -> float | None:
    """Return which share of a round's pseudo-labels are particles, None where that is not known.

    Parameters
    ----------
    taken
        What the round took, as `self-train` writes it into the run folder.
    """
    from napari_unetpick.evaluation.matching import match_particles
    from napari_unetpick.io.formats.read import read_picks

    truth = read_picks(Path(case.train_on) / "picks.csv")
    right = count = 0
    for name, picks in read_picks(taken).items():
        true = truth.get(name)
        if true is None or true.diameters is None:
            continue
        match = match_particles(picks.coords, true.coords, 0.5 * true.diameters)
        right += int((match >= 0).sum())
        count += len(picks)
    return right / count if count else None


def verdict(row: dict[str, float]) -> str:
    """Say what the acceptance test measured."""
    words = {1: "accepted", 0: "rejected", -1: "inconclusive", 2: "kept without test"}[
        int(row["accepted"])
    ]
    return words + (f" {row['low']:+.3f} to {row['high']:+.3f}" if "low" in row else "")


def run(name: str, seed: int, options: argparse.Namespace) -> Iterator[Row]:
    """Train, self-train, score every model."""
    case = few_clicks(name, seed)
    folder = OUT.parent / "self_training" / f"{name}_{seed}_{time.time_ns()}"
    micrographs = training_micrographs(case, folder / "train")
    base = {"case": name, "seed": seed, "set": options.set}

    def trained(model: str, *, learns: bool, epochs: int, begun: Path | None = None) -> Row:
        """Train and score a model, or find that of an earlier call."""
        earlier = folder.parent.glob(f"{name}_{seed}_*/{model}.json") if options.reuse else ()
        for kept in sorted(earlier):
            row = json.loads(kept.read_text(encoding="utf-8"))
            if row["epochs"] == epochs:
                return {**row, "run": kept.parent / model}
        recipe = folder / "recipe.toml"
        words = f"[train]\nepochs = {epochs}\nlearn_unmarked = {str(learns).lower()}\n"
        recipe.write_text(words + "\n".join(["[self_train]", *options.set]), encoding="utf-8")
        if begun is not None:
            keep_cross_fitting(begun, folder / model)
        started = time.monotonic()
        unetpick(
            *("train", micrographs, "--picks", case.picks, "--diameter", case.diameter, *case.size),
            *("--run", folder / model, "--seed", seed, "--partial", "--recipe", recipe),
            *("--start", "scratch"),
            *([] if begun is None else ["--resume"]),
        )
        seconds = time.monotonic() - started
        row = {**base, "model": model, "s": seconds, "epochs": epochs}
        row |= score(case, folder / model, folder)
        (folder / f"{model}.json").write_text(json.dumps(row), encoding="utf-8")
        return {**row, "run": folder / model}

    default = trained("default", learns=True, epochs=options.epochs)
    yield default
    if not options.longer:
        yield trained("supervised", learns=False, epochs=options.epochs, begun=default["run"])
    if not options.rounds:
        return
    own = Path(shutil.copytree(default["run"], folder / "run"))
    change_recipe(own / "config.toml", options)
    started = time.monotonic()
    unetpick("self-train", micrographs, "--run", own)
    seconds = time.monotonic() - started
    metrics = (own / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    rounds = [row for row in map(json.loads, metrics) if "taken" in row]
    for each in rounds:
        model = own / f"round-{int(each['round'])}.safetensors"
        yield {
            **base,
            "model": f"round {int(each['round'])} ({int(each['taken'])} pseudo-labels)",
            "s": seconds / len(rounds),
            "acceptance test": verdict(each),
            "true pseudo-labels": true_share(case, model.with_suffix(".csv")),
            **score(case, model, folder),
        }
    if options.longer:
        more = (default["s"] + seconds) / default["s"]
        yield trained("longer", learns=False, epochs=round(options.epochs * more))


def keep_cross_fitting(run: Path, to: Path) -> None:
    """Copy a run as one that was stopped after its cross-fitting and that learns the clicks only.

    Its settings are changed by hand, since no command resumes with others.
    """
    import torch

    shutil.copytree(run, to)
    (to / "model.safetensors").unlink()
    config = tomllib.loads((to / "config.toml").read_text(encoding="utf-8"))
    config["settings"]["train"]["learn_unmarked"] = False
    (to / "config.toml").write_text(tomli_w.dumps(config), encoding="utf-8")
    checkpoint = torch.load(to / "checkpoint.pt", weights_only=True)
    checkpoint["finished"] = False
    checkpoint["stages"].pop("training")
    torch.save(checkpoint, to / "checkpoint.pt")


def change_recipe(config: Path, options: argparse.Namespace) -> None:
    """Give a copied run the settings of self-training that are asked for."""
    table = tomllib.loads(config.read_text(encoding="utf-8"))
    table["settings"]["self_train"] |= tomllib.loads("\n".join(options.set))
    table["settings"]["self_train"] |= {"rounds": options.rounds}
    config.write_text(tomli_w.dumps(table), encoding="utf-8")


def main() -> None:
    """Run the cases and print the table as it grows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", default="random-31-30,random-34-30")
    parser.add_argument("--seeds", default="42")
    parser.add_argument("--epochs", type=int, default=16, help="of the recipe")
    parser.add_argument("--rounds", type=int, default=0, help="of self-train")
    parser.add_argument("--set", action="append", default=[], help="NAME=VALUE of [self_train]")
    parser.add_argument("--longer", action="store_true", help="the supervised one of equal cost")
    parser.add_argument("--reuse", action="store_true", help="models of earlier calls")
    options = parser.parse_args()
    options.set = [text.replace("=", " = ", 1) for text in options.set]
    print("|" + "|".join(COLUMNS) + "|\n|" + "---|" * len(COLUMNS), flush=True)
    record = OUT.parent / "self_training.jsonl"
    for name in options.cases.split(","):
        for seed in map(int, options.seeds.split(",")):
            for row in run(name, seed, options):
                cells = [row.get(column) for column in COLUMNS]
                text = [f"{c:.3f}" if isinstance(c, float) else str(c or "") for c in cells]
                print("|" + "|".join(text) + "|", flush=True)
                with open(record, "a", encoding="utf-8") as handle:
                    handle.write(json.dumps(row, default=str) + "\n")


if __name__ == "__main__":
    main()
