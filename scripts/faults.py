"""Kill the program at random moments, and look for anything that is lost or half-written.

    python scripts/faults.py                     a hundred kills, twenty of each kind
    python scripts/faults.py --kills 10 --only pick,edit --seed 7

Kinds: train, self-train, pick, export (`convert`), and edit (a project that is clicked in and
saved). Each is killed with -9 at a random moment of the time that it takes undisturbed. Then

- every file that is there can be read whole; what a project reported saved is in it;
- the same command with --resume (export: the command again) comes to the same files, byte for
  byte, as without a kill.

Prints a line a kind, and what was lost; the exit code is 1 if anything was.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from _faults.planted import Kind, broken, contents, differences, kinds, make_data, train

from napari_unetpick.project.project import Project

UNETPICK = (sys.executable, "-m", "napari_unetpick")
EDITS = """
import sys
from napari_unetpick.project.annotations import Annotations, new_picks
from napari_unetpick.project.project import Project
import numpy as np
with Project.open(sys.argv[1]) as project:
    keys = list(project.entries)
    for step in range(1, 400):
        key = keys[step % len(keys)]
        project.save_annotations(key, Annotations(new_picks(np.full((step, 2), float(step)))))
        project.change(key, state="partial")
        project.save()
        print(key, step, flush=True)
"""


def run(command: list[str], **options: object) -> subprocess.Popen[str]:
    """Start a command with one thread, so that bytes compare."""
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        **options,
    )


def finish(command: list[str]) -> str:
    """Run a command to its end; return what it said, "" where it ended well."""
    process = run(command)
    said, _ = process.communicate()
    return "" if process.returncode == 0 else said[-400:] or f"exit code {process.returncode}"


def kill_at(process: subprocess.Popen[str], moment: float) -> str:
    """Kill a process after so many seconds; return what it had said."""
    with suppress(subprocess.TimeoutExpired):
        return process.communicate(timeout=moment)[0]
    process.send_signal(signal.SIGKILL)
    return process.communicate()[0]


def try_kind(kind: Kind, folder: Path, kills: int, draw: random.Random) -> list[str]:
    """Kill one kind so many times; return what was lost."""
    folder.mkdir()
    whole, began = folder / "undisturbed", time.monotonic()
    kind.prepare(whole)
    if said := finish([*UNETPICK, *kind.start(whole)]):
        raise SystemExit(f"{kind.name}: {said}")
    takes, wanted, lost = time.monotonic() - began, contents(whole, kind), []
    for number in range(kills):
        out = folder / f"out{number:03d}"
        kind.prepare(out)
        moment = draw.uniform(0.2, 1.0) * takes
        kill_at(run([*UNETPICK, *kind.start(out)]), moment)
        at = f"{kind.name}, killed after {moment:.2f} of {takes:.2f} s"
        lost += [f"{at}: {each}" for each in broken(out)]
        if said := finish([*UNETPICK, *kind.again(out)]):
            lost.append(f"{at}: does not go on: {said}")
        elif names := differences(contents(out, kind), wanted):
            lost.append(f"{at}: differs in {names}")
    return lost


def try_edits(data: Path, folder: Path, kills: int, draw: random.Random) -> list[str]:
    """Kill a project that is edited; return what was reported saved and is not there."""
    from napari_unetpick.io.images.listing import list_micrographs

    lost = []
    for number in range(kills):
        place = folder / f"project{number:03d}"
        Project.create(place, list_micrographs([str(data / "all")]), diameter=260.0).close()
        process = run([sys.executable, "-c", EDITS, str(place)])
        moment = draw.uniform(0.3, 4.0)
        said = kill_at(process, moment)
        saved = {
            key: int(step) for key, step in (line.rsplit(" ", 1) for line in said.splitlines())
        }
        with Project.open(place) as project:
            for key, step in saved.items():
                picks = project.annotations(key).picks.coords
                newer = len(picks) > step and len(picks) == step + len(project.entries)
                if not (len(picks) == step or newer) or not np.all(picks == len(picks)):
                    lost.append(f"edit, killed after {moment:.2f} s: {key} has not what was saved")
    return lost


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=20, help="of each kind [20]")
    parser.add_argument("--only", default="train,self-train,pick,export,edit")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    draw, lost = random.Random(options.seed), []
    wanted = options.only.split(",")
    if unknown := {*wanted} - {*parser.get_default("only").split(",")}:
        parser.error(f"--only {', '.join(sorted(unknown))}: not known")
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary) / "data"
        data.mkdir()
        make_data(data)
        if said := finish([*UNETPICK, *train(data, data / "model", 3)]):
            raise SystemExit(said)
        for kind in (each for each in kinds(data) if each.name in wanted):
            found = try_kind(kind, Path(temporary) / kind.name, options.kills, draw)
            print(f"{kind.name}: {options.kills} kills, {len(found)} losses", flush=True)
            lost += found
        if "edit" in wanted:
            found = try_edits(data, Path(temporary), options.kills, draw)
            print(f"edit: {options.kills} kills, {len(found)} losses", flush=True)
            lost += found
    print("\n".join(lost) if lost else "nothing was lost")
    sys.exit(bool(lost))


if __name__ == "__main__":
    main()
