"""Time and memory of picks in every format: 2,000 micrographs with 500 picks each.

    python benchmarks/formats.py [--micrographs 2000] [--picks 500] [--formats star,cbox]

Every format is written by one process and read by another, which print their seconds and the most
memory that they took beside what starting takes.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _record import report, table

from napari_unetpick.export.write import ONE_FILE
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.formats.write import WRITERS, write_picks
from napari_unetpick.io.picks import Picks

LIMITS = (20.0, 1024.0)  # seconds, MiB


def some_picks(micrographs: int, each: int) -> dict[str, Picks]:
    """Return picks on micrographs of 4096 x 4096 pixels, with scores."""
    rng = np.random.default_rng(0)
    names = [f"Micrographs/mic_{number:05d}.mrc" for number in range(micrographs)]
    return {n: Picks(n, rng.uniform(0, 4096, (each, 2)), rng.random(each)) for n in names}


def memory() -> float:
    """Return the most MiB that this process has taken."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def work(step: str, fmt: str, place: Path, micrographs: int, each: int) -> None:
    """Write or read, and print what it took."""
    picks = some_picks(micrographs, each) if step == "write" else {}
    before, started = memory(), time.monotonic()
    if step == "write":
        write_picks(picks, place, fmt, box_size=256)
    else:
        found = read_picks(place)
        assert sum(map(len, found.values())) == micrographs * each
    print(json.dumps([time.monotonic() - started, memory() - before]))


def main() -> None:
    """Measure every format."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--micrographs", type=int, default=2000)
    parser.add_argument("--picks", type=int, default=500)
    parser.add_argument("--formats", default=",".join(WRITERS))
    parser.add_argument("--step", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    sizes = [options.micrographs, options.picks]
    if options.step:
        step, fmt, place = options.step
        work(step, fmt, Path(place), *sizes)
        return
    rows = []
    for fmt in options.formats.split(","):
        with tempfile.TemporaryDirectory() as folder:
            place, took = Path(folder) / ONE_FILE.get(fmt, fmt), []
            if fmt == "star":
                place = place.with_suffix(".star")
            for step in ("write", "read"):
                command = [sys.executable, __file__, "--step", step, fmt, str(place)]
                command += ["--micrographs", str(sizes[0]), "--picks", str(sizes[1])]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                took += json.loads(done.stdout.splitlines()[-1])
        met = max(took[0], took[2]) <= LIMITS[0] and max(took[1], took[3]) <= LIMITS[1]
        rows.append([fmt, *(f"{value:,.1f}" for value in took), "met" if met else "MISSED"])
        print(rows[-1], flush=True)
    heads = ["format", "write s", "write MiB", "read s", "read MiB", "20 s, 1 GiB"]
    report("formats", {"columns": heads, "rows": rows}, [table(heads, rows)])


if __name__ == "__main__":
    main()
