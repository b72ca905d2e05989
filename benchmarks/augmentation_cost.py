"""What augmentation costs: the share of a training step that BatchAugmentation takes.

Steps of the default recipe (attention U-Net, its batch and patch size) on random micrographs, with
a clock around the augmentation and around each of its changes.

    python benchmarks/augmentation_cost.py                   200 steps on the CPU, two cores
    python benchmarks/augmentation_cost.py --quick           20 steps
    python benchmarks/augmentation_cost.py --device cuda     the same on a GPU
"""

from __future__ import annotations

import argparse
import os
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from _record import THREADS, Clock, report, table, verdict

LIMIT = 0.25  # of a step
SIDE = 512  # network pixels of a micrograph
MICROGRAPHS = 4
WARM_UP = 5  # steps
CHANGES = {
    "warp": "rotation, flip, scale, elastic (one warp)",
    "add_ice": "ice and dark contamination",
    "change_spectrum": "spectrum",
    "blur": "blur",
    "change_contrast": "contrast",
    "add_noise": "noise",
}


def make_job(folder: Path, device: str, steps: int) -> Any:
    """Make a training of `steps` steps on random micrographs with a particle every 48 pixels."""
    import numpy as np
    import torch

    from napari_unetpick.engine.data.patches import PatchSource
    from napari_unetpick.engine.train.loop import FitJob
    from napari_unetpick.settings import Settings

    settings = Settings()
    patches = steps * settings.train.batch
    settings = replace(settings, train=replace(settings.train, patches_per_epoch=patches))
    rng, source = np.random.default_rng(1), PatchSource(folder)
    centres = np.stack(np.mgrid[24:SIDE:48, 24:SIDE:48], axis=-1).reshape(-1, 2).astype(float)
    target = np.zeros((2, SIDE, SIDE), np.uint8)
    target[1] = 255
    for row, col in centres.astype(int):
        target[0, row - 4 : row + 5, col - 4 : col + 5] = 255
    for index in range(MICROGRAPHS):
        source.put_image(index, rng.standard_normal((SIDE, SIDE), np.float32))
        source.put_targets(index, target)
    return FitJob(
        settings=settings,
        source=source,
        centres=dict.fromkeys(range(MICROGRAPHS), centres),
        shapes=dict.fromkeys(range(MICROGRAPHS), (SIDE, SIDE)),
        diameter=settings.particle_px,
        device=torch.device(device),
        validate=None,
        epochs=2,
    )


def measure(device: str, steps: int) -> dict[str, float]:
    """Seconds by what they went into, over `steps` steps."""
    import torch

    from napari_unetpick.engine.data.augment import BatchAugmentation
    from napari_unetpick.engine.data.patches import PatchSource
    from napari_unetpick.engine.train import loop as fit

    torch.set_num_threads(THREADS)
    clock = Clock(torch.cuda.synchronize if device == "cuda" else lambda: None)
    timed = {name: (BatchAugmentation, name) for name in CHANGES}
    timed |= {"augmentation": (BatchAugmentation, "__call__"), "cutting": (PatchSource, "cut")}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        # one after the other, though a training on a GPU makes the next batch meanwhile
        stack.enter_context(patch.object(fit, "ahead", iter))
        job = make_job(Path(folder), device, WARM_UP + steps)
        run = fit.begin(job)
        for name, (owner, method) in timed.items():
            function = clock.timed(name, getattr(owner, method))
            stack.enter_context(patch.object(owner, method, function))
        epoch = clock.timed_steps("step", fit.train_epoch)(job, run, WARM_UP + steps, lambda: None)
        for number, _ in enumerate(epoch, start=1):
            if number == WARM_UP:
                clock.seconds.clear()
    return clock.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="20 steps")
    parser.add_argument("--steps", type=int, help="steps that are measured [200]")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments = parser.parse_args()
    steps = arguments.steps or (20 if arguments.quick else 200)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    seconds = measure(arguments.device, steps)
    whole, augmentation = seconds["step"], seconds["augmentation"]
    parts = {
        "cutting patches": seconds["cutting"],
        "augmentation": augmentation,
        **{f"- {label}": seconds.get(name, 0.0) for name, label in CHANGES.items()},
        "network, loss, optimiser": whole - seconds["cutting"] - augmentation,
        "whole step": whole,
    }
    rows = [
        (name, f"{1000 * part / steps:.1f}", f"{100 * part / whole:.1f} %")
        for name, part in parts.items()
    ]
    share = augmentation / whole
    report(
        "augmentation_cost",
        {"device": arguments.device, "steps": steps, "seconds": seconds, "share": share},
        [
            f"augmentation takes {100 * share:.1f} % of a training step on the {arguments.device}, "
            f"at most {100 * LIMIT:.0f} % wanted: {verdict(share, LIMIT)}",
            table((f"mean of {steps} steps", "ms", "share"), rows),
        ],
    )


if __name__ == "__main__":
    main()
