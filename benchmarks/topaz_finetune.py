"""Accuracy against Topaz, fine-tuned from its pretrained weights on the same labels.

On the cases of accuracy.py, in one run on the same micrographs, picks and two threads:

- unetpick: `train`, `pick` at the automatic threshold and `evaluate`, as accuracy.py does;
- Topaz: `preprocess`, `train` from the pretrained resnet16 of 64 units, and `extract`, in its own
  environment through its own command functions. It updates its weights for as long as all of our
  training took; its imports, reading, preprocessing and loading are not counted.

Both set the same micrographs aside for validation and choose their threshold there. "Best F1" has
its threshold chosen on the test set itself: an upper bound. Where the labels are partial Topaz is
given it, since there is nothing to choose a threshold on.

    python benchmarks/topaz_finetune.py                     all cases, our training time (hours)
    python benchmarks/topaz_finetune.py --our-record FILE   our side from a record of accuracy.py
    python benchmarks/topaz_finetune.py --updates default   Topaz's own 10 x 1000 updates
    python benchmarks/topaz_finetune.py --updates 150       that many; 0: the pretrained weights
    python benchmarks/topaz_finetune.py --quick             one update

Rows that `out/topaz_finetune.json` has are not measured again (but with --again). A number of
updates is made in ten epochs, each of which leaves its weights in `out/topaz/`; started again, an
interrupted run resumes from the last of them (Topaz does not store its optimiser, which begins
from scratch there). On two cores the default takes days: it is for a GPU, `--device 0`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import accuracy
import numpy as np
from _data import say
from _record import OUT, THREAD_VARIABLES, THREADS, machine, verdict
from _topaz_peer import UPDATES, Row, Topaz, expected_number, make_task
from accuracy import SIMULATED, Case
from picking_speed import TOPAZ, peer_environment

from napari_unetpick.evaluation.evaluate import evaluate
from napari_unetpick.evaluation.inputs.load import Inputs, load_inputs
from napari_unetpick.evaluation.inputs.nms import thin
from napari_unetpick.evaluation.metrics import pool
from napari_unetpick.evaluation.pairs import compare
from napari_unetpick.evaluation.protocols import match_by_distance
from napari_unetpick.evaluation.results import Evaluation
from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.picks import Picks
from napari_unetpick.picking.scale import MIN_DISTANCE

COLUMNS = (
    *("case", "seed", "F1", "best F1", "AP", "train s"),
    *("Topaz F1", "Topaz best F1", "Topaz AP", "updates", "Topaz train s", "F1 above Topaz's"),
)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    partial = [f"{name}-30" for name in accuracy.REAL]
    parser.add_argument("--cases", default=",".join([*accuracy.REAL, *partial, *SIMULATED]))
    parser.add_argument("--seeds", default="42")
    parser.add_argument("--updates", default="time", help="time, default or a number [time]")
    parser.add_argument("--our-record", type=Path, help="rows of accuracy.py, not trained again")
    parser.add_argument("--again", action="store_true", help="measure the rows that are there, too")
    parser.add_argument("--device", default="-1", help="Topaz's: -1 is the CPU, 0 the first GPU")
    parser.add_argument("--topaz-python", type=Path, help="interpreter of a ready environment")
    parser.add_argument("--quick", action="store_true", help="one update on one case")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.cases, arguments.again = "random-21", True
    if arguments.updates == "default":
        arguments.updates = str(UPDATES)
    if arguments.updates != "time" and not arguments.updates.isdecimal():
        parser.error("--updates: give time, default or a number")
    return arguments


def read_peaks(picks: Path, truth: Path, micrographs: Iterable[Path], case: Case) -> Inputs:
    """Read as `unetpick evaluate` does; our candidates are thinned as its curve does."""
    paths = [str(path) for path in micrographs]
    inputs = load_inputs(picks, truth, paths, pixel_size=case.pixel_size, border=case.border)
    if inputs.candidates is None:
        return inputs
    peaks = {}
    for key, true in inputs.truth.items():
        each = inputs.candidates[key]
        coords, scores = thin(each, MIN_DISTANCE * float(np.median(true.diameters)))
        peaks[key] = Picks(key, coords, scores)
    return replace(inputs, picks=peaks, candidates=None)


def keep_from(inputs: Inputs, threshold: float) -> dict[str, Picks]:
    """Keep the peaks from a threshold on."""
    return {key: each.select(each.scores >= threshold) for key, each in inputs.picks.items()}


def score(inputs: Inputs, threshold: float = 0.0) -> Evaluation:
    """Score the peaks from a threshold on."""
    picks = keep_from(inputs, threshold)
    sizes = (inputs.diameters, inputs.shapes, inputs.border_px)
    return evaluate(picks, inputs.truth, *sizes, exclusions=inputs.exclusions)


def choose_threshold(inputs: Inputs) -> tuple[float, float]:
    """Find the threshold of the highest F1, and that F1 (protocol particle, as `evaluate`'s)."""
    scores = np.concatenate([each.scores for each in inputs.picks.values()])
    some = [*np.quantile(scores, np.linspace(0, 1, 41)), score(inputs).curve.best_threshold]
    sizes = (inputs.diameters, inputs.shapes, inputs.border_px, {}, inputs.exclusions)
    found = []
    for threshold in some:
        pairs = compare(keep_from(inputs, threshold), inputs.truth, *sizes)
        found.append((pool(match_by_distance(pair).score for pair in pairs).f1, float(threshold)))
    f1, threshold = max(found)
    return threshold, f1


def measure_ours(case: Case, seed: int, record: Row | None) -> Row:
    """Take our side from a record, or train, pick and evaluate."""
    if record is None:
        say(f"{case.name}, seed {seed}: unetpick trains")
        record = accuracy.run(case, seed)
        label = f"{case.name}_{seed}".replace("*", "x")
        folder = max(accuracy.OUT.glob(f"run_{label}_*"), key=lambda path: path.name)
        peaks = read_peaks(folder / "picks", case.truth, map(Path, case.test_on), case)
        record["best F1"] = choose_threshold(peaks)[1]
    return {key: record.get(key) for key in ("F1", "best F1", "AP", "train s")}


def measure_topaz(topaz: Topaz, limit: float | None, updates: int) -> Row:
    """Prepare, train, extract, and score at the validation threshold and at the best."""
    task, case = topaz.task, topaz.task.case
    topaz.prepare()
    network, answer = topaz.train(limit, updates)
    say(f"{case.name}: Topaz extracts after {answer['updates']} updates")
    peaks = read_peaks(topaz.extract(network, "test"), case.truth, task.groups["test"], case)
    best_threshold, best_f1 = choose_threshold(peaks)
    threshold = f1 = None
    if held := task.groups["validation"]:
        validation = read_peaks(topaz.extract(network, "validation"), case.picks, held, case)
        threshold, _ = choose_threshold(validation)
        f1 = score(peaks, threshold).headline.f1
    kept = ("epoch", "peak_mib", "topaz", "torch")
    return {
        "Topaz F1": f1,
        "Topaz best F1": best_f1,
        "Topaz AP": score(peaks).curve.average_precision,
        "updates": answer["updates"],
        "Topaz train s": answer["seconds"],
        "Topaz": {
            "scale": task.scale,
            "extraction radius": task.radius,
            "expected": " ".join(expected_number(task)),
            "validation": [path.name for path in held],
            "threshold": threshold,
            "best threshold": best_threshold,
            "centring error": score(peaks, best_threshold).centring,
            **{key: answer[key] for key in kept if key in answer},
        },
    }


def measure(name: str, seed: int, options: argparse.Namespace, record: Row | None) -> Row:
    """Measure both sides on a case."""
    case = accuracy.make_case(name, seed)
    if case.test_diameter is not None:
        raise SystemExit(f"{name}: Topaz is trained and tested on one set; leave out '<'")
    if options.quick:
        case = replace(case, test_on=case.test_on[:2])
        record = record or {"train s": 1}
    ours = measure_ours(case, seed, record)
    limit = (1 if options.quick else ours["train s"]) if options.updates == "time" else None
    python = options.topaz_python or peer_environment(TOPAZ)
    topaz = Topaz(python, make_task(case, seed), options.device)
    say(f"{name}, seed {seed}: Topaz trains, {options.updates if limit is None else f'{limit} s'}")
    peer = measure_topaz(topaz, limit, 0 if limit is not None else int(options.updates))
    topaz.worker.close()
    theirs = peer["Topaz best F1"] if peer["Topaz F1"] is None else peer["Topaz F1"]
    above = "" if ours["F1"] is None else verdict(ours["F1"], theirs, at_least=True)
    return {"case": name, "seed": seed, **ours, **peer, "F1 above Topaz's": above}


def forget_weights(name: str, seed: int, updates: str) -> None:
    """Remove the weights of a finished run, so that it is made again from the start."""
    task = make_task(accuracy.make_case(name, seed), seed)
    shutil.rmtree(task.folder / f"updates-{updates}", ignore_errors=True)


def show(row: Row) -> None:
    """Print a line of the table."""
    print("|" + "|".join(write(row[column]) for column in COLUMNS) + "|", flush=True)


def write(value: object) -> str:
    """Write a cell of the table: seconds whole, ratios to three digits."""
    if isinstance(value, float):
        return f"{value:.0f}" if value > 1 else f"{value:.3f}"
    return "" if value is None else str(value)


def main() -> None:
    options = parse_arguments()
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(THREADS)))
    if hasattr(os, "sched_setaffinity"):  # our side inherits it
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    accuracy.OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"topaz_finetune{'_quick' * options.quick}.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.is_file() else []
    given = json.loads(options.our_record.read_text()) if options.our_record else []
    records = {(row["case"], row["seed"]): row for row in given}
    print("|" + "|".join(COLUMNS) + "|\n|---|" + "---:|" * (len(COLUMNS) - 1), flush=True)
    for name in options.cases.split(","):
        if accuracy.is_real(name) and not accuracy.DATA.is_dir():
            print(f"({name}: no real micrographs at UNETPICK_TEST_DATA)", flush=True)
            continue
        for seed in map(int, options.seeds.split(",")):
            key = {"case": name, "seed": seed, "mode": options.updates}
            same = [row for row in rows if key.items() <= row.items()]
            if same and not options.again:
                show(same[-1])
                continue
            if same:
                forget_weights(name, seed, options.updates)
            row = measure(name, seed, options, records.get((name, seed))) | key
            rows = [*(other for other in rows if other not in same), row]
            write_text(path, json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")
            show(row)


if __name__ == "__main__":
    main()
