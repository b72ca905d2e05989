"""`unetpick pick --shard I/N`: shares that are picked apart are, joined, one picking."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from command_line import TinySet, environment, unetpick

from napari_unetpick.io import models
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.models import load_model, save_model

COUNT, SHARDS = 7, 3
KILLED = """
import os, signal
from napari_unetpick.__main__ import main
from napari_unetpick.export import pick_folder
write_one, written = pick_folder.write_one, []
def write_then_die(*arguments):
    write_one(*arguments)
    written.append(arguments)
    if len(written) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
pick_folder.write_one = write_then_die
main()
"""
GENERAL = """
import sys
from pathlib import Path
from napari_unetpick.__main__ import main
from napari_unetpick.io import models
models.GENERAL = Path(sys.argv.pop(1))
main()
"""


@pytest.fixture(scope="module")
def cuts(tiny: TinySet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven cut-outs of the simulated micrographs."""
    folder = tmp_path_factory.mktemp("cuts")
    rng = np.random.default_rng(5)
    files = sorted(tiny.folder.glob("*.mrc"))
    for number in range(COUNT):
        with mrcfile.open(files[number % len(files)]) as file:
            row, col = rng.integers(0, 512 - 320, 2)
            image, size = file.data[row : row + 320, col : col + 320].copy(), file.voxel_size
        with mrcfile.new(folder / f"cut_{number}.mrc", image) as file:
            file.voxel_size = size
    return folder


def arguments(cuts: Path, run: Path, out: Path) -> list[str]:
    formats = ("--format", "star,csv,box,eman")
    return ["pick", str(cuts), "--model", str(run), "--out", str(out), *formats]


@pytest.fixture(scope="module")
def undisturbed(cuts: Path, tiny_run: Path, tmp_path_factory: pytest.TempPathFactory):
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    done = unetpick(*arguments(cuts, tiny_run, out))
    assert done.returncode == 0, done.stderr
    return contents(out)


def contents(out: Path) -> dict[str, bytes]:
    """Return the files, with paths as if the folder were called OUT."""
    files = [file for file in out.rglob("*") if file.is_file()]
    place = str(out).encode()
    return {str(file.relative_to(out)): file.read_bytes().replace(place, b"OUT") for file in files}


def shard(number: int, *command: str):
    return unetpick(*command, "--shard", f"{number}/{SHARDS}")


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)])
def test_shards_in_any_order_are_one_picking(
    order: tuple[int, ...], cuts: Path, tiny_run: Path, tmp_path: Path, undisturbed: dict
):
    out = tmp_path / "out"
    command = arguments(cuts, tiny_run, out)
    for number in order:
        done = shard(number, *command)
        assert done.returncode == 0, done.stderr
        assert f"shard {number}/3: {3 if number == 1 else 2} of" in done.stderr.splitlines()[-1]
    assert not (out / "picks.csv").exists()
    assert [file.name for file in sorted(out.glob(".picking*"))] == [".picking"]
    joined = unetpick(*command, "--resume")
    assert joined.returncode == 0, joined.stderr
    assert "7 of 7 micrographs picked before" in joined.stderr
    assert "picks in 7 micrographs at threshold" in joined.stderr
    assert contents(out) == undisturbed
    again = shard(2, *command)  # a queue may start a task twice
    assert again.returncode == 0, again.stderr
    assert "nothing to do" in again.stderr
    assert contents(out) == undisturbed


@pytest.mark.slow
def test_a_shard_that_is_killed_and_what_it_leaves_to_the_last_command(
    cuts: Path, tiny_run: Path, tmp_path: Path, undisturbed: dict
):
    import torch  # of another number of threads it would round differently

    out = tmp_path / "out"
    command = arguments(cuts, tiny_run, out)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *command, "--shard", "2/3"],
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert killed.returncode == -9, killed.stderr
    assert (out / ".picking" / "picking.toml").is_file()
    other = shard(1, *command, "--threshold", "0.3")
    assert other.returncode == 2
    assert "threshold (auto, now 0.3)" in other.stderr.splitlines()[-1]
    for number in (1, 2):
        assert shard(number, *command).returncode == 0
    joined = unetpick(*command, "--resume")  # shard 3 never ran
    assert joined.returncode == 0, joined.stderr
    assert "5 of 7 micrographs picked before" in joined.stderr
    assert contents(out) == undisturbed


def test_one_that_cannot_be_read_fails_in_its_shard_and_in_the_end(
    cuts: Path, tiny_run: Path, tmp_path: Path
):
    out, folder = tmp_path / "out", tmp_path / "micrographs"
    folder.mkdir()
    for file in cuts.iterdir():
        (folder / file.name).symlink_to(file)
    (folder / "cut_8.mrc").write_text("no image\n" * 200)
    command = arguments(folder, tiny_run, out)
    plain = unetpick(*command)
    expected = contents(out)
    command = arguments(folder, tiny_run, tmp_path / "joined")
    codes = [shard(number, *command).returncode for number in (1, 2, 3)]
    assert codes == [0, 3, 0]
    joined = unetpick(*command, "--resume")
    assert joined.returncode == plain.returncode == 3
    assert joined.stderr.splitlines()[-1] == plain.stderr.splitlines()[-1]
    assert contents(tmp_path / "joined") == expected


@pytest.mark.slow
def test_shards_that_start_at_once_agree_on_what_is_found(
    cuts: Path, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Contrast, diameter and threshold: found by each, and kept by the one that has them first."""
    general, model = tmp_path / "general.safetensors", load_model(tiny_run)
    card = {"general": True, "diameter": None}
    settings = {**model.card["settings"], "upsample": True}
    save_model(general, replace(model, card={**model.card, **card, "settings": settings}))

    monkeypatch.setattr(models, "GENERAL", general)
    out, plain = tmp_path / "out", tmp_path / "plain"
    command = ["pick", str(cuts), "--keep", "balanced", "--out"]
    start = [sys.executable, "-c", GENERAL, str(general), *command, str(out)]
    shards = [
        subprocess.Popen(
            [*start, "--shard", f"{number}/2"], env=environment(), stderr=subprocess.PIPE, text=True
        )
        for number in (1, 2)
    ]
    for process in shards:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    assert [file.name for file in sorted(out.glob(".picking*"))] == [".picking"]
    for more in ([str(out), "--resume"], [str(plain)]):
        done = unetpick(*command, *more)
        assert done.returncode == 0, done.stderr
    assert contents(out) == contents(plain)
    assert b"diameter" in contents(out)["picking.toml"].partition(b"[found]")[2]
    assert len(read_picks(out / "autopick.star")) == COUNT


def test_what_is_no_shard_is_refused(cuts: Path, tiny_run: Path, tmp_path: Path):
    for text in ("0/3", "4/3", "3", "a/b", "1/0"):
        done = unetpick(*arguments(cuts, tiny_run, tmp_path / "out"), "--shard", text)
        assert done.returncode == 2
        assert f"--shard {text}: give I/N with I from 1 to N" in done.stderr.splitlines()[-1]
    done = unetpick(*arguments(cuts, tiny_run, tmp_path / "out"), "--shard", "1/3", "--watch")
    assert done.returncode == 2
    assert "--watch with --shard: not possible" in done.stderr


def test_more_shards_than_micrographs(cuts: Path, tiny_run: Path, tmp_path: Path):
    done = unetpick(*arguments(cuts, tiny_run, tmp_path / "out"), "--shard", "9/9")
    assert done.returncode == 0, done.stderr
    assert "shard 9/9: 0 of 0 micrographs picked" in done.stderr
