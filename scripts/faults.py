"""Kill the program at random moments, and look for anything that is lost or half-written.

    python scripts/faults.py                     a hundred kills, twenty of each kind
    python scripts/faults.py --kills 10 --only pick,edit --seed 7

Kinds: train, self-train, pick, export (`convert`), and edit (a project that is clicked in and
saved). Each is killed with -9 at a random moment of the time that it takes undisturbed. Then

- every file that is there can be read whole; what a project reported saved is in it;
- the same command with --resume (export: the command again) comes to the same files, byte for
  byte, as without a kill.

Prints a line a kind, and what was lost; the exit code is 1 if anything was.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_unetpick.engine.runs.folder import RunFolder
from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.models import load_model
from napari_unetpick.project.project import Project

UNETPICK = (sys.executable, "-m", "napari_unetpick")
RECIPE = """\
[network]
width = 4
depth = 2
[train]
epochs = {epochs}
patches_per_epoch = 64
batch = 8
patch_px = 64
[self_train]
rounds = 1
epochs = 2
"""
EDITS = """
import sys
from napari_unetpick.project.annotations import Annotations, new_picks
from napari_unetpick.project.project import Project
import numpy as np
with Project.open(sys.argv[1]) as project:
    keys = list(project.entries)
    for step in range(1, 400):
        key = keys[step % len(keys)]
        project.save_annotations(key, Annotations(new_picks(np.full((step, 2), float(step)))))
        project.change(key, state="partial")
        project.save()
        print(key, step, flush=True)
"""
SAME = {"model.safetensors", "metrics.jsonl"}  # of a run; logs and records hold times


@dataclass(frozen=True)
class Kind:
    """What is killed.

    Parameters
    ----------
    start, again
        The command, and the one that goes on after a kill, for an output folder.
    prepare
        Makes what the folder holds before.
    compared
        Whether a file must be the same bytes as without a kill.
    """

    name: str
    start: Callable[[Path], list[str]]
    again: Callable[[Path], list[str]]
    prepare: Callable[[Path], None] = lambda out: None
    compared: Callable[[Path], bool] = lambda file: True


def run(command: list[str], **options: object) -> subprocess.Popen[str]:
    """Start a command with one thread, so that bytes compare."""
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        **options,
    )


def finish(command: list[str]) -> str:
    """Run a command to its end; return what it said, "" where it ended well."""
    process = run(command)
    said, _ = process.communicate()
    return "" if process.returncode == 0 else said[-400:] or f"exit code {process.returncode}"


def make_data(folder: Path) -> None:
    """Simulate six micrographs, of which four are labelled; train the model that picks."""
    from napari_unetpick.simulate.samples import get_sample
    from napari_unetpick.simulate.write import simulate_set

    for _ in simulate_set(get_sample("ribosome"), folder / "all", 6, seed=3, shape=(512, 512)):
        pass
    rows = list(csv.reader((folder / "all" / "picks.csv").open()))
    names = sorted({row[0] for row in rows[1:]})[:4]
    with (folder / "labels.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows([rows[0], *(r for r in rows if r[0] in names)])
    for epochs in (3, 6):
        (folder / f"{epochs}.toml").write_text(RECIPE.format(epochs=epochs))
    if said := finish(train(folder, folder / "model", 3)):
        raise SystemExit(said)


def train(data: Path, out: Path, epochs: int, *more: str) -> list[str]:
    """Return the command of a training."""
    picks, recipe = data / "labels.csv", data / f"{epochs}.toml"
    options = ["--picks", picks, "--diameter", 260, "--recipe", recipe, "--start", "scratch"]
    words = [*UNETPICK, "train", data / "all", *options, "--device", "cpu", "--run", out]
    return [*map(str, words), *more]


def kinds(data: Path) -> Iterator[Kind]:
    """Return what is killed, on these data."""
    yield Kind(
        "train",
        lambda out: train(data, out, 6),
        lambda out: train(data, out, 6, "--resume"),
        compared=lambda file: file.name in SAME,
    )

    def copy_run(out: Path) -> None:
        subprocess.run(["cp", "-r", str(data / "model"), str(out)], check=True)

    def self_train(out: Path, *more: str) -> list[str]:
        words = ("self-train", data / "all", "--run", out, "--device", "cpu", *more)
        return [*UNETPICK, *map(str, words)]

    yield Kind(
        "self-train",
        self_train,
        lambda out: self_train(out, "--resume"),
        copy_run,
        lambda file: file.name in SAME,
    )

    def pick(out: Path, *more: str) -> list[str]:
        words = ("pick", data / "all", "--model", data / "model", "--out", out, "--device", "cpu")
        return [*UNETPICK, *map(str, words), "--format", "star,csv,box,cbox", *more]

    yield Kind("pick", pick, lambda out: pick(out, "--resume"))

    def export(out: Path) -> list[str]:
        words = ("convert", data / "all" / "picks.csv", out, "--to", "box", "--diameter", 260)
        return [*UNETPICK, *map(str, words), "--micrographs", str(data / "all")]

    yield Kind("export", export, export)


def read_whole(path: Path) -> None:
    """Read a file by what its name says it is; any error means that it is not whole."""
    text = "" if path.suffix in (".pt", ".safetensors", ".npy") else path.read_text("utf-8")
    if path.suffix == ".toml":
        tomllib.loads(text)
    elif path.suffix == ".json":
        json.loads(text)
    elif path.suffix == ".jsonl":
        [json.loads(line) for line in text.splitlines()]
    elif path.suffix == ".safetensors":
        load_model(path)
    elif path.name == "checkpoint.pt":
        RunFolder(path.parent).load_checkpoint()
    elif path.suffix in (".box", ".cbox") or path.name == "picks.csv":
        read_picks(path) if text.strip() else None
    elif path.suffix == ".star":
        if not text.endswith("\n"):
            raise ValueError("no line end")
    elif path.suffix == ".csv" and len({len(row) for row in csv.reader(text.splitlines())}) > 1:
        raise ValueError("rows of different lengths")


def broken(out: Path) -> list[str]:
    """Return the files that cannot be read whole; temporary ones don't count."""
    found = []
    for path in sorted(out.rglob("*")):
        inside = path.relative_to(out).parts
        if not path.is_file() or path.suffix == ".tmp" or "cache" in inside:
            continue
        try:
            read_whole(path)
        except (UnetPickError, ValueError, OSError) as error:
            found.append(f"{path.name} is not whole: {error}")
    return found


def contents(out: Path, kind: Kind) -> dict[str, bytes]:
    """Return the files to compare, with paths as if the folder were called OUT."""
    place = str(out).encode()
    files = [each for each in out.rglob("*") if each.is_file() and kind.compared(each)]
    return {str(f.relative_to(out)): f.read_bytes().replace(place, b"OUT") for f in files}


def kill_at(process: subprocess.Popen[str], moment: float) -> str:
    """Kill a process after so many seconds; return what it had said."""
    with suppress(subprocess.TimeoutExpired):
        return process.communicate(timeout=moment)[0]
    process.send_signal(signal.SIGKILL)
    return process.communicate()[0]


def try_kind(kind: Kind, folder: Path, kills: int, draw: random.Random) -> list[str]:
    """Kill one kind so many times; return what was lost."""
    folder.mkdir()
    whole, began = folder / "undisturbed", time.monotonic()
    kind.prepare(whole)
    if said := finish(kind.start(whole)):
        raise SystemExit(f"{kind.name}: {said}")
    takes, wanted, lost = time.monotonic() - began, contents(whole, kind), []
    for number in range(kills):
        out = folder / f"out{number:03d}"
        kind.prepare(out)
        moment = draw.uniform(0.2, 1.0) * takes
        kill_at(run(kind.start(out)), moment)
        at = f"{kind.name}, killed after {moment:.2f} of {takes:.2f} s"
        lost += [f"{at}: {each}" for each in broken(out)]
        if said := finish(kind.again(out)):
            lost.append(f"{at}: does not go on: {said}")
        elif (found := contents(out, kind)) != wanted:
            names = {n for n in {*found, *wanted} if found.get(n) != wanted.get(n)}
            lost.append(f"{at}: differs in {', '.join(sorted(names))}")
    return lost


def try_edits(data: Path, folder: Path, kills: int, draw: random.Random) -> list[str]:
    """Kill a project that is edited; return what was reported saved and is not there."""
    from napari_unetpick.io.images.listing import list_micrographs

    lost = []
    for number in range(kills):
        place = folder / f"project{number:03d}"
        Project.create(place, list_micrographs([str(data / "all")]), diameter=260.0).close()
        process = run([sys.executable, "-c", EDITS, str(place)])
        moment = draw.uniform(0.3, 4.0)
        said = kill_at(process, moment)
        saved = {
            key: int(step) for key, step in (line.rsplit(" ", 1) for line in said.splitlines())
        }
        with Project.open(place) as project:
            for key, step in saved.items():
                picks = project.annotations(key).picks.coords
                newer = len(picks) > step and len(picks) == step + len(project.entries)
                if not (len(picks) == step or newer) or not np.all(picks == len(picks)):
                    lost.append(f"edit, killed after {moment:.2f} s: {key} has not what was saved")
    return lost


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=20, help="of each kind [20]")
    parser.add_argument("--only", default="train,self-train,pick,export,edit")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    draw, lost = random.Random(options.seed), []
    wanted = options.only.split(",")
    if unknown := {*wanted} - {*parser.get_default("only").split(",")}:
        parser.error(f"--only {', '.join(sorted(unknown))}: not known")
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary) / "data"
        data.mkdir()
        make_data(data)
        for kind in (each for each in kinds(data) if each.name in wanted):
            found = try_kind(kind, Path(temporary) / kind.name, options.kills, draw)
            print(f"{kind.name}: {options.kills} kills, {len(found)} losses", flush=True)
            lost += found
        if "edit" in wanted:
            found = try_edits(data, Path(temporary), options.kills, draw)
            print(f"edit: {options.kills} kills, {len(found)} losses", flush=True)
            lost += found
    print("\n".join(lost) if lost else "nothing was lost")
    sys.exit(bool(lost))


if __name__ == "__main__":
    main()
