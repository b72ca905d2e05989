"""A disk that fills up at some write of a command, and has room again when it is resumed."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from _faults.planted import Kind, broken, contents, differences, kinds
from _faults.program import Program, run, tried
from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.project.annotations import Annotations, new_picks
from napari_unetpick.project.project import Project

ROOM = 2**30
FILES = 10_000
TRIES = {"train": 6, "self-train": 6, "pick": 15, "export": 12, "project": 12}
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class Disk:
    """A small file system whose room can be changed.

    Parameters
    ----------
    place
        Where it is mounted.
    """

    def __init__(self, place: Path) -> None:
        self.place = place

    def resize(self, room: int = ROOM, files: int = FILES) -> None:
        """Give it so many bytes and files."""
        how = f"remount,size={room},nr_inodes={files}"
        subprocess.run(["mount", "-o", how, str(self.place)], check=True)

    def leave(self, room: int, files: int = FILES) -> None:
        """Leave so many bytes and files above what is used."""
        used, entries = self.used()
        self.resize(max(used + room, PAGE), entries + files)

    def used(self) -> tuple[int, int]:
        """Return the bytes and files that are used."""
        now = os.statvfs(self.place)
        return (now.f_blocks - now.f_bfree) * now.f_frsize, now.f_files - now.f_ffree


@contextmanager
def mounted(place: Path) -> Iterator[Disk]:
    """Mount a disk; it is gone afterwards, whoever still uses it."""
    place.mkdir(parents=True, exist_ok=True)
    how = f"size={ROOM},nr_inodes={FILES}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", how, "tmpfs", str(place)], check=True)
    try:
        yield Disk(place)
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def can_mount() -> bool:
    """Tell whether this process may mount."""
    return os.geteuid() == 0 and not subprocess.call(["unshare", "--mount", "true"])


def needs(disk: Disk, program: Program) -> tuple[int, int]:
    """Return the most bytes and files that a program used above what was there."""
    before, most = disk.used(), [0, 0]

    def look() -> None:
        for n, (now, then) in enumerate(zip(disk.used(), before, strict=True)):
            most[n] = max(most[n], now - then)

    if (ended := program.wait(look=look)).code:
        raise SystemExit(f"{ended.code}: {ended.said}")
    return most[0], most[1]


def try_command(kind: Kind, folder: Path, tries: int, draw: random.Random) -> list[str]:
    """Fill the disk up under a command; return what was lost."""
    lost = []
    with mounted(folder) as disk:
        whole = folder / "whole"
        kind.prepare(whole)
        most = needs(disk, Program(kind.start(whole)))
        wanted = contents(whole, kind)
        for number in range(tries):
            tried()
            with mounted(folder / f"{number:03d}") as small:
                out = small.place / "out"
                kind.prepare(out)
                limit = by_files = number % 3 == 2
                share = (number + draw.random()) / tries
                room = ROOM if by_files else round(share * most[0]) // PAGE * PAGE
                small.leave(room, 1 + int(share * most[1]) if by_files else FILES)
                at = f"{kind.name}, {share:.0%} of the {'files' if limit else 'room'} that it needs"
                ended = run(kind.start(out))
                if ended.code and (wrong := ended.complaint()):
                    lost.append(f"{at}: {wrong}")
                if ended.code and "no space left" not in ended.last and "GiB" not in ended.last:
                    lost.append(f"{at}: does not name the disk: {ended.last}")
                lost += [f"{at}: {each}" for each in broken(out)]
                small.resize()
                if (again := run(kind.again(out) if ended.code else ["--version"])).code:
                    lost.append(f"{at}: does not go on: {again.said[-300:]}")
                elif names := differences(contents(out, kind), wanted):
                    lost.append(f"{at}: differs in {names}")
    return lost


def edit(place: Path) -> None:
    """Click in a project; print what is saved, or why it is not."""
    with Project.open(place) as project:
        keys = list(project.entries)
        for step in range(1, 41):
            try:
                picks = new_picks(np.full((step * 50, 2), float(step)))
                project.save_annotations(keys[step % len(keys)], Annotations(picks))
                project.change(keys[step % len(keys)], state="partial")
                project.save()
                print("saved", keys[step % len(keys)], step)
            except UnetPickError as error:
                print("unetpick:", error)


def try_project(data: Path, folder: Path, tries: int, draw: random.Random) -> list[str]:
    """Fill the disk up under a project that is edited."""
    lost = []
    for number in range(tries):
        tried()
        with mounted(folder / f"project{number:03d}") as disk:
            place = disk.place / "project"
            Project.create(place, list_micrographs([str(data / "all")]), diameter=260.0).close()
            room = draw.randrange(40) * PAGE
            disk.leave(room)
            ended, at = run(lambda place=place: edit(place)), f"project, {room} bytes left"
            if ended.code or "Traceback" in ended.said:
                lost.append(f"{at}: {ended.said[-300:]}")
            disk.resize()
            saved = [line.split() for line in ended.said.splitlines() if line.startswith("saved")]
            last = {key: int(step) for _, key, step in saved}
            try:
                with Project.open(place) as project:
                    for key in project.entries:
                        picks = project.annotations(key).picks.coords
                        step = len(picks) // 50
                        whole = len(picks) == step * 50 and np.all(picks == step)
                        if step < last.get(key, 0) or not whole:
                            lost.append(f"{at}: {key} has not what was saved")
                        if key in last and project.entries[key].state != "partial":
                            lost.append(f"{at}: {key} has lost its state")
                    project.dirty = True
                    project.save()
            except UnetPickError as error:
                lost.append(f"{at}: {error}")
    return lost


def full_disk(data: Path, folder: Path, draw: random.Random) -> Iterator[list[str]]:
    """Yield what was lost at each command, and the project."""
    for kind in kinds(data):
        yield try_command(kind, folder / kind.name, TRIES[kind.name], draw)
    yield try_project(data, folder, TRIES["project"], draw)
