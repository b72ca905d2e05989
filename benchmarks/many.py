"""A night's micrographs in one command: is memory flat, is anything lost by a kill?

1,000 names (hard links) of one simulated 4096 x 4096 micrograph, one in ten of them cut short, are
picked by the general model: once undisturbed, while the anonymous memory of the process is read,
and once killed with -9 half-way and resumed. Both must give the same files.

    python benchmarks/many.py [--count 200]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from _data import DIAMETER, large_micrographs, say
from _record import THREADS, report, table

EVERY = 10  # one in so many is damaged


def make_links(folder: Path, count: int) -> Path:
    """Link one micrograph under many names; every tenth is the start of it alone."""
    folder.mkdir()
    whole = large_micrographs(1)[0]
    short = folder.parent / "short.mrc"
    short.write_bytes(whole.read_bytes()[: 1 << 20])
    for number in range(count):
        target = short if number % EVERY == EVERY - 1 else whole
        try:
            os.link(target, folder / f"mic_{number:05d}.mrc")
        except OSError:  # on another drive
            os.symlink(target, folder / f"mic_{number:05d}.mrc")
    return folder


def start(micrographs: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    """Start the picking with as many threads as the other benchmarks."""
    command = [sys.executable, "-m", "napari_unetpick", "pick", str(micrographs), "--out", str(out)]
    command += ["--diameter", f"{DIAMETER:g}", "--device", "cpu", *more]
    environment = os.environ | {"OMP_NUM_THREADS": str(THREADS)}
    with (out.parent / f"{out.name}.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=environment)


def anonymous_mib(pid: int) -> float:
    """Return what a process holds beside files, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kib = next((line.split()[1] for line in lines if line.startswith("RssAnon:")), "0")
    return int(kib) / 1024


def done_in(out: Path) -> int:
    """Count the micrographs whose files are there."""
    return len(list(out.glob("mic_*_autopick.star")))


def watch(process: subprocess.Popen[bytes], out: Path, until: int) -> list[tuple[int, float]]:
    """Return (micrographs done, MiB) as the picking goes, until so many are done."""
    seen: list[tuple[int, float]] = []
    while process.poll() is None:
        count = done_in(out)
        try:
            memory = anonymous_mib(process.pid)
        except OSError:
            break
        if memory:
            seen.append((count, memory))
        if count >= until:
            break
        time.sleep(0.5)
    return seen


def contents(out: Path) -> dict[str, bytes]:
    """Return all files, with paths as if the folder were called OUT."""
    place = str(out).encode()
    files = [file for file in out.rglob("*") if file.is_file()]
    return {str(f.relative_to(out)): f.read_bytes().replace(place, b"OUT") for f in files}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        micrographs = make_links(folder / "in", count)
        say("undisturbed")
        began = time.perf_counter()
        first = start(micrographs, folder / "first")
        seen = watch(first, folder / "first", count + 1)
        code, seconds = first.wait(), time.perf_counter() - began
        said = (folder / "first.log").read_text()
        say("killed half-way, and resumed")
        killed = start(micrographs, folder / "second")
        watch(killed, folder / "second", count // 2)
        killed.kill()
        killed.wait()
        left = done_in(folder / "second")
        start(micrographs, folder / "second", "--resume").wait()
        same = contents(folder / "first") == contents(folder / "second")
    begin, end = count // EVERY, count - count // EVERY - count // EVERY
    early = [m for done, m in seen if 0 < done <= begin]
    late = [m for done, m in seen if end <= done < count - begin]
    change = 100 * (median(late) / median(early) - 1)
    peak = max(memory for _, memory in seen)
    rows = [
        ("micrographs, damaged ones", f"{count:,}, {count // EVERY:,}"),
        ("reported as damaged; exit code", f"{said.count('skipped: ')}; {code}"),
        ("s a micrograph", f"{seconds / count:.3f}"),
        ("memory, first tenth, median and most, MiB", f"{median(early):.0f}, {max(early):.0f}"),
        ("memory, last tenth, median and most, MiB", f"{median(late):.0f}, {max(late):.0f}"),
        ("change of the median", f"{change:+.1f} %"),
        ("peak, MiB", f"{peak:.0f}"),
        ("killed after", f"{left:,}"),
        ("same files after --resume", "yes" if same else "NO"),
    ]
    record = {"count": count, "seen": seen, "seconds": seconds, "same": same, "peak_mib": peak}
    report("many", record, [table(("", "measured"), rows)])


if __name__ == "__main__":
    main()
