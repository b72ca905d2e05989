"""What the machine does to a program: its clock goes back, rights are lost, memory is full."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from _faults.planted import Kind, broken, contents, differences, kinds
from _faults.program import Program, run, tried
from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.project.annotations import Annotations, new_picks
from napari_unetpick.project.project import Project

NOBODY = 65534
BACK = 3 * 86400.0
"""Seconds that the clock is set back."""
REAL = time.time


def undisturbed(kind: Kind, folder: Path) -> tuple[dict[str, bytes], float]:
    """Return the files that a command comes to, and the seconds that it takes."""
    began = time.monotonic()
    kind.prepare(folder)
    if (ended := run(kind.start(folder))).code:
        raise SystemExit(f"{kind.name}: {ended.said}")
    return contents(folder, kind), time.monotonic() - began


def resume(kind: Kind, out: Path, wanted: dict[str, bytes], at: str) -> list[str]:
    """Resume without the fault; return what was lost."""
    if (again := run(kind.again(out))).code:
        return [f"{at}: does not go on: {again.said[-300:]}"]
    names = differences(contents(out, kind), wanted)
    return [f"{at}: differs in {names}"] if names else []


def set_clock_back() -> None:
    """Have this process see an earlier time, as after the clock was set back."""
    time.time = lambda: REAL() - BACK
    time.time_ns = lambda: int((REAL() - BACK) * 1e9)


def age(folder: Path) -> None:
    """Make all files of a folder as old as they are with the clock set back: of the future."""
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (REAL() + BACK, REAL() + BACK))


def click(place: Path, step: int) -> None:
    """Save one more pick on each micrograph of a project."""
    with Project.open(place) as project:
        for key in project.entries:
            project.annotations(key)  # as a window does first
            picks = new_picks(np.full((step, 2), float(step)))
            project.save_annotations(key, Annotations(picks))
            project.change(key, state="partial")
        project.save()


def clock_set_back(data: Path, folder: Path, draw: random.Random) -> Iterator[list[str]]:
    """Yield what a clock that is set back between two starts cost."""
    for kind in kinds(data):
        wanted, takes = undisturbed(kind, folder / kind.name)
        lost = []
        for number in range(3):
            tried()
            out = folder / f"{kind.name}{number}"
            kind.prepare(out)
            program, moment = Program(kind.start(out)), draw.uniform(0.2, 1.0) * takes
            time.sleep(moment)
            with suppress(ProcessLookupError):
                program.kill()
            program.wait()
            if out.exists():
                age(out)
            at = f"{kind.name}, clock set back after {moment:.2f} of {takes:.2f} s"
            if (ended := run(kind.again(out), set_clock_back)).code:
                lost.append(f"{at}: {ended.said[-300:]}")
            elif names := differences(contents(out, kind), wanted):
                lost.append(f"{at}: differs in {names}")
        yield lost
    place, lost = folder / "project", []
    Project.create(place, list_micrographs([str(data / "all")]), diameter=260.0).close()
    for step in range(1, 9):
        tried()
        if (ended := run(lambda step=step: click(place, step), set_clock_back)).code:
            lost.append(f"project, clock set back: {ended.said[-300:]}")
        age(place)
        with Project.open(place) as project:
            for key, entry in project.entries.items():
                if len(project.annotations(key).picks) != step or entry.picks != step:
                    lost.append(f"project, clock set back: {key} has not what was saved last")
    yield lost


def as_nobody() -> None:
    """Become a user who owns nothing."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def own(folder: Path) -> None:
    """Give a folder to the user who owns nothing."""
    folder.mkdir(exist_ok=True)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)


def lost_rights(data: Path, folder: Path, draw: random.Random) -> Iterator[list[str]]:
    """Yield what files and folders that may not be read or written cost."""
    for each in kinds(data):
        yield [*read_only(each, folder), *turns_read_only(each, folder, draw)]
    yield unreadable(data, folder)
    yield project_without_rights(data, folder)


def read_only(kind: Kind, folder: Path) -> list[str]:
    """Write to a folder of somebody else's."""
    tried()
    out = folder / f"{kind.name}-locked"
    kind.prepare(out)
    out.mkdir(exist_ok=True)
    ended = run(kind.start(out), as_nobody)
    wrong = ended.complaint() or ("" if str(out) in ended.last else f"not named: {ended.last}")
    return [f"{kind.name}, a folder that may not be written to: {wrong}"] if wrong else []


def turns_read_only(kind: Kind, folder: Path, draw: random.Random) -> list[str]:
    """Take the right to write away while a command writes; give it back and resume."""
    whole = folder / f"{kind.name}-whole"
    own(whole.parent)
    wanted, takes = undisturbed(kind, whole)
    lost = []
    for number in range(3):
        tried()
        out = folder / f"{kind.name}{number}"
        kind.prepare(out)
        own(out)
        program, moment = Program(kind.start(out), as_nobody), draw.uniform(0.1, 0.9) * takes
        time.sleep(moment)
        for path in (out, *(each for each in out.rglob("*") if each.is_dir())):
            with suppress(FileNotFoundError):
                path.chmod(0o555)
        ended, at = program.wait(), f"{kind.name}, read-only after {moment:.2f} of {takes:.2f} s"
        if ended.code and (wrong := ended.complaint()):
            lost.append(f"{at}: {wrong}")
        lost += [f"{at}: {each}" for each in broken(out)]
        for path in (out, *(each for each in out.rglob("*") if each.is_dir())):
            path.chmod(0o755)
        lost += resume(kind, out, wanted, at)
    return lost


def unreadable(data: Path, folder: Path) -> list[str]:
    """Read what may not be read: each is named, and of the micrographs the others are picked."""
    lost = []
    for name, codes in {
        "all/ribosome_0002.mrc": (3,),
        "labels.csv": (2,),
        "6.toml": (2,),
        "model/model.safetensors": (2,),
    }.items():
        tried()
        here = folder / "unreadable"
        shutil.copytree(data, here)
        (here / name).chmod(0)
        own(folder / "out")
        by_name = {each.name: each for each in kinds(here)}
        kind = by_name["train" if name in ("labels.csv", "6.toml") else "pick"]
        ended = run(kind.start(folder / "out"), as_nobody)
        wrong = ended.complaint(codes)
        if not wrong and Path(name).name not in ended.said:
            wrong = f"not named: {ended.last}"
        lost += [f"unreadable {name}: {wrong}"] if wrong else []
        shutil.rmtree(here)
        shutil.rmtree(folder / "out")
    return lost


def project_without_rights(data: Path, folder: Path) -> list[str]:
    """Open a project whose files may not be read or written; nothing of it changes."""
    lost, place = [], folder / "project"
    Project.create(place, list_micrographs([str(data / "all")]), diameter=260.0).close()
    click(place, 3)
    own(place)
    picks = sorted((place / "picks").iterdir())[0]
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    for path, mode in {
        place: 0o555,
        place / "project.toml": 0,
        picks: 0,
        place / "picks": 0o555,
    }.items():
        tried()
        was = path.stat().st_mode
        path.chmod(mode)
        ended = run(lambda: say(lambda: click(place, 4)), as_nobody)
        path.chmod(was)
        if ended.code or ";" not in ended.last or str(place) not in ended.last:
            lost.append(f"project, {path.name} with rights {mode:o}: {ended.said[-300:]}")
        now = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
        if mode == 0o555 and any(now.get(path) != before[path] for path in before):
            lost.append(f"project, {path.name} with rights {mode:o}: it was changed")
        before = now
    return lost


def say(work: Callable[[], None]) -> None:
    """Print the line that a user is told."""
    try:
        work()
    except UnetPickError as error:
        print(error)
    else:
        print("nothing was refused")


def limit_memory(more: int) -> None:
    """Allow so many bytes above what this process has mapped."""
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def full_memory(data: Path, folder: Path, draw: random.Random) -> Iterator[list[str]]:
    """Yield what memory that is full at some moment cost."""
    for kind in kinds(data):
        wanted, _ = undisturbed(kind, folder / kind.name)
        lost = []
        for number in range(8):
            tried()
            out = folder / f"{kind.name}{number}"
            kind.prepare(out)
            more = int(2 ** draw.uniform(18, 27))
            ended = run(kind.start(out), lambda more=more: limit_memory(more))
            at = f"{kind.name}, {more / 2**20:.1f} MiB"
            if ended.code and (wrong := ended.complaint()):
                lost.append(f"{at}: {wrong}")
            elif ended.code and "memory is full" not in ended.last:
                lost.append(f"{at}: does not name the memory: {ended.last}")
            lost += [f"{at}: {each}" for each in broken(out)]
            lost += resume(kind, out, wanted, at) if ended.code else []
        yield lost
