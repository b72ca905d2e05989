"""What training in two processes is worth beside one: F1 of both, on the same set and seeds.

The processes are started by torchrun as a user starts them, with one thread each, on CPUs. There
batch normalisation has the statistics of each process's share of the batch, so models differ. The
default recipe from scratch, on a simulated set of `accuracy.py`; validation F1 as the model's card
has it, test F1 at the automatic threshold. Wanted: means within half a point.

    python benchmarks/ranks.py                       random-34, seeds 42, 43 and 44
    python benchmarks/ranks.py --epochs 2 --seeds 42     to see that it runs
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from accuracy import OUT, Case, evaluated, pick_test, simulated_case, unetpick, write

COLUMNS = ("case", "seed", "processes", "validation F1", "test F1", "train s")
SCORES = COLUMNS[3:5]
TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc-per-node")
WANTED = 0.005
Row = dict[str, object]


def train(case: Case, seed: int, processes: int, epochs: int | None, run: Path) -> float:
    """Train on a case in so many processes; return the seconds."""
    several = [*TORCHRUN, str(processes), "-m", "--"] if processes > 1 else []
    command = [sys.executable, "-m", *several, "napari_unetpick", "train", case.train_on]
    command += ["--picks", str(case.picks), "--diameter", str(case.diameter), "--run", str(run)]
    command += ["--seed", str(seed), "--start", "scratch", "--device", "cpu"]
    command += [] if epochs is None else ["--initial-epochs", str(epochs)]
    started = time.monotonic()
    done = subprocess.run(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    return time.monotonic() - started


def score(case: Case, seed: int, processes: int, epochs: int | None) -> Row:
    """Train, pick and evaluate; return a row of the table."""
    folder = OUT.parent / "ranks" / f"{case.name}_{seed}_{processes}_{time.time_ns()}"
    folder.mkdir(parents=True)
    seconds = train(case, seed, processes, epochs, folder / "run")
    card = json.loads(unetpick("info", folder / "run", "--json"))
    found = evaluated(case, pick_test(case, folder / "run", folder / "picks"))
    figures = (float(card["validation"]["f1"]), float(found["f1"]), round(seconds))
    return dict(zip(COLUMNS, (case.name, seed, processes, *figures), strict=True))


def mean_row(rows: Sequence[Row], processes: int) -> Row:
    """Return the mean over the seeds."""
    own = [row for row in rows if row["processes"] == processes]
    means = {name: mean(float(str(row[name])) for row in own) for name in SCORES}
    return {"seed": "mean", "processes": processes, **means}


def print_row(row: Row) -> None:
    """Print a row of the table."""
    print("|" + "|".join(write(row.get(column)) for column in COLUMNS) + "|", flush=True)


def main() -> None:
    """Print the table as it grows, and the differences of the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", default="random-34", help="a simulated set")
    parser.add_argument("--seeds", default="42,43,44")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--epochs", type=int, help="fewer than the recipe's")
    options = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    case, counts = simulated_case(options.case), (1, options.processes)
    print("|" + "|".join(COLUMNS) + "|\n|" + "---|" * len(COLUMNS), flush=True)
    rows: list[Row] = []
    for seed in map(int, options.seeds.split(",")):
        for processes in counts:
            rows.append(score(case, seed, processes, options.epochs))
            print_row(rows[-1])
            (OUT.parent / "ranks.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    one, several = (mean_row(rows, processes) for processes in counts)
    print_row(one)
    print_row(several)
    for name in SCORES:
        apart = float(str(several[name])) - float(str(one[name]))
        said = "within" if abs(apart) <= WANTED else "not within"
        print(f"{name}: {100 * apart:+.2f} points with {options.processes} processes, {said} 0.5")


if __name__ == "__main__":
    main()
