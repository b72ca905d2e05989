"""How long `unetpick --help` takes above a bare interpreter: median of interleaved runs."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "bare interpreter": [sys.executable, "-c", "pass"],
    "import napari_unetpick": [sys.executable, "-c", "import napari_unetpick"],
    "unetpick --help": [sys.executable, "-m", "napari_unetpick", "--help"],
}
LIMIT_S = 0.5


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs
    for command in COMMANDS.values():  # fill the disk cache and write the bytecode
        seconds(command)
    # interleaved, so that what else the machine does falls on all of them alike
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(runs):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    medians = {name: statistics.median(values) for name, values in times.items()}
    bare = medians["bare interpreter"]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"median of {runs} interleaved runs each, load average {load:.1f}")
    print(f"{'':26}{'median s':>10}{'above bare s':>14}{'ratio':>8}")
    for name, median in medians.items():
        print(f"{name:26}{median:10.3f}{median - bare:14.3f}{median / bare:8.1f}")
    above = medians["unetpick --help"] - bare
    verdict = "within" if above <= LIMIT_S else "ABOVE"
    print(f"unetpick --help: {above:.3f} s above a bare interpreter, {verdict} {LIMIT_S} s")


if __name__ == "__main__":
    main()
