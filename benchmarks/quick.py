"""The speed of this machine in one table, in about five minutes: picking, training, memory.

Four copies of one simulated micrograph of each size, float32 at 1.0 A/px, particle 160 A, with the
general model's network; from disk (dropped from the page cache) and from memory. The floor is one
read and one Fourier crop a micrograph. What is found once before a picking is left out. Training:
one epoch of the default recipe.

    make bench-quick                            or: python benchmarks/quick.py [--device cuda]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

from _data import DIAMETER, large_micrographs
from _record import report, table
from picking_speed import K3, Sides
from training_speed import measure

from napari_unetpick.io.models import GENERAL

COPIES, ROUNDS = 4, 2
COLUMNS = ("micrograph", "from", "micrographs/s", "floor, s", "time / floor's")


def copies_of(path: Path, folder: Path) -> list[Path]:
    """Copy a micrograph, so that each copy is read by itself."""
    folder.mkdir()
    copies = [folder / f"{number}.mrc" for number in range(COPIES)]
    return [Path(shutil.copy(path, each)) for each in copies]


def pick_sizes(device: str, folder: Path) -> tuple[list[list[str]], list[dict[str, Any]]]:
    """Return rows of `COLUMNS`, and what the runs told."""
    rows, told = [], []
    for shape in ((4096, 4096), K3):
        name = f"{shape[1]} x {shape[0]}"
        paths = copies_of(large_micrographs(1, shape)[0], folder / name)
        for place in ("disk", "memory"):
            sides = Sides(GENERAL, device, None, folder, cold=place == "disk")
            sides.warm_up(paths[0])
            for _ in range(ROUNDS):
                sides.run_ours(paths)
            ours, floor = (
                statistics.median(sides.seconds[side]) / COPIES for side in ("unetpick", "floor")
            )
            rows.append([name, place, f"{1 / ours:.2f}", f"{floor:.3f}", f"{ours / floor:.2f}"])
            one = {"size": name, "place": place, "seconds": sides.seconds}
            told.append(one | sides.last["unetpick"] | sides.stages(paths))
            sides.close()
    return rows, told


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    device = parser.parse_args().device
    with tempfile.TemporaryDirectory() as temporary:
        rows, told = pick_sizes(device, Path(temporary))
    training = measure(1, device)
    pace = training["steps"] / training["stages"]["steps"]
    stages = told[1]["stages"]  # 4096 x 4096 from memory
    shares = [(name, f"{100 * s / sum(stages.values()):.0f} %") for name, s in stages.items()]
    figures = [
        ("training, steps/s", f"{pace:.2f}"),
        ("peak memory, picking, GiB", f"{max(each['peak_mib'] for each in told) / 1024:.2f}"),
        ("peak memory, training, GiB", f"{training['peak_mib'] / 1024:.2f}"),
    ]
    report(
        "quick",
        {"picking": told, "training": training},
        [
            f"{device}; the general model's network, particle {DIAMETER:g} A at 1.0 A/px",
            table(COLUMNS, rows),
            table(("stage, 4096 x 4096 from memory, one after the other", "share"), shares),
            table(("", "measured"), figures),
        ],
    )


if __name__ == "__main__":
    main()
