"""The process that training_speed.py measures (see `_record.Worker`).

Question: `{"micrographs": FOLDER, "run": FOLDER, "diameter": A, "epochs": N or null,
"device": "cpu" or "cuda"}`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

started = time.perf_counter()

import torch  # noqa: E402
from _record import Clock, peak_mib  # noqa: E402

from napari_unetpick.engine.data.augment import BatchAugmentation  # noqa: E402
from napari_unetpick.engine.data.patches import PatchSource  # noqa: E402
from napari_unetpick.engine.inputs import make_train_job  # noqa: E402
from napari_unetpick.engine.train import job as job_of  # noqa: E402
from napari_unetpick.engine.train import loop as fit  # noqa: E402
from napari_unetpick.engine.train import run as train  # noqa: E402
from napari_unetpick.events import Done, Metrics  # noqa: E402

IMPORTS_S = time.perf_counter() - started


def run_training(question: dict[str, Any]) -> dict[str, Any]:
    """Train as `unetpick train` does, with a clock around what it calls."""
    clock = Clock(torch.cuda.synchronize if question["device"] == "cuda" else lambda: None)
    steps = clock.timed_steps("steps", fit.train_epoch)
    with (
        patch.object(job_of, "prepare", clock.timed_steps("preparing", job_of.prepare)),
        patch.object(fit, "train_epoch", steps),
        patch.object(fit, "validate_epoch", clock.timed("validation", fit.validate_epoch)),
        patch.object(PatchSource, "cut", clock.timed("cutting patches", PatchSource.cut)),
        patch.object(
            BatchAugmentation,
            "__call__",
            clock.timed("augmentation", BatchAugmentation.__call__),
        ),
    ):
        start = time.perf_counter()
        folder = Path(question["micrographs"])
        job, _ = make_train_job(
            micrographs=str(folder),
            picks=folder / "picks.csv",
            diameter=question["diameter"],
            run=Path(question["run"]),
            start="scratch",
            epochs=question["epochs"],
            device=question["device"],
        )
        events = list(train.train(job))
        seconds = time.perf_counter() - start
    settings = job.settings.train
    epochs = max(event.epoch for event in events if isinstance(event, Metrics))
    done = next(event.result for event in events if isinstance(event, Done))
    return {
        "seconds": seconds,
        "stages": clock.seconds,
        "epochs": epochs,
        "steps": epochs * (settings.patches_per_epoch // settings.batch),
        "validation": done["card"]["validation"],
        "settings": done["card"]["settings"],
    }


def main() -> None:
    torch.set_num_threads(int(os.environ["UNETPICK_BENCHMARK_THREADS"]))
    answers = sys.stdout
    sys.stdout = sys.stderr
    for line in sys.stdin:
        answer = run_training(json.loads(line))
        answer |= {"imports_s": IMPORTS_S, "peak_mib": peak_mib()}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
