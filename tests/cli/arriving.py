"""Micrographs as a microscope's computer delivers them: slowly, renamed, or cut short at first."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

WAYS = ("written slowly", "renamed into place", "cut short and completed later")


@dataclass
class Delivery:
    """Copies files into a folder, each by one of `WAYS` in turn, and notes when it was complete."""

    folder: Path
    pause: float
    later: list[tuple[Path, bytes]] = field(default_factory=list)
    complete: dict[str, float] = field(default_factory=dict)

    def deliver(self, files: Sequence[Path]) -> None:
        """Deliver all files; those that were cut short are completed while others arrive."""
        for number, file in enumerate(files):
            self._deliver(file, number % len(WAYS))
            if len(self.later) > 2:
                self._complete_one()
            time.sleep(self.pause)
        while self.later:
            self._complete_one()

    def _deliver(self, file: Path, way: int) -> None:
        content, target = file.read_bytes(), self.folder / file.name
        half = len(content) // 2
        if way == 0:
            with open(target, "wb", buffering=0) as stream:
                for start in range(0, len(content), half // 2):
                    stream.write(content[start : start + half // 2])
                    time.sleep(self.pause)
        elif way == 1:
            part = self.folder / f"{file.name}.part"
            part.write_bytes(content)
            os.replace(part, target)
        else:
            target.write_bytes(content[:half])
            self.later.append((target, content))
            return
        self.complete[file.stem] = time.time()

    def _complete_one(self) -> None:
        target, content = self.later.pop(0)
        with open(target, "ab") as stream:
            stream.write(content[target.stat().st_size :])
        self.complete[target.stem] = time.time()
