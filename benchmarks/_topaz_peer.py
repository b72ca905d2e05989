"""Topaz as a peer on a case of accuracy.py: reduce, fine-tune, extract, in pixels of the files."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from _record import OUT, THREADS, Worker
from accuracy import Case, read_pixel_size, read_rows

from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.formats.write import write_picks
from napari_unetpick.io.images.image import read_micrograph

PIXEL_SIZE = 6.0  # A/px after reduction: Topaz's walkthrough recommends 4 to 8
NETWORK = "resnet16"  # with 64 units: train and extract then begin with the same weights
UPDATES, EPOCHS = 10_000, 10  # Topaz's defaults: ten epochs of a thousand
LOWEST = -10.0  # logit down to which peaks are extracted; Topaz's default, -6, can cut the curve
DISC, COUNTED = 29, 203  # pixels within 3 of a centre, and what Topaz 0.3.20 takes them for
Row = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """One training of Topaz: its micrographs by group, and how they are reduced.

    `scale` is what `preprocess` reduces by, `radius` half a particle in reduced pixels.
    """

    case: Case
    folder: Path
    groups: dict[str, list[Path]]
    scale: int
    radius: int

    def reduced(self, group: str) -> list[str]:
        """Paths of a group's reduced micrographs."""
        return [str(self.folder / group / path.name) for path in self.groups[group]]

    def reduced_shape(self, path: Path) -> np.ndarray:
        """(rows, cols) of a reduced micrograph."""
        return np.array(read_micrograph(path).data.shape) // self.scale

    def ratio(self, path: Path) -> np.ndarray:
        """Pixels of the file that a reduced pixel spans, (row, col)."""
        return np.array(read_micrograph(path).data.shape) / self.reduced_shape(path)


def make_task(case: Case, seed: int) -> Task:
    """Choose groups and scale; validation is what our side sets aside with this seed."""
    names = sorted({row["micrograph"] for row in read_rows(case.picks)})
    paths = [Path(case.train_on) / name for name in names]
    held = set() if case.partial else {paths[i] for i in draw_validation(len(paths), seed)}
    groups = {
        "train": [path for path in paths if path not in held],
        "validation": sorted(held),
        "test": [Path(path) for path in case.test_on],
    }
    pixel_size = case.pixel_size or read_pixel_size(paths[0])
    scale = max(1, round(PIXEL_SIZE / pixel_size))
    radius = max(1, round(case.diameter / 2 / pixel_size / scale))
    folder = OUT / "topaz" / f"{case.name}_{seed}".replace("*", "x")
    return Task(case, folder, groups, scale, radius)


def draw_validation(count: int, seed: int) -> list[int]:
    """Draw the fifth that validates, at least one, as `engine.dataset.split` draws it."""
    order = np.random.default_rng([seed, 77]).permutation(count)
    return [int(number) for number in order[: max(1, round(0.2 * count))]]


def expected_number(task: Task) -> list[str]:
    """Tell Topaz how many particles there are, from the full truth (no user knows it better).

    Full labels: their mean a micrograph, upon which it takes all else as background (its method
    PN). Partial labels: as the fraction of pixels near a particle, since 0.3.20 with -n takes the
    29 pixels of a disc for 203, and would expect seven times the particles among the unlabelled.
    """
    names = {path.name for path in task.groups["train"]}
    labelled = sum(row["micrograph"] in names for row in read_rows(task.case.picks))
    truth = read_rows(Path(task.case.train_on) / "picks.csv")
    there = sum(row["micrograph"] in names for row in truth)
    if not task.case.partial:
        return ["-n", str(there // len(names))]
    pixels = sum(int(np.prod(task.reduced_shape(path))) for path in task.groups["train"])
    fraction = (COUNTED * labelled + DISC * (there - labelled)) / pixels  # it subtracts the first
    return ["--pi", f"{fraction:.6f}"]


class Topaz:
    """Topaz's commands on a task, in a process of their own."""

    def __init__(self, python: Path, task: Task, device: str) -> None:
        self.task, self.device = task, device
        self.worker = Worker(python, "_topaz_train_worker.py")
        task.folder.mkdir(parents=True, exist_ok=True)

    def ask(self, command: str, *arguments: object, **question: Any) -> Row:
        """Run a command; what it says goes to a file."""
        log = str(self.task.folder / "topaz.log")
        given = [*map(str, arguments), "-d", self.device, "-j", str(THREADS)]
        return self.worker.ask(do=command, arguments=given, log=log, **question)

    def prepare(self) -> None:
        """Reduce and normalise the micrographs, and write the labels in reduced pixels."""
        labels = read_picks(self.task.case.picks)
        for group, paths in self.task.groups.items():
            if not paths:
                continue
            out = f"{self.task.folder / group}/"
            self.ask("preprocess", "-s", self.task.scale, "-o", out, *paths)
            if group != "test":
                near = {path: labels[path.name] for path in paths}
                small = {
                    path.name: replace(each, coords=each.coords / self.task.ratio(path))
                    for path, each in near.items()
                }
                write_picks(small, self.task.folder / f"{group}.txt", "topaz")

    def train(self, limit: float | None, updates: int) -> tuple[Path, Row]:
        """Train for `limit` seconds, or for `updates` where it is None; return the weights."""
        if limit is None and not updates:
            return Path(NETWORK), {"updates": 0, "seconds": 0.0}
        given = [*self.files("train"), *expected_number(self.task), "--units", 64]
        if limit is None:
            return self.train_epochs(given, updates)
        prefix = self.task.folder / "time"
        size = ["--num-epochs", 1, "--epoch-size", UPDATES]
        out = ["-m", NETWORK, "--save-prefix", prefix, "-o", f"{prefix}.curve"]
        answer = self.ask("train", *given, *size, *out, limit=limit)
        return Path(f"{prefix}_epoch1.sav"), answer

    def train_epochs(self, given: Sequence[object], updates: int) -> tuple[Path, Row]:
        """Make the updates in ten epochs, from where an earlier run stopped; take the best epoch.

        The best has the highest `auprc`, as Topaz measures it on the validation micrographs; where
        there are none it is the last.
        """
        folder = self.task.folder / f"updates-{updates}"
        folder.mkdir(exist_ok=True)
        epochs = min(EPOCHS, updates)
        saved = saved_epochs(folder)
        answer: Row = {}
        if len(saved) < epochs:
            prefix = folder / f"after{len(saved)}"
            size = ["--num-epochs", epochs - len(saved), "--epoch-size", updates // epochs]
            network = saved.get(len(saved), NETWORK)
            out = ["-m", network, "--save-prefix", prefix, "-o", f"{prefix}.curve"]
            held = self.files("test", "validation") if self.task.groups["validation"] else []
            answer = self.ask("train", *given, *held, *size, *out, epochs=f"{prefix}.times")
        found = read_epochs(folder)
        best = max(found, key=lambda epoch: found[epoch].get("auprc", epoch))
        totals = {key: sum(row[key] for row in found.values()) for key in ("updates", "seconds")}
        return saved_epochs(folder)[best], answer | totals | {"epoch": best}

    def files(self, name: str, group: str = "train") -> list[object]:
        """Name a group's micrographs and labels, as Topaz's `name`."""
        folder = self.task.folder
        return [f"--{name}-images", folder / group, f"--{name}-targets", folder / f"{group}.txt"]

    def extract(self, network: str | Path, group: str) -> Path:
        """Extract peaks half a particle apart; write them in pixels of the files."""
        raw = self.task.folder / f"{group}_reduced.txt"
        given = ["-m", network, "-r", self.task.radius, "-t", LOWEST, "-o", raw]
        self.ask("extract", *given, *self.task.reduced(group))
        ratios = {path.stem: self.task.ratio(path) for path in self.task.groups[group]}
        lines = ["image_name\tx_coord\ty_coord\tscore"]
        with open(raw, newline="", encoding="utf-8") as handle:
            for peak in csv.DictReader(handle, delimiter="\t"):
                rows, cols = ratios[peak["image_name"]]
                x, y = float(peak["x_coord"]) * cols, float(peak["y_coord"]) * rows
                lines.append(f"{peak['image_name']}\t{x:.3f}\t{y:.3f}\t{peak['score']}")
        path = self.task.folder / f"{group}_peaks.txt"
        write_text(path, "\n".join(lines) + "\n")
        return path


def saved_epochs(folder: Path) -> dict[int, Path]:
    """Weights by epoch, all that were written to their end and follow each other."""
    found = {}
    for path in folder.glob("after*_epoch*.sav"):
        numbers = re.fullmatch(r"after(\d+)_epoch(\d+)", path.stem)
        if numbers and zipfile.is_zipfile(path):
            found[int(numbers[1]) + int(numbers[2])] = path
    return {epoch: found[epoch] for epoch in range(1, len(found) + 1) if epoch in found}


def read_epochs(folder: Path) -> dict[int, Row]:
    """Updates, seconds and, where it was measured, validation `auprc` of the saved epochs."""
    found: dict[int, Row] = {}
    for epoch, path in saved_epochs(folder).items():
        start = path.stem.split("_")[0]
        own = epoch - int(start.removeprefix("after"))  # Topaz counts from one in each run
        times = (folder / f"{start}.times").read_text(encoding="utf-8").splitlines()
        found[epoch] = [row for row in map(json.loads, times) if row["epoch"] == own][-1]
        with open(folder / f"{start}.curve", newline="", encoding="utf-8") as handle:
            for row in csv.DictReader(handle, delimiter="\t"):
                if row["split"] == "test" and int(row["epoch"]) == own:
                    found[epoch]["auprc"] = float(row["auprc"])
    return found
