"""How soon `unetpick pick --watch` picks what arrives: `python scripts/watch_arrivals.py`.

Another process delivers simulated micrographs as a microscope's computer does: some are written
slowly, some renamed into place, some cut short and completed later, one is no image, one is never
completed. Printed is whether each was picked once and whole, and how long after its last byte.
`deliver FROM TO PAUSE` is that other process; it prints when each file was complete, as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

WAYS = 3  # written slowly, renamed into place, cut short and completed later
RECIPE = """\
[network]
width = 8
depth = 2
[train]
epochs = 3
patches_per_epoch = 64
batch = 8
patch_px = 64
"""
OPEN = 3  # files that are cut short at a time
LIMIT = 10.0  # s
UNETPICK = (sys.executable, "-m", "napari_unetpick")


def deliver(source: Path, folder: Path, pause: float) -> dict[str, float]:
    """Deliver the files of a folder one after the other; return when each was complete."""
    complete: dict[str, float] = {}
    later: list[tuple[Path, bytes]] = []
    for number, file in enumerate(sorted(source.iterdir())):
        content, target = file.read_bytes(), folder / file.name
        if number % WAYS == 0:
            with open(target, "wb", buffering=0) as stream:
                for quarter in range(4):
                    stream.write(content[len(content) * quarter // 4 :][: len(content) // 4 + 1])
                    stream.seek(len(content) * (quarter + 1) // 4)
                    time.sleep(pause)
            complete[file.stem] = time.time()
        elif number % WAYS == 1:
            part = folder / f"{file.name}.part"
            part.write_bytes(content)
            os.replace(part, target)
            complete[file.stem] = time.time()
        else:
            target.write_bytes(content[: len(content) // 2])
            later.append((target, content))
        while len(later) > OPEN or (later and len(complete) + len(later) == _count(source)):
            target, content = later.pop(0)
            with open(target, "ab") as stream:
                stream.write(content[len(content) // 2 :])
            complete[target.stem] = time.time()
            time.sleep(pause)
        time.sleep(pause)
    return complete


def _count(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir())


def simulate(folder: Path, count: int, side: int) -> None:
    """Write simulated micrographs of ribosomes, of which 20 differ."""
    from napari_unetpick.simulate.samples import get_sample
    from napari_unetpick.simulate.write import simulate_set

    few = min(count, 20)
    for _ in simulate_set(get_sample("ribosome"), folder, few, seed=3, shape=(side, side)):
        pass
    files = sorted(folder.glob("*.mrc"))
    for number in range(few, count):
        shutil.copy(files[number % few], folder / f"more_{number:04d}.mrc")


def train(work: Path, source: Path) -> str:
    """Train a small model in seconds: with the general one the first wait for its calibration."""
    (work / "recipe.toml").write_text(RECIPE)
    command = ["train", source, "--picks", source / "picks.csv", "--diameter", "280"]
    command += ["--start", "scratch", "--recipe", work / "recipe.toml", "--run", work / "run"]
    subprocess.run([*UNETPICK, *map(str, command)], capture_output=True, check=True)
    return str(work / "run")


def measure(work: Path, count: int, side: int, pause: float, model: str | None) -> bool:
    """Deliver and watch; print the figures, and return whether all is as it should be."""
    source, folder, out = work / "source", work / "arriving", work / "out"
    source.mkdir()
    folder.mkdir()
    simulate(source, count, side)
    model = model or train(work, source)
    for other in source.iterdir():
        if other.suffix != ".mrc":
            other.unlink()
    (folder / "text.mrc").write_text("no image\n" * 200)
    (folder / "never.mrc").write_bytes(next(source.iterdir()).read_bytes()[:5000])
    options = ["pick", str(folder), "--model", model, "--out"]
    command = [*UNETPICK, *options, str(out), "--watch", "--watch-idle", "10"]
    watching = subprocess.Popen(command, stderr=(work / "log").open("w"))
    me = [sys.executable, __file__, "deliver", str(source), str(folder), str(pause)]
    delivering = subprocess.Popen(me, stdout=(work / "complete.json").open("w"))
    written: dict[str, dict[tuple[int, int], float]] = {}
    while watching.poll() is None:
        for star in out.glob("*_autopick.star"):
            status = star.stat()
            versions = written.setdefault(star.name.removesuffix("_autopick.star"), {})
            versions[status.st_ino, status.st_mtime_ns] = status.st_mtime
        time.sleep(0.1)
    if delivering.wait():
        sys.exit("the delivery failed")
    complete = json.loads((work / "complete.json").read_text())
    picked = {stem: min(versions.values()) for stem, versions in written.items()}
    delays = {stem: picked[stem] - at for stem, at in complete.items() if stem in picked}
    started = min(picked.values())  # before that the general model was calibrated
    later = [delay for stem, delay in delays.items() if complete[stem] > started]
    once = sum(len(written.get(stem, ())) == 1 for stem in complete)

    again = work / "again"  # the whole files, with what was found
    (again / ".picking").mkdir(parents=True)
    shutil.copy(out / "picking.toml", again / ".picking")
    subprocess.run([*UNETPICK, *options, str(again), "--resume"], capture_output=True, check=False)
    same = sum(
        (again / name).read_bytes() == (out / name).read_bytes()
        for name in (f"{stem}_autopick.star" for stem in complete if stem in written)
    )
    tables = all(
        (again / name).read_bytes() == (out / name).read_bytes()
        for name in ("picks.csv", "candidates.csv", "picks.star", "micrographs.csv")
    )
    log = (work / "log").read_text()
    reported = log.count("text.mrc: is a text file"), log.count("never.mrc: is cut short")
    print(log)
    print(f"micrographs delivered: {len(complete)}; picked once: {once}; as the whole file: {same}")
    print(f"tables as of a picking of the whole folder: {'yes' if tables else 'no'}")
    print(f"corrupt and incomplete file reported: {reported[0]} and {reported[1]} times")
    print(f"exit code: {watching.returncode} (3 is right: two failed)")
    for what, some in (("all", list(delays.values())), ("complete after the first picks", later)):
        print(
            f"from last byte to picks, {what} ({len(some)}): median {median(some):.1f} s, most "
            f"{max(some):.1f} s; within {LIMIT:.0f} s: {sum(each < LIMIT for each in some)}"
        )
    right = (once, same, len(delays), reported) == (count, count, count, (1, 1))
    return right and tables and max(delays.values()) < LIMIT and watching.returncode == 3


def main() -> None:
    """Deliver, or measure."""
    if sys.argv[1:2] == ["deliver"]:
        source, folder, pause = sys.argv[2:]
        print(json.dumps(deliver(Path(source), Path(folder), float(pause))))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--side", type=int, default=512, help="pixels")
    parser.add_argument("--pause", type=float, default=0.2, help="seconds between two writes")
    parser.add_argument("--model", help="Default: a small one that is trained first.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        right = measure(Path(work), given.count, given.side, given.pause, given.model)
    print("as it should be" if right else "NOT as it should be")
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
