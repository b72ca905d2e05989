"""What averaging several models is worth, and whether their disagreement tells errors.

On a simulated set: a model a seed, all with the same two validation micrographs; each one and all
together pick the validation and the test micrographs at the automatic threshold (protocol
particle). Disagreement is the standard deviation of the members' scores on a candidate; the area
under its ROC curve says how often a wrong pick has more of it than a right one.

    python benchmarks/ensemble.py --cases random-34 --seeds 42,43,44
"""

from __future__ import annotations

import argparse
import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from accuracy import OUT, Case, read_rows, simulated_case, unetpick, write, write_rows
from numpy.typing import NDArray

from napari_unetpick.evaluation.evaluate import evaluate
from napari_unetpick.evaluation.inputs.load import load_inputs

COLUMNS = ("case", "model", "validation F1", "test F1", "test AP", "test AUC")
VALIDATE = 2  # of the training micrographs
HERE = OUT.parent / "ensemble"


@dataclass(frozen=True)
class Part:
    """Micrographs that are picked, with their truth."""

    folder: Path
    truth: Path


def make_part(case: Case, name: str, files: list[Path]) -> Part:
    """Link some micrographs of a set into a folder, with their truth."""
    folder = HERE / f"{case.name}_{name}"
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        if not (folder / file.name).exists():
            (folder / file.name).symlink_to(file.absolute())
    wanted = {file.name for file in files}
    rows = [r for r in read_rows(Path(case.train_on) / "picks.csv") if r["micrograph"] in wanted]
    return Part(folder, write_rows(HERE / f"{case.name}_{name}.csv", rows))


def score(part: Part, models: list[Path]) -> tuple[float, float, float | None]:
    """Pick and score; return F1, average precision, and the AUC of the disagreement."""
    out = HERE / f"picks_{part.folder.name}_{'-'.join(m.stem + m.parent.name for m in models)}"
    chosen = [text for model in models for text in ("--model", str(model))]
    unetpick("pick", part.folder, *chosen, "--out", out)
    inputs = load_inputs(out, part.truth, str(part.folder))
    found = evaluate(
        inputs.picks, inputs.truth, inputs.diameters, inputs.shapes, candidates=inputs.candidates
    )
    spread, wrong = [], []
    for row in found.micrographs:
        own = inputs.picks[row.key].uncertainties if row.key in inputs.picks else None
        if own is not None:
            spread.append(own)
            wrong.append(row.matches.matched < 0)
    assert found.curve is not None
    area = auc(np.concatenate(spread), np.concatenate(wrong)) if spread else None
    return found.headline.f1, found.curve.average_precision, area


def auc(values: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve by ranks (Mann and Whitney 1947), ties counted half."""
    from scipy.stats import rankdata

    ranks, count = rankdata(values), int(positive.sum())
    others = len(values) - count
    return float((ranks[positive].sum() - count * (count + 1) / 2) / max(count * others, 1))


def train(case: Case, validation: Part, name: str, *more: object) -> Path:
    """Train into a folder of this name, unless it is there."""
    run = HERE / f"{case.name}_{name}"
    if not (run / "model.safetensors").is_file():
        unetpick(
            *("train", case.train_on, "--picks", case.picks, "--diameter", case.diameter),
            *("--validation", validation.truth, "--run", run, "--start", "scratch", *more),
        )
    return run


def members_of(case: Case, validation: Part, options: argparse.Namespace) -> list[Path]:
    """Train the models that stand alone, the ensemble's members."""
    return [
        train(case, validation, f"{seed}_{options.epochs}", "--seed", seed,
              "--initial-epochs", options.epochs)
        for seed in options.seeds.split(",")
    ]  # fmt: skip


def main() -> None:
    """Run the cases and print the table as it grows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", default="random-34")
    parser.add_argument("--seeds", default="42,43,44")
    parser.add_argument("--epochs", type=int, default=16)
    options = parser.parse_args()
    print("|" + "|".join(COLUMNS) + "|\n|" + "---|" * len(COLUMNS), flush=True)
    record = OUT.parent / "ensemble.jsonl"
    for name in options.cases.split(","):
        case = simulated_case(name)
        with open(case.picks, newline="", encoding="utf-8") as handle:
            known = sorted({row["micrograph"] for row in csv.DictReader(handle)})
        folder = Path(case.train_on)
        validation = make_part(case, "validation", [folder / n for n in known[-VALIDATE:]])
        test = make_part(case, "test", [Path(path) for path in case.test_on])
        members = members_of(case, validation, options)
        for models in (*([m] for m in members), members):
            on_validation, on_test = score(validation, models), score(test, models)
            who = models[0].stem if len(models) == 1 else f"all {len(models)}"
            row = (case.name, who, on_validation[0], *on_test)
            print("|" + "|".join(write(each) for each in row) + "|", flush=True)
            with open(record, "a", encoding="utf-8") as handle:
                handle.write(json.dumps(dict(zip(COLUMNS, row, strict=True))) + "\n")


if __name__ == "__main__":
    main()
