"""How the tests speak with an engine process, and the small project that it works on."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

WORKER = [sys.executable, "-P", "-m", "napari_unetpick", "worker"]
SETTINGS: dict[str, Any] = {
    "network": {"width": 8, "depth": 2},
    "train": {"epochs": 3, "patches_per_epoch": 64, "batch": 8, "patch_px": 64},
}
Message = dict[str, Any]


@dataclass(frozen=True)
class SmallProject:
    """A project of four micrographs: three fully labelled, one that nobody has looked at."""

    folder: Path
    diameter: float
    labelled: tuple[str, ...]
    unseen: str
    truth: dict[str, np.ndarray]  # (N, 2) by key


def make_project(folder: Path) -> SmallProject:
    from napari_unetpick.io.assign import assign_picks
    from napari_unetpick.io.formats.read import read_picks
    from napari_unetpick.io.images.listing import list_micrographs
    from napari_unetpick.project.annotations import new_picks
    from napari_unetpick.project.project import Annotations, Project
    from napari_unetpick.simulate.samples import get_sample
    from napari_unetpick.simulate.write import simulate_set

    sample = get_sample("ribosome")
    for _ in simulate_set(sample, folder / "images", 4, seed=3, shape=(512, 512)):
        pass
    micrographs = list_micrographs(folder / "images")
    shapes = {m.key: (512, 512) for m in micrographs}
    found = assign_picks(read_picks(folder / "images" / "picks.csv"), micrographs, shapes)
    truth = {key: each.coords for key, each in found.items()}
    *labelled, unseen = sorted(truth)
    with Project.create(folder / "project", micrographs, sample.diameter_A) as project:
        for key in labelled:
            project.save_annotations(key, Annotations(picks=new_picks(truth[key])))
            project.change(key, state="full")
        project.save()
    return SmallProject(project.folder, sample.diameter_A, tuple(labelled), unseen, truth)


class RawEngine:
    """An engine process, spoken to line by line."""

    def __init__(self, command: list[str] = WORKER) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()
        )
        self.messages: queue.Queue[Message | None] = queue.Queue()
        self.seen: list[Message] = []
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> RawEngine:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self.close()
        try:
            self.process.wait(20)  # it removes its arrays
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.messages.put(json.loads(line))
        self.messages.put(None)

    def send(self, do: str, **fields: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"v": 1, "do": do, **fields}).encode() + b"\n")
        self.process.stdin.flush()

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def until(self, wanted: Callable[[Message], bool], timeout: float = 300) -> Message:
        """Return the first message that is wanted; all on the way are in `seen`."""
        deadline = time.monotonic() + timeout
        while True:
            message = self.messages.get(timeout=max(0.1, deadline - time.monotonic()))
            assert message is not None, f"the engine ended; it had said {self.seen[-5:]}"
            self.seen.append(message)
            if wanted(message):
                return message

    def last(self, number: str) -> Message:
        """Return how a job ended."""
        ends = ("done", "error", "stopped")
        return self.until(lambda m: m.get("id") == number and m["event"] in ends)

    def of(self, number: str, event: str) -> list[Message]:
        """All messages of a job that were seen, of one kind."""
        return [m for m in self.seen if m.get("id") == number and m["event"] == event]

    def array(self, message: Message) -> np.ndarray:
        """Read and remove the candidates of a message."""
        hello = next(m for m in self.seen if m["event"] == "hello")
        path = Path(hello["arrays"]) / message["file"]
        table = np.load(path, allow_pickle=False)
        path.unlink()
        return table


def event_is(name: str) -> Callable[[Message], bool]:
    return lambda message: message["event"] == name


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def gone_within(pid: int, seconds: float) -> bool:
    """Whether a process ends in time (one that nobody has waited for counts as ended)."""
    import psutil

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False
