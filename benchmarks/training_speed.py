"""Training with the default recipe: time, steps a second, memory, and where it goes.

Six simulated 1024 x 1024 micrographs at 4 A/px, fully labelled, on two cores, in a process of its
own: from labels to the calibrated model, by the function behind `unetpick train`.

On a GPU the next batch is made meanwhile: what is given for the network is what remains of a step.

    python benchmarks/training_speed.py            the whole recipe
    python benchmarks/training_speed.py --quick    one epoch of it
    python benchmarks/training_speed.py --device cuda
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from _data import DIAMETER, TRAINING_SIZE, say, training_set
from _record import Worker, report, table, verdict

LIMITS = {"minutes": 3.0, "memory_gib": 3.0}


def measure(epochs: int | None, device: str) -> dict[str, Any]:
    """Train once, in a fresh process."""
    micrographs = training_set()
    say("training")
    with tempfile.TemporaryDirectory() as folder:
        worker = Worker(sys.executable, "_train_worker.py")
        answer = worker.ask(
            micrographs=str(micrographs),
            run=str(Path(folder) / "run"),
            diameter=DIAMETER,
            epochs=epochs,
            device=device,
        )
        worker.close()
    return answer


def stage_rows(answer: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Split the wall time; the steps are made of cutting, augmentation and the network."""
    stages, total = dict(answer["stages"]), answer["seconds"]
    steps = stages.pop("steps")
    network = steps - stages["cutting patches"] - stages["augmentation"]
    parts = {
        "preparing micrographs": stages["preparing"],
        "steps: cutting patches": stages["cutting patches"],
        "steps: augmentation": stages["augmentation"],
        "steps: network, loss, optimiser": network,
        "validation each epoch": stages["validation"],
        "calibration, files": total - steps - stages["preparing"] - stages["validation"],
    }
    rows = [(name, f"{s:.1f}", f"{100 * s / total:.0f} %") for name, s in parts.items()]
    return [*rows, ("all", f"{total:.1f}", "100 %")]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one epoch")
    parser.add_argument("--epochs", type=int, help="epochs [the recipe's]")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments = parser.parse_args()
    epochs = arguments.epochs or (1 if arguments.quick else None)
    answer = measure(epochs, arguments.device)
    count, size, pixel_size = TRAINING_SIZE
    minutes, peak = answer["seconds"] / 60, answer["peak_mib"] / 1024
    pace = answer["steps"] / answer["stages"]["steps"]
    rows = [
        ("wall time, min", f"{minutes:.2f}", f"about {LIMITS['minutes']:g}"),
        ("peak memory, GiB", f"{peak:.2f}", f"{LIMITS['memory_gib']:g}"),
        ("steps/s", f"{pace:.2f}", ""),
        ("imports before, s", f"{answer['imports_s']:.1f}", ""),
    ]
    settings = answer["settings"]["train"]
    steps = answer["steps"] // answer["epochs"]
    summary = (
        f"{count} micrographs of {size} x {size} at {pixel_size:g} A/px; {answer['epochs']} x "
        f"{steps} steps of {settings['batch']} patches of {settings['patch_px']} px; "
        f"validation F1 {answer['validation']['f1']:.3f}; peak memory of at most "
        f"{LIMITS['memory_gib']:g} GiB: {verdict(peak, LIMITS['memory_gib'])}"
    )
    report(
        "training_speed",
        {**answer, "steps_per_second": pace, "minutes": minutes, "memory_gib": peak},
        [
            summary,
            table(("", "measured", "wanted, at most"), rows),
            table(("stage", "s", "share"), stage_rows(answer)),
        ],
    )


if __name__ == "__main__":
    main()
