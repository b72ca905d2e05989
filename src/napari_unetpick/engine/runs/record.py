"""record.json of a run folder: with what each start of a command ran, and what came of it.

Nothing depends on it: config.toml and self_train.toml decide whether a run can resume, and
it can do so with other versions, too.
"""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from napari_unetpick.engine.data.training_set import Item
from napari_unetpick.engine.nn.unet import build_network, count_parameters
from napari_unetpick.engine.train.job import Training
from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.labels import labels_hash
from napari_unetpick.version import __version__

RECORD = "record.json"
PACKAGES = ("torch", "numpy", "scipy", "scikit-image", "safetensors", "mrcfile", "tifffile")
COVERS = "name, size in bytes, rows and columns of each micrograph that was read, not its pixels"


class Record:
    """What is recorded of one start of `train` or `self-train`; time counts from when it is made.

    In a `with` block the minutes are written at its end, however it ends. An entry without minutes
    was killed; one with minutes, but without results, was stopped or failed.
    """

    def __init__(self, run: Path, command: str) -> None:
        self.path = run / RECORD
        self._command = command
        self._started = time.time()
        self._clock = time.monotonic()
        self._entries: list[dict[str, Any]] = []

    def begin(self, training: Training, items: list[Item], device: str, *, go_on: bool) -> None:
        """Write what is run with what on what.

        Parameters
        ----------
        items
            All micrographs that are read.
        go_on
            Keep the entries of earlier starts.
        """
        job = training.job
        entry = {
            "command": self._command,
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._started)),
            "minutes": None,
            "device": device,
            "threads": torch.get_num_threads(),
            "platform": platform.platform(),
            "versions": versions(),
            "seed": job.settings.train.seed,
            "parameters": count_parameters(build_network(job.settings.network)),
            "data": {
                "labels": labels_hash(job.labels),
                "micrographs": micrographs_hash(items),
                "micrographs_covers": COVERS,
            },
            "results": None,
        }
        self._entries = [*(read_record(self.path) if go_on else []), entry]
        self._write()

    def __enter__(self) -> Record:
        return self

    def __exit__(self, *_: object) -> None:
        self._write_minutes()

    def end(self, history: list[dict[str, Any]], **results: Any) -> None:
        """Write what came of it, and by the rows of metrics.jsonl how many epochs a stage took."""
        epochs = {row["stage"]: row["epoch"] for row in history if "taken" not in row}
        self._entries[-1]["results"] = {"epochs": epochs, **results}
        self._write_minutes()

    def _write_minutes(self) -> None:
        self._entries[-1]["minutes"] = round((time.monotonic() - self._clock) / 60, 3)
        self._write()

    def _write(self) -> None:
        write_text(self.path, json.dumps(self._entries, indent=1) + "\n")


def read_record(path: Path) -> list[dict[str, Any]]:
    """Read the entries of a record; a damaged or missing one has none."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return list(entries) if isinstance(entries, list) else []


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results may depend on."""
    table = {"napari-unetpick": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            table[name] = version(name)
        except PackageNotFoundError:
            continue
    if torch.version.cuda is not None:
        table["cuda"] = torch.version.cuda
    return table


def micrographs_hash(items: Iterable[Item]) -> str:
    """Return a fingerprint of micrographs without reading them again: see `COVERS`."""
    lines = set()
    for item in items:
        path, (rows, cols) = item.micrograph.path, item.scale.file_shape
        try:
            size = path.stat().st_size
        except OSError:  # it was moved since it was read
            size = 0
        lines.add(f"{path.name} {size} {rows} {cols}\n")
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()[:16]
