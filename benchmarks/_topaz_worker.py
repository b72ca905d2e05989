"""Topaz's side of picking_speed.py, run by the interpreter of Topaz's own environment.

A warm process that calls Topaz's commands as its command line does (see `_record.Worker`). The
time that `extract` takes to load its model is measured and left out. Nothing of Topaz is changed.

Questions: `{"do": "preprocess" | "extract", "paths": [...], "out": FOLDER}`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import topaz
import topaz.extract
import torch
from _record import peak_mib
from topaz.commands import extract, preprocess

THREADS = int(os.environ["UNETPICK_BENCHMARK_THREADS"])
SCALE = 8
RADIUS = 10  # pixels after reduction: 160 A at 8 A/px is 20 across
loading = [0.0]


def time_loading() -> None:
    """Measure what loading the model takes, to leave it out: the other side has it loaded."""
    original = topaz.extract.load_model

    def load_model(*arguments, **options):
        start = time.perf_counter()
        model = original(*arguments, **options)
        loading[0] += time.perf_counter() - start
        return model

    topaz.extract.load_model = load_model


def run_preprocess(paths: list[str], out: str, processes: int) -> None:
    arguments = ["-s", str(SCALE), "-d", "-1", "-t", str(processes), "-j", str(THREADS)]
    preprocess.main(preprocess.add_arguments().parse_args([*arguments, "-o", out, *paths]))


def run_extract(paths: list[str], out: str) -> int:
    """Extract, and return the number of lines that were written."""
    target = Path(out) / "extracted.txt"
    arguments = ["-m", "resnet16_u64", "-r", str(RADIUS), "-x", str(SCALE), "-d", "-1"]
    arguments += ["-j", str(THREADS), "-o", str(target), *paths]
    extract.main(extract.add_arguments().parse_args(arguments))
    return len(target.read_text().splitlines()) - 1


def main() -> None:
    torch.set_num_threads(THREADS)
    time_loading()
    answers = sys.stdout
    sys.stdout = sys.stderr
    for line in sys.stdin:
        question = json.loads(line)
        loading[0], found = 0.0, None
        start = time.perf_counter()
        if question["do"] == "preprocess":
            run_preprocess(question["paths"], question["out"], question["processes"])
        else:
            found = run_extract(question["paths"], question["out"])
        seconds = time.perf_counter() - start - loading[0]
        answer = {"seconds": seconds, "candidates": found, "peak_mib": peak_mib()}
        answer |= {"topaz": topaz.__version__, "torch": torch.__version__}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
