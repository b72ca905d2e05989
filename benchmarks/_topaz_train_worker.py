"""Topaz's side of topaz_finetune.py, run by the interpreter of Topaz's own environment.

A process that calls Topaz's commands as its command line does (see `_record.Worker`). Nothing of
Topaz is changed, but its loop over minibatches is watched: updates are counted and timed, and
where `limit` (seconds) is given no minibatch follows once that time is over.

Questions: `{"do": "preprocess" | "train" | "extract", "arguments": [...], "log": FILE}`, for train
also `limit` (seconds or null) and `epochs` (a file that gets a JSON line after each epoch).
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import torch

try:
    import torchvision
except RuntimeError:  # its compiled operators, for CUDA, do not load beside a CPU build of torch
    # Topaz uses none of them, only its Python functions, which look for two of the names.
    names = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        names.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision  # noqa: F401

import topaz
import topaz.training
from _record import peak_mib
from topaz.commands import extract, preprocess, train

COMMANDS = {"preprocess": preprocess, "train": train, "extract": extract}


class Watch:
    """Updates so far and the seconds that they took, with the minibatches made for them."""

    def __init__(self) -> None:
        self.begin(None, None)
        self.parent = os.getppid()
        self.fit_epoch = topaz.training.fit_epoch
        topaz.training.fit_epoch = self.run_epoch

    def begin(self, limit: float | None, epochs: str | None) -> None:
        """Forget what was; the next training starts."""
        self.limit, self.epochs = limit, epochs
        self.updates, self.seconds = 0, 0.0

    def run_epoch(self, step_method, data_iterator, *arguments, **options):
        """Run Topaz's own epoch on watched minibatches."""
        before = self.updates, self.seconds
        found = self.fit_epoch(step_method, self.batches(data_iterator), *arguments, **options)
        if self.epochs is not None:
            took = {"updates": self.updates - before[0], "seconds": self.seconds - before[1]}
            with open(self.epochs, "a", encoding="utf-8") as handle:
                handle.write(json.dumps({"epoch": options["epoch"], **took}) + "\n")
        return found

    def batches(self, loader):
        """Hand the minibatches on, as long as there is time."""
        if self.is_over():
            return
        start = time.perf_counter() - self.seconds
        for batch in loader:
            yield batch  # it comes back when the update is made
            self.updates += 1
            self.seconds = time.perf_counter() - start
            if os.getppid() != self.parent:
                sys.exit("topaz_finetune.py has gone")
            if self.is_over():
                return

    def is_over(self) -> bool:
        return self.limit is not None and self.seconds >= self.limit


def main() -> None:
    watch = Watch()
    for line in sys.stdin:
        question = json.loads(line)
        command = COMMANDS[question["do"]]
        watch.begin(question.get("limit"), question.get("epochs"))
        with (
            open(Path(question["log"]), "a", encoding="utf-8") as log,
            redirect_stdout(log),
            redirect_stderr(log),
        ):
            command.main(command.add_arguments().parse_args(question["arguments"]))
        answer = {"updates": watch.updates, "seconds": watch.seconds, "peak_mib": peak_mib()}
        answer |= {"topaz": topaz.__version__, "torch": torch.__version__}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
