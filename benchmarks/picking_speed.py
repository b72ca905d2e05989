"""Picking against Topaz and against the least work there is; peak memory.

Ten simulated 4096 x 4096 micrographs (float32) at 1.0 A/px, particle 160 A, from disk to pick
files, by turns on the same two cores:

- unetpick: `engine.pick.pick`, the function behind `unetpick pick`;
- Topaz: `preprocess -s 8` (two processes of one thread, its faster way) and `extract` with the
  pretrained resnet16_u64 (two threads), called in its own environment through its own command
  functions; the time that it takes to load its model is left out;
- the same weights, crop and peaks in plain PyTorch: one micrograph after the other, float32,
  nothing fused, the usual layout;
- the network alone, against MONAI's AttentionUnet in its sliding window, on images of its size;
- the floor: one read and one Fourier crop a micrograph.

Both pickers run in processes that have imported everything and have picked one micrograph before
the clock starts. Memory is that of a fresh process that picks one micrograph.

    python benchmarks/picking_speed.py           for the documentation, about 15 minutes
    python benchmarks/picking_speed.py --quick   two micrographs, once
    python benchmarks/picking_speed.py --no-topaz --no-monai --device cuda     our side, on a GPU
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from _data import DIAMETER, large_micrographs, say
from _record import HERE, OUT, Worker, report, spread, table, verdict

from napari_unetpick.io.models import general_model

TOPAZ, MONAI = "topaz-em==0.3.20", "monai==1.6.1"
K3 = (4092, 5760)
LIMITS = {"topaz": 38.0, "plain": 2.0, "monai": 1.5, "memory_gib": 1.5}
Seconds = dict[str, list[float]]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two micrographs, one round")
    parser.add_argument("--count", type=int, help="micrographs [10]")
    parser.add_argument("--rounds", type=int, help="turns of each side [3]")
    parser.add_argument("--model", type=Path, help="model [the general one]")
    parser.add_argument("--topaz-python", type=Path, help="interpreter of a ready environment")
    parser.add_argument("--no-topaz", action="store_true", help="without Topaz")
    parser.add_argument("--monai-python", type=Path, help="interpreter of a ready environment")
    parser.add_argument("--no-monai", action="store_true", help="without MONAI")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="ours [cpu]")
    parser.add_argument("--cold", action="store_true", help="drop the files from the page cache")
    arguments = parser.parse_args()
    arguments.count = arguments.count or (2 if arguments.quick else 10)
    arguments.rounds = arguments.rounds or (1 if arguments.quick else 3)
    return arguments


def peer_environment(package: str) -> Path:
    """Make a peer's environment if it is not there, and return its interpreter."""
    folder = OUT / f"{package.partition('=')[0].partition('-')[0]}-env"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = folder / "ready"
    if not ready.is_file() or ready.read_text() != package:
        say(f"installing {package} into {folder} (some minutes)")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        # in one go with torch: torchvision, which Topaz asks for, must fit this torch
        subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            + ["--constraint", str(HERE.parent / "constraints-dev.txt"), "torch", package],
            check=True,
            stdin=subprocess.DEVNULL,
        )
        ready.write_text(package)
    return python


class Sides:
    """All sides, warm, and what they have taken so far."""

    def __init__(self, options: argparse.Namespace, model: Path, folder: Path):
        self.folder, self.cold, self.on_cpu = folder, options.cold, options.device == "cpu"
        self.seconds: Seconds = {"unetpick": [], "floor": [], "network": []}
        self.last: dict[str, dict[str, Any]] = {}
        self.ours = Worker(
            sys.executable, "_pick_worker.py", str(model), str(DIAMETER), options.device
        )
        self.reducer = self.extractor = self.monai = None
        if self.on_cpu:
            self.seconds["plain"] = []
        if not options.no_monai:
            self.seconds["MONAI"] = []
            python = options.monai_python or peer_environment(MONAI)
            self.monai = Worker(python, "_monai_worker.py")
        if not options.no_topaz:
            topaz = options.topaz_python or peer_environment(TOPAZ)
            self.seconds |= {"topaz preprocess": [], "topaz extract": []}
            self.reducer = Worker(topaz, "_topaz_worker.py", threads=1)
            self.extractor = Worker(topaz, "_topaz_worker.py")

    def warm_up(self, path: Path) -> None:
        """Pick one micrograph on all sides, and forget what it took."""
        self.run_ours([path])
        self.run_networks([path])
        self.run_topaz([path])
        for values in self.seconds.values():
            values.clear()

    def run_ours(self, paths: list[Path]) -> None:
        """Measure the floor and our side."""
        for name, task in (("floor", "floor"), ("unetpick", "pick")):
            self._measure(name, self.ours, paths, do=task, out=str(self.folder / "unetpick"))

    def run_networks(self, paths: list[Path]) -> None:
        """Measure plain PyTorch, and the networks alone."""
        out = str(self.folder / "unetpick")
        if self.on_cpu:
            self._measure("plain", self.ours, paths, do="plain", out=out)
        self._measure("network", self.ours, paths, do="network", out=out)
        if self.monai is not None:
            shape = self.last["network"]["shape"]
            self._measure("MONAI", self.monai, paths, shape=shape, count=len(paths))

    def run_topaz(self, paths: list[Path]) -> None:
        """Measure Topaz's two commands."""
        if self.reducer is None or self.extractor is None:
            return
        out = self.folder / "topaz"
        out.mkdir(exist_ok=True)
        question = {"out": f"{out}/", "processes": 2}
        self._measure("topaz preprocess", self.reducer, paths, do="preprocess", **question)
        reduced = [out / path.name for path in paths]
        self._measure("topaz extract", self.extractor, reduced, do="extract", **question)

    def stages(self, paths: list[Path]) -> dict[str, Any]:
        """Our side's times by stage, one step after the other."""
        given = [str(path) for path in paths]
        return self.ours.ask(do="stages", paths=given, out=str(self.folder / "unetpick"))

    def close(self) -> None:
        """End all workers."""
        for worker in (self.ours, self.reducer, self.extractor, self.monai):
            if worker is not None:
                worker.close()

    def _measure(self, name: str, worker: Worker, paths: list[Path], **question: Any) -> None:
        if self.cold:
            drop_from_cache(paths)
        self.last[name] = worker.ask(paths=[str(path) for path in paths], **question)
        self.seconds[name].append(self.last[name]["seconds"])


def drop_from_cache(paths: list[Path]) -> None:
    """Make the next read of the files come from the disk."""
    os.sync()
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def measure_memory(model: Path, device: str, folder: Path) -> dict[str, float]:
    """Peak memory (GiB) of a fresh process that picks one micrograph, by its size."""
    peaks = {}
    for shape in ((4096, 4096), K3):
        path = large_micrographs(1, shape)[0]
        worker = Worker(sys.executable, "_pick_worker.py", str(model), str(DIAMETER), device)
        answer = worker.ask(do="pick", paths=[str(path)], out=str(folder / "memory"))
        worker.close()
        peaks[f"{shape[1]} x {shape[0]}"] = answer["peak_mib"] / 1024
    return peaks


def speed_table(sides: Sides, count: int) -> tuple[str, dict[str, float]]:
    """Lay out the times, and return the ratios."""
    each = {name: [s / count for s in values] for name, values in sides.seconds.items()}
    if sides.extractor is not None:
        pairs = zip(each["topaz preprocess"], each["topaz extract"], strict=True)
        each["topaz"] = [sum(pair) for pair in pairs]
    middle = {name: statistics.median(values) for name, values in each.items()}
    names = {
        "unetpick": "unetpick",
        "topaz": "Topaz, both commands",
        "topaz preprocess": "Topaz, `preprocess -s 8`",
        "topaz extract": "Topaz, `extract`",
        "floor": "one read and one Fourier crop",
        "plain": "the same in plain PyTorch",
        "network": "unetpick, the network alone",
        "MONAI": "MONAI's AttentionUnet",
    }
    rows = [
        (label, spread(each[name], 3), f"{1 / middle[name]:.2f}", f"{middle[name] / ours:.2f}")
        for name, label in names.items()
        if name in each and (ours := middle["unetpick"])
    ]
    ratios = {"to the floor": middle["unetpick"] / middle["floor"]}
    for peer, own in (("topaz", "unetpick"), ("plain", "unetpick"), ("MONAI", "network")):
        if peer in middle:
            ratios[peer.lower()] = middle[peer] / middle[own]
    header = ("", "s a micrograph", "micrographs/s", "time / unetpick's")
    return table(header, rows), ratios


def main() -> None:
    arguments = parse_arguments()
    paths = large_micrographs(arguments.count)
    model = arguments.model or general_model()
    assert model is not None
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        memory = measure_memory(model, arguments.device, folder)
        sides = Sides(arguments, model, folder)
        sides.warm_up(paths[0])
        for number in range(arguments.rounds):
            say(f"round {number + 1} of {arguments.rounds}")
            sides.run_ours(paths)
            sides.run_topaz(paths)
            sides.run_networks(paths)
            sides.run_ours(paths)  # twice a round: it is short, so what else runs hits it harder
        stages = sides.stages(paths)
        sides.close()
    times, ratios = speed_table(sides, len(paths))
    total = sum(stages["stages"].values())
    stage_rows = [
        (name, f"{1000 * value / len(paths):.1f}", f"{100 * value / total:.0f} %")
        for name, value in stages["stages"].items()
    ]
    memory_rows = [
        (size, f"{peak:.2f}", verdict(peak, LIMITS["memory_gib"])) for size, peak in memory.items()
    ]
    ours = sides.last["unetpick"]
    lines = [
        f"{len(paths)} micrographs of 4096 x 4096 at 1.0 A/px, particle {DIAMETER:g} A, "
        f"{'from disk' if arguments.cold else 'in the page cache'}; rounds: {arguments.rounds}; "
        f"{ours['candidates']:,} candidates, {ours['picks']:,} picks"
    ]
    peers = {
        "topaz": "the micrographs/s of Topaz",
        "plain": "those of the same weights, crop and peaks in plain PyTorch",
        "monai": "the images/s of MONAI's AttentionUnet, the network alone",
    }
    lines += [
        f"{ratios[peer]:.2f} times {what}; at least {LIMITS[peer]:g} wanted: "
        f"{verdict(ratios[peer], LIMITS[peer], at_least=True)}"
        for peer, what in peers.items()
        if peer in ratios
    ]
    if "topaz" in ratios:
        side = sides.last["topaz extract"]
        lines.append(
            f"Topaz {side['topaz']}, torch {side['torch']}: {side['candidates']:,} candidates, "
            f"peak {side['peak_mib'] / 1024:.1f} GiB"
        )
    lines.append(f"{ratios['to the floor']:.1f} times the time of one read and one Fourier crop")
    report(
        "picking_speed",
        {
            "micrographs": len(paths),
            "cold": arguments.cold,
            "seconds": sides.seconds,
            "ratios": ratios,
            "stages": stages,
            "memory_gib": memory,
            "answers": sides.last,
        },
        [
            "\n\n".join(lines),
            times,
            table(("one step after the other", "ms a micrograph", "share"), stage_rows),
            table(("micrograph", "peak GiB", f"{LIMITS['memory_gib']:g} wanted"), memory_rows),
        ],
    )


if __name__ == "__main__":
    main()
