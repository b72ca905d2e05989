"""Planted data, the commands whose faults are tried, and whether files are whole."""

from __future__ import annotations

import csv
import json
import shutil
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from napari_unetpick.engine.runs.folder import RunFolder
from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.models import load_model
from napari_unetpick.simulate.samples import get_sample
from napari_unetpick.simulate.write import simulate_set

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
SAME = {"model.safetensors", "metrics.jsonl"}  # of a run; logs and records hold times


@dataclass(frozen=True)
class Kind:
    """A command that writes.

    Parameters
    ----------
    start, again
        Its words after `unetpick`, and those that go on after a fault, for an output folder.
    prepare
        Makes what the folder holds before.
    compared
        Whether a file must be the same bytes as without a fault.
    """

    name: str
    start: Callable[[Path], list[str]]
    again: Callable[[Path], list[str]]
    prepare: Callable[[Path], None] = lambda out: None
    compared: Callable[[Path], bool] = lambda file: True


def make_data(folder: Path) -> None:
    """Simulate six micrographs, of which four are labelled, and write two recipes."""
    for _ in simulate_set(get_sample("ribosome"), folder / "all", 6, seed=3, shape=(512, 512)):
        pass
    rows = list(csv.reader((folder / "all" / "picks.csv").open()))
    names = sorted({row[0] for row in rows[1:]})[:4]
    with (folder / "labels.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows([rows[0], *(r for r in rows if r[0] in names)])
    for epochs in (3, 6):
        (folder / f"{epochs}.toml").write_text(RECIPE.format(epochs=epochs))


def train(data: Path, out: Path, epochs: int, *more: str) -> list[str]:
    """Return the words of a training."""
    picks, recipe = data / "labels.csv", data / f"{epochs}.toml"
    options = ["--picks", picks, "--diameter", 260, "--recipe", recipe, "--start", "scratch"]
    words = ["train", data / "all", *options, "--device", "cpu", "--run", out]
    return [*map(str, words), *more]


def kinds(data: Path) -> Iterator[Kind]:
    """Return the commands, on these data, in which `model` is a run."""
    yield Kind(
        "train",
        lambda out: train(data, out, 6),
        lambda out: train(data, out, 6, "--resume"),
        compared=lambda file: file.name in SAME,
    )

    def copy_run(out: Path) -> None:
        shutil.copytree(data / "model", out, dirs_exist_ok=True)

    def self_train(out: Path, *more: str) -> list[str]:
        words = ("self-train", data / "all", "--run", out, "--device", "cpu", *more)
        return [*map(str, words)]

    yield Kind(
        "self-train",
        self_train,
        lambda out: self_train(out, "--resume"),
        copy_run,
        lambda file: file.name in SAME,
    )

    def pick(out: Path, *more: str) -> list[str]:
        words = ("pick", data / "all", "--model", data / "model", "--out", out, "--device", "cpu")
        return [*map(str, words), "--format", "star,csv,box,cbox", *more]

    yield Kind("pick", pick, lambda out: pick(out, "--resume"))

    def export(out: Path) -> list[str]:
        words = ("convert", data / "all" / "picks.csv", out, "--to", "box", "--diameter", 260)
        return [*map(str, words), "--micrographs", str(data / "all")]

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


def differences(found: dict[str, bytes], wanted: dict[str, bytes]) -> str:
    """Name the files that differ; "" where none does."""
    return ", ".join(sorted(n for n in {*found, *wanted} if found.get(n) != wanted.get(n)))
