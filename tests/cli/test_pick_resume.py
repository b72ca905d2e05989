"""`unetpick pick` killed half way: what was done is readable, and --resume does the rest."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from command_line import TinySet, unetpick

from napari_unetpick.io.formats.read import read_picks

COUNT = 40
FORMATS = "star,csv,box,topaz"
KILLED = """
import os, signal, sys
from napari_unetpick.__main__ import main
from napari_unetpick.export import pick_folder
write_one, written = pick_folder.write_one, []
def write_then_die(*arguments):
    write_one(*arguments)
    written.append(arguments)
    if len(written) == 2 * 20 + 1:
        os.kill(os.getpid(), signal.SIGKILL)
pick_folder.write_one = write_then_die
main()
"""


@pytest.fixture(scope="module")
def cuts(tiny: TinySet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty cut-outs of the simulated micrographs."""
    folder = tmp_path_factory.mktemp("cuts")
    rng = np.random.default_rng(5)
    files = sorted(tiny.folder.glob("*.mrc"))
    for number in range(COUNT):
        with mrcfile.open(files[number % len(files)]) as file:
            row, col = rng.integers(0, 512 - 224, 2)
            image, size = file.data[row : row + 224, col : col + 224].copy(), file.voxel_size
        with mrcfile.new(folder / f"cut_{number:02d}.mrc", image) as file:
            file.voxel_size = size
    return folder


def arguments(cuts: Path, run: Path, out: Path) -> list[str]:
    return ["pick", str(cuts), "--model", str(run), "--out", str(out), "--format", FORMATS]


def contents(folder: Path) -> dict[str, bytes]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


@pytest.mark.slow
def test_killed_after_half_of_the_micrographs(cuts: Path, tiny_run: Path, tmp_path: Path):
    out = tmp_path / "out"
    command = arguments(cuts, tiny_run, out)
    done = unetpick(*command, "--resume")
    assert done.returncode == 0, done.stderr
    assert "no picking to resume" in done.stderr
    undisturbed = contents(out)
    assert len(undisturbed) == 2 * COUNT + 7
    assert len(read_picks(out / "candidates.csv")) == COUNT
    shutil.rmtree(out)

    import torch  # of another number of threads it would round differently

    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *command],
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert killed.returncode == -9, killed.stderr
    work = out / ".picking"
    stars = sorted(out.glob("*_autopick.star"))
    assert 20 <= len(stars) <= 21  # of the micrograph that was killed one file may be there
    assert not (out / "picks.csv").exists()
    for star in stars:
        assert star.read_bytes() == undisturbed[star.name]
        assert len(read_picks(star)) == 1
    assert len(read_picks(work / "parts" / "candidates.csv")) == 20

    refused = unetpick(*command)
    assert refused.returncode == 2
    assert "--resume" in refused.stderr.splitlines()[-1]
    assert f"delete {work}" in refused.stderr.splitlines()[-1]
    changed = unetpick(*command, "--resume", "--threshold", "0.3", "--diameter", "150")
    assert changed.returncode == 2
    assert "threshold (auto, now 0.3)" in changed.stderr.splitlines()[-1]
    assert "diameter (auto, now 150.0)" in changed.stderr.splitlines()[-1]

    done = unetpick(*command, "--resume")
    assert done.returncode == 0, done.stderr
    assert "20 of 40 micrographs picked before" in done.stderr
    assert contents(out) == undisturbed
    again = unetpick(*command, "--resume")
    assert again.returncode == 0
    assert "nothing to do" in again.stderr
    assert contents(out) == undisturbed


def test_another_model_in_the_same_place_is_another_option(
    cuts: Path, tiny_run: Path, tmp_path: Path
):
    from dataclasses import replace

    from napari_unetpick.io.models import load_model, save_model

    path, one = tmp_path / "model.safetensors", cuts / "cut_00.mrc"
    model = load_model(tiny_run)
    save_model(path, model)
    command = ("pick", one, "--model", path, "--out", tmp_path / "out")
    assert unetpick(*command).returncode == 0
    moved = shutil.copy(path, tmp_path / "moved.safetensors")
    assert "nothing to do" in unetpick(*command[:3], moved, *command[4:], "--resume").stderr
    weights = {name: value + 0.001 for name, value in model.weights.items()}
    save_model(path, replace(model, weights=weights))
    refused = unetpick(*command, "--resume")
    assert refused.returncode == 2
    assert "other options: models (" in refused.stderr.splitlines()[-1]
