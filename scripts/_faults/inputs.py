"""Micrographs that are damaged, cannot be opened, or vanish with their drive for a while."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from _faults.planted import Kind, contents, differences, kinds
from _faults.program import Ended, Program, run, tried

HEADER = 1024
COUNT = 10


def nans(whole: bytes) -> bytes:
    """Return the same micrograph in float32 (mode 2), with NaN everywhere."""
    columns, rows = np.frombuffer(whole, "<i4", 2)
    head = whole[:12] + (2).to_bytes(4, "little") + whole[16:HEADER]
    return head + np.full(rows * columns, np.nan, np.float32).tobytes()


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda whole: whole[: len(whole) * 2 // 3],
    "header alone": lambda whole: whole[:HEADER],
    "header of another size": lambda whole: (5000).to_bytes(4, "little") + whole[4:],
    "no MRC": lambda whole: b"<html>not found</html>",
    "empty": lambda whole: b"",
    "all NaN": nans,
    "all zero": lambda whole: whole[:HEADER] + bytes(len(whole) - HEADER),
    "zeros": lambda whole: bytes(len(whole)),
}


def make_folder(data: Path, folder: Path) -> list[Path]:
    """Copy ten micrographs into a folder; only the first six are different."""
    folder.mkdir()
    images = sorted((data / "all").glob("*.mrc"))
    paths = [folder / f"mic_{number}.mrc" for number in range(COUNT)]
    for number, path in enumerate(paths):
        shutil.copy(images[number % len(images)], path)
    return paths


def pick(data: Path, folder: Path, out: Path, *more: str) -> list[str]:
    """Return the words of a picking."""
    words = ("pick", folder, "--model", data / "model", "--out", out, "--device", "cpu", *more)
    return [*map(str, words)]


def train(data: Path, folder: Path, out: Path) -> list[str]:
    """Return the words of a training on the ten, of which four are labelled."""
    picks = folder.parent / "labels.csv"
    text = (data / "labels.csv").read_text()
    for number in range(4):
        text = text.replace(f"ribosome_{number + 1:04d}.mrc", f"mic_{number}.mrc")
    picks.write_text(text)
    options = ("--picks", picks, "--diameter", 260, "--recipe", data / "3.toml")
    words = ("train", folder, *options, "--start", "scratch", "--device", "cpu", "--run", out)
    return [*map(str, words)]


def check(ended: Ended, path: Path, codes: tuple[int, ...]) -> str:
    """Say what is wrong with how a bad micrograph was met; "" for a line that names it."""
    if wrong := ended.complaint(codes):
        return wrong
    return "" if path.name in ended.said else f"{path.name} is not named: {ended.last}"


def try_damage(data: Path, folder: Path) -> Iterator[list[str]]:
    """Damage one micrograph of ten; the others are picked, and it is once it is whole again."""
    paths = make_folder(data, folder / "mics")
    kind = Kind("pick", lambda out: pick(data, folder / "mics", out), lambda out: [])
    if run(kind.start(folder / "whole")).code:
        raise SystemExit("pick does not run")
    wanted = contents(folder / "whole", kind)
    for number, (what, damaged) in enumerate(DAMAGE.items()):
        tried()
        lost, path, out = [], paths[number % 4], folder / f"out{number}"
        whole = path.read_bytes()
        path.write_bytes(damaged(whole))
        if wrong := check(run(kind.start(out)), path, (3,)):
            lost.append(f"pick, {what}: {wrong}")
        files = contents(out, kind)
        mine = {name for name in wanted if path.stem in name}
        single = {name for name in wanted if name.startswith("mic_")}
        if any(files.get(name) != wanted[name] for name in single - mine) or mine & {*files}:
            lost.append(f"pick, {what}: the other nine are not as without it")
        if wrong := check(run(train(data, folder / "mics", folder / f"run{number}")), path, (0, 3)):
            lost.append(f"train, {what}: {wrong}")
        path.write_bytes(whole)
        if (again := run([*kind.start(out), "--resume"])).code:
            lost.append(f"pick, {what}: does not go on: {again.last}")
        elif names := differences(contents(out, kind), wanted):
            lost.append(f"pick, {what}: differs in {names}")
        yield lost


def vanish(folder: Path) -> Callable[[], None]:
    """Take a folder away; return what brings it back."""
    away = folder.with_name("away")
    os.rename(folder, away)

    def back() -> None:
        os.rename(away, folder)

    return back


def cut_all(folder: Path) -> Callable[[], None]:
    """Cut all files short, as a drive does whose end is gone; return what restores them."""
    whole = {path: path.read_bytes() for path in folder.glob("*.mrc")}
    for path in whole:
        os.truncate(path, HEADER)

    def back() -> None:
        for path, content in whole.items():
            path.write_bytes(content)

    return back


def try_drive(data: Path, folder: Path, draw: random.Random) -> list[str]:
    """Let the micrographs vanish while they are picked; resume when they are there again."""
    mics, lost = folder / "mics", []
    make_folder(data, mics)
    began = time.monotonic()
    kind = next(each for each in kinds(data) if each.name == "pick")
    run(pick(data, mics, folder / "whole"))
    wanted, takes = contents(folder / "whole", kind), time.monotonic() - began
    for number in range(5):
        tried()
        out = folder / f"out{number}"
        program = Program(pick(data, mics, out))
        moment = draw.uniform(0.1, 0.9) * takes
        time.sleep(moment)
        back = vanish(mics)
        ended, at = program.wait(), f"pick, gone after {moment:.2f} of {takes:.2f} s"
        back()
        if ended.code and (wrong := ended.complaint((2, 3))):
            lost.append(f"{at}: {wrong}")
        if (again := run(pick(data, mics, out, "--resume"))).code:
            lost.append(f"{at}: does not go on: {again.last}")
        elif names := differences(contents(out, kind), wanted):
            lost.append(f"{at}: differs in {names}")
    return lost


def try_watch(data: Path, folder: Path, draw: random.Random) -> list[str]:
    """Let a watched folder vanish, or all its files be cut short, for some seconds."""
    kind = next(each for each in kinds(data) if each.name == "pick")
    mics, out, lost = folder / "mics", folder / "out", []
    make_folder(data, mics)
    run(pick(data, mics, folder / "whole"))
    wanted = contents(folder / "whole", kind)
    for fault in (vanish, cut_all, cut_all):
        tried()
        shutil.rmtree(out, ignore_errors=True)
        program = Program(pick(data, mics, out, "--watch", "--watch-idle", "8"))
        while not list(out.glob("mic_*")):
            time.sleep(0.01)
        time.sleep(draw.uniform(0, 0.5))
        back = fault(mics)
        time.sleep(3)
        back()
        ended = program.wait()
        if ended.code or (fault is vanish and "waiting for it" not in ended.said):
            lost.append(f"watch, {fault.__name__}: ended with {ended.code}: {ended.said[-300:]}")
        elif names := differences(contents(out, kind), wanted):
            lost.append(f"watch, {fault.__name__}: differs in {names}")
    return lost


def try_stall(data: Path, folder: Path) -> list[str]:
    """Put a pipe, which nobody writes to, among the micrographs: opening it would stall."""
    mics, out = folder / "mics", folder / "out"
    tried()
    make_folder(data, mics)
    (mics / "mic_3.mrc").unlink()
    os.mkfifo(mics / "mic_3.mrc")
    wrong = check(run(pick(data, mics, out), patience=60), mics / "mic_3.mrc", (3,))
    return [f"pick, a pipe: {wrong}"] if wrong else []


def corrupt_micrographs(data: Path, folder: Path, draw: random.Random) -> Iterator[list[str]]:
    """Yield what one damaged micrograph in ten cost."""
    yield from try_damage(data, folder)


def lost_drives(data: Path, folder: Path, draw: random.Random) -> Iterator[list[str]]:
    """Yield what a drive that vanishes or stalls cost."""
    (folder / "drive").mkdir()
    yield try_drive(data, folder / "drive", draw)
    (folder / "watch").mkdir()
    yield try_watch(data, folder / "watch", draw)
    (folder / "stall").mkdir()
    yield try_stall(data, folder / "stall")
