"""Hurt the program in the ways that a facility knows, and look for anything that is lost.

    python scripts/fault_kinds.py                       all kinds, about ten minutes on two cores
    python scripts/fault_kinds.py --only disk,two --seed 7

- disk: it fills up at any write of train, self-train, pick, export, and of a project that is saved;
- drive: the micrographs vanish, are cut short or stall while they are picked or watched;
- corrupt: one micrograph in ten is damaged;
- damage: files of finished work are cut short or hold zeros;
- clock: it is set back between two starts;
- two: two programs in one output folder, run or project;
- rights: files and folders may not be read or written, or no longer;
- memory: it is full at some moment.

Each time the program has to say so in one line with what to do (exit code 2, or 3 where micrographs
are left out), nothing half-written is read as whole, and once the fault is gone the same command
with --resume (export: the command again) comes to the same files, byte for byte. `faults.py` kills.

Prints a line a kind, and what was lost; the exit code is 1 if anything was. Disk and rights need
root (`unshare --user --map-root-user --mount` gives the former) and are left out without.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # so that bytes compare; read as torch is imported

from _faults.damage import damaged_files
from _faults.disk import can_mount, full_disk
from _faults.inputs import corrupt_micrographs, lost_drives
from _faults.machine import clock_set_back, full_memory, lost_rights
from _faults.planted import kinds, make_data, train
from _faults.program import must, tries, warm_up
from _faults.sharing import two_programs

Fault = Callable[[Path, Path, random.Random], Iterator[list[str]]]
FAULTS: dict[str, Fault] = {
    "disk": full_disk,
    "damage": damaged_files,
    "two": two_programs,
    "drive": lost_drives,
    "corrupt": corrupt_micrographs,
    "clock": clock_set_back,
    "rights": lost_rights,
    "memory": full_memory,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default=",".join(FAULTS), help="kinds, with commas between")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    wanted = options.only.split(",")
    if unknown := {*wanted} - {*FAULTS}:
        parser.error(f"--only {', '.join(sorted(unknown))}: not known")
    warm_up()
    lost: list[str] = []
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        place.chmod(0o755)  # for the user who owns nothing
        data = place / "data"
        data.mkdir()
        make_data(data)
        must(train(data, data / "model", 3))
        for kind in kinds(data):
            kind.prepare(place / "first" / kind.name)
            warm_up([kind.start(place / "first" / kind.name)])
        for name in wanted:
            if (name == "disk" and not can_mount()) or (name == "rights" and os.geteuid()):
                print(f"{name}: left out, since it needs root", flush=True)
                continue
            (place / name).mkdir()
            began, before, found = time.monotonic(), tries(), []
            for part in FAULTS[name](data, place / name, random.Random(options.seed)):
                found += part
            seconds, count = time.monotonic() - began, tries() - before
            print(f"{name}: {count} faults, {len(found)} losses, {seconds:.0f} s", flush=True)
            lost += found
    print("\n".join(lost) if lost else "nothing was lost")
    sys.exit(bool(lost))


if __name__ == "__main__":
    main()
