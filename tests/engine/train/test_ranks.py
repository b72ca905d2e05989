"""Several processes train one model: the same gradients, and a lost process costs time alone."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from ranks_worker import gradients_of
from tiny_training import DIAMETER, make_tiny_job, places

from napari_unetpick.engine.runs.folder import CHECKPOINT
from napari_unetpick.project.runs import METRICS, MODEL

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
KINDS = ("combined", "bce", "pu")
RECIPE = """\
[network]
width = 4
depth = 1
[train]
epochs = {epochs}
patches_per_epoch = 32
batch = 8
patch_px = 64
"""


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start two processes by torchrun, each with one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*TORCHRUN, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )


def test_two_processes_have_the_gradients_of_one(tmp_path: Path) -> None:
    worker = Path(__file__).with_name("ranks_worker.py")
    process = start(worker, tmp_path, *KINDS)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    for kind in KINDS:
        alone = gradients_of(kind)
        for number in range(2):
            found = torch.load(tmp_path / f"{number}.pt", weights_only=True)[kind]
            for name, wanted in alone.items():
                torch.testing.assert_close(found[name], wanted, rtol=1e-4, atol=1e-6)


def train_in_two(folder: Path, run: str, *more: str, epochs: int = 3) -> subprocess.Popen[str]:
    """Start `unetpick train` in two processes on the tiny micrographs."""
    make_tiny_job(folder)
    rows = [
        f"{name}.mrc,{col},{row}"
        for number, name in enumerate("abc")
        for row, col in places(number)
    ]
    (folder / "picks.csv").write_text("\n".join(["micrograph,x,y", *rows]))
    (folder / "recipe.toml").write_text(RECIPE.format(epochs=epochs))
    options = [folder, "--picks", folder / "picks.csv", "--diameter", DIAMETER, "--device", "cpu"]
    options += ["--recipe", folder / "recipe.toml", "--start", "scratch", "--run", folder / run]
    return start("-m", "--", "napari_unetpick", "train", *options, *more)


@pytest.mark.slow
def test_a_lost_process_costs_time_alone(tmp_path: Path) -> None:
    """The first run is undisturbed; of the second one process is killed, then it is resumed."""
    whole = train_in_two(tmp_path, "whole", epochs=4)
    said, _ = whole.communicate(timeout=600)
    assert whole.returncode == 0, said
    assert said.count("device:") == said.count("done;") == 1  # one of them speaks

    broken = train_in_two(tmp_path, "broken", epochs=4)
    until = time.monotonic() + 300
    while not (tmp_path / "broken" / CHECKPOINT).exists():
        assert time.monotonic() < until
        assert broken.poll() is None
        time.sleep(0.02)
    psutil.Process(broken.pid).children()[-1].send_signal(signal.SIGKILL)
    said, _ = broken.communicate(timeout=300)
    assert broken.returncode != 0
    assert "--resume" in said
    assert "napari_unetpick/engine" not in said  # no traceback of ours

    resumed = train_in_two(tmp_path, "broken", "--resume", epochs=4)
    said, _ = resumed.communicate(timeout=600)
    assert resumed.returncode == 0, said
    for name in (METRICS, MODEL):
        wanted, found = ((tmp_path / run / name).read_bytes() for run in ("whole", "broken"))
        assert found == wanted


def test_bad_input_is_said_once(tmp_path: Path) -> None:
    wrong = train_in_two(tmp_path, "run", "--negatives", str(tmp_path / "none.csv"))
    said, _ = wrong.communicate(timeout=300)
    assert wrong.returncode != 0
    assert said.count("unetpick: ") == said.count("none.csv: ") == 1
    assert re.search(r"Root Cause.*rank +: 0.*exitcode +: 2 ", said, re.DOTALL)


def test_a_device_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    make_tiny_job(tmp_path)
    wrong = train_in_two(tmp_path, "run", "--device", "cuda")
    said, _ = wrong.communicate(timeout=300)
    assert "unetpick: device cuda:0: " in said or "unetpick: device cuda:1: " in said
    assert "this is a bug" not in said
