"""How the tests run the command line, and the small set that they run it on."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

TINY = """\
[network]
width = 8
depth = 2
[train]
epochs = 3
patches_per_epoch = 64
batch = 8
patch_px = 64
"""


@dataclass(frozen=True)
class TinySet:
    """Micrographs with truth, and a recipe that trains on them in seconds."""

    folder: Path
    picks: Path
    recipe: Path
    diameter: float

    @property
    def train(self) -> list[str]:
        """The arguments of `unetpick train` but for --run."""
        return [
            *("train", str(self.folder), "--picks", str(self.picks)),
            *("--diameter", str(self.diameter), "--recipe", str(self.recipe)),
            *("--start", "scratch"),
        ]


def unetpick(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command line in this process: torch is imported once for all tests."""
    from napari_unetpick.__main__ import main

    out, errors, code = io.StringIO(), io.StringIO(), 0
    before = sys.argv
    sys.argv = ["unetpick", *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            main()
    except SystemExit as stop:
        code = int(stop.code or 0)
    finally:
        sys.argv = before
    return subprocess.CompletedProcess(sys.argv, code, out.getvalue(), errors.getvalue())


def unetpick_process(*arguments: object, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "napari_unetpick", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment(),
        check=False,
    )


def environment() -> dict[str, str]:
    """One thread whatever the machine, so that results compare."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}
