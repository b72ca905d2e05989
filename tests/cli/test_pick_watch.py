"""`unetpick pick --watch`: micrographs are picked as they arrive, each once and whole."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from command_line import TinySet, environment, unetpick

from napari_unetpick.export import pick_folder
from napari_unetpick.io.formats.read import read_picks

SCRIPT = Path(__file__).parents[2] / "scripts" / "watch_arrivals.py"
COUNT = 9
LIMIT = 10.0  # seconds from the last byte to the picks


@pytest.fixture(scope="module")
def cuts(tiny: TinySet, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Small cut-outs of the simulated micrographs."""
    folder = tmp_path_factory.mktemp("cuts")
    rng = np.random.default_rng(5)
    files = sorted(tiny.folder.glob("*.mrc"))
    for number in range(COUNT):
        with mrcfile.open(files[number % len(files)]) as file:
            row, col = rng.integers(0, 512 - 224, 2)
            image, size = file.data[row : row + 224, col : col + 224].copy(), file.voxel_size
        with mrcfile.new(folder / f"cut_{number:02d}.mrc", image) as file:
            file.voxel_size = size
    return sorted(folder.glob("*.mrc"))


def contents(folder: Path) -> dict[str, bytes]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def watch(folder: Path, run: Path, out: Path, *more: object, idle: float = 4):
    options = ("--model", run, "--out", out, "--format", "star,csv,box", "--watch")
    return unetpick("pick", folder, *options, "--watch-idle", idle, *more)


@pytest.mark.slow
def test_each_is_picked_once_and_whole_soon_after_it_is_complete(
    cuts: list[Path], tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder, out = tmp_path / "arriving", tmp_path / "out"
    folder.mkdir()
    (folder / "text.mrc").write_text("no image\n" * 200)
    (folder / "never.mrc").write_bytes(cuts[0].read_bytes()[:5000])
    written: Counter[str] = Counter()
    write_one = pick_folder.write_one

    def count(path: Path, *more: object) -> None:
        written[path.name] += 1
        write_one(path, *more)

    monkeypatch.setattr(pick_folder, "write_one", count)
    command = [sys.executable, SCRIPT, "deliver", cuts[0].parent, folder, 0.1]
    delivery = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True)
    done = watch(folder, tiny_run, out)
    complete, _ = delivery.communicate(timeout=60)
    assert done.returncode == 3, done.stderr
    assert written == {f"{c.stem}{e}": 1 for c in cuts for e in ("_autopick.star", ".box")}
    assert json.loads(complete).keys() == {cut.stem for cut in cuts}
    for stem, at in json.loads(complete).items():
        assert (out / f"{stem}_autopick.star").stat().st_mtime - at < LIMIT
    assert done.stderr.count("text.mrc: is a text file") == 1
    assert done.stderr.count("never.mrc: is cut short: its header asks for") == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("2 micrographs failed")
    assert "text.mrc" in last
    assert "never.mrc" in last

    undisturbed = tmp_path / "plain" / "out"
    plain = unetpick("pick", folder, "--model", tiny_run, "--out", undisturbed,
                     "--format", "star,csv,box")  # fmt: skip
    assert plain.returncode == 3
    expected = contents(undisturbed)
    expected["autopick.star"] = expected["autopick.star"].replace(b"/plain/", b"/")
    assert contents(out) == expected


@pytest.mark.slow
def test_it_is_stopped_and_resumed(cuts: list[Path], tiny_run: Path, tmp_path: Path):
    folder, out = tmp_path / "arriving", tmp_path / "out"
    folder.mkdir()
    for file in cuts[:4]:
        shutil.copy(file, folder)
    (folder / "cut_08.mrc").write_bytes(cuts[8].read_bytes()[:2000])
    command = [sys.executable, "-m", "napari_unetpick", "pick", str(folder), "--watch"]
    command += ["--model", str(tiny_run), "--out", str(out), "--format", "star,csv,box"]
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (out / "picks.csv").is_file():
        time.sleep(0.05)
    while time.monotonic() < deadline and len(read_picks(out / "autopick.star")) < 4:
        time.sleep(0.05)  # the tables are in OUT before the end
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "4 of 4 micrographs done" in errors.splitlines()[-1]
    assert "--resume" in errors.splitlines()[-1]
    assert "cut_08.mrc: is cut short" in errors.splitlines()[-2]
    assert len(read_picks(out / "candidates.csv")) == 4
    picked = (out / "cut_00_autopick.star").stat().st_mtime_ns

    refused = watch(folder, tiny_run, out)
    assert refused.returncode == 2
    assert "add --resume to continue it" in refused.stderr.splitlines()[-1]
    for file in cuts[4:]:
        shutil.copy(file, folder)
    done = watch(folder, tiny_run, out, "--resume", idle=2)
    assert done.returncode == 0, done.stderr
    assert "4 of 4 micrographs picked before" in done.stderr
    assert (out / "cut_00_autopick.star").stat().st_mtime_ns == picked
    undisturbed = tmp_path / "plain" / "out"
    assert watch(folder, tiny_run, undisturbed, idle=0).returncode == 0
    expected = contents(undisturbed)
    expected["autopick.star"] = expected["autopick.star"].replace(b"/plain/", b"/")
    assert contents(out) == expected

    refused = watch(folder, tiny_run, out)
    assert refused.returncode == 2
    assert "holds a picking of 9 micrographs; add --resume" in refused.stderr
    (folder / "new.mrc").write_bytes(cuts[0].read_bytes())
    assert watch(folder, tiny_run, out, "--resume", idle=0).returncode == 0
    assert list(read_picks(out / "autopick.star"))[-1] == str(folder / "new.mrc")
    assert (out / "cut_00_autopick.star").stat().st_mtime_ns == picked


def test_what_cannot_be_watched_is_refused(cuts: list[Path], tiny_run: Path, tmp_path: Path):
    for source, said in ((cuts[0], "is a file"), (tmp_path / "none", "no such folder")):
        done = watch(source, tiny_run, tmp_path / "out")
        assert done.returncode == 2
        assert f"{source}: {said}; --watch needs a folder" in done.stderr.splitlines()[-1]
    done = unetpick("pick", cuts[0], "--out", tmp_path / "out", "--watch-idle", "3")
    assert done.returncode == 2
    assert "--watch-idle without --watch" in done.stderr
    assert not (tmp_path / "out").exists()


def test_nothing_arrives(tiny_run: Path, tmp_path: Path):
    (tmp_path / "arriving").mkdir()
    done = watch(tmp_path / "arriving", tiny_run, tmp_path / "out", idle=0)
    assert done.returncode == 0, done.stderr
    assert "no micrographs were picked" in done.stderr
    assert not (tmp_path / "out").exists()
