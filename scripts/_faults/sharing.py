"""Two programs at once: in one output folder, in one run, in one project."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from _faults.planted import Kind, broken, contents, differences, kinds
from _faults.program import Program, run, tried
from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.project.annotations import Annotations, new_picks
from napari_unetpick.project.lock import LOCK_FILE
from napari_unetpick.project.project import Project

WRITERS = 4
TRIES = {"train": 4, "self-train": 4, "pick": 10, "project": 20}


def try_two(kind: Kind, folder: Path, tries: int, draw: random.Random) -> list[str]:
    """Start a command twice, a little apart; one at most may write."""
    whole, lost = folder / kind.name, []
    kind.prepare(whole)
    began = time.monotonic()
    if run(kind.start(whole)).code:
        raise SystemExit(f"{kind.name} does not run")
    wanted, takes = contents(whole, kind), time.monotonic() - began
    for number in range(tries):
        tried()
        out = folder / f"{kind.name}{number:03d}"
        kind.prepare(out)
        resumes = number % 2  # a second --resume while the first is at work
        apart = draw.uniform(0, takes if resumes else takes / 4)
        first = Program(kind.start(out))
        time.sleep(apart)
        second = Program(kind.again(out) if resumes else kind.start(out))
        at = f"{kind.name}, {'--resume ' if resumes else ''}twice, {apart:.2f} s apart"
        ends = [first.wait(), second.wait()]
        for ended in ends:
            if ended.code and (wrong := ended.complaint()):
                lost.append(f"{at}: {wrong}")
        if all(ended.code for ended in ends):
            lost.append(f"{at}: neither came to its end: {ends[0].last} / {ends[1].last}")
        lost += [f"{at}: {each}" for each in broken(out)]
        if names := differences(contents(out, kind), wanted):
            lost.append(f"{at}: differs in {names}")
        shutil.rmtree(out)
    return lost


def write_to(place: Path, mark: int, opened: Path) -> None:
    """Open a project at the same moment as others, and save into it whatever may be."""
    while not opened.exists():
        time.sleep(0.001)
    with Project.open(place) as project:
        if project.read_only:
            return
        print("writes", flush=True)
        for step in range(1, 6):
            for key in project.entries:
                picks = new_picks(np.full((step, 2), float(mark)))
                project.save_annotations(key, Annotations(picks))
                project.change(key, state="partial")
            project.save()
        time.sleep(0.2)


def try_project(data: Path, folder: Path, tries: int, draw: random.Random) -> list[str]:
    """Open a project with several programs at once, some times with a dead one's lock in it."""
    lost = []
    for number in range(tries):
        tried()
        place, start = folder / f"project{number:03d}", folder / f"start{number:03d}"
        Project.create(place, list_micrographs([str(data / "all")]), diameter=260.0).close()
        stale = number % 2
        if stale:
            holder = Program(lambda place=place: (Project.open(place), time.sleep(9)))
            while not (place / LOCK_FILE).exists() or not (place / LOCK_FILE).read_text():
                time.sleep(0.001)  # an empty one is taken for one that is being written
            holder.kill()
            holder.wait()
        programs = [
            Program(lambda mark=mark, place=place, start=start: write_to(place, mark, start))
            for mark in range(1, WRITERS + 1)
        ]
        time.sleep(draw.uniform(0, 0.01))
        start.touch()
        ends = [each.wait() for each in programs]
        at = f"project, {WRITERS} at once{', a dead lock' if stale else ''}"
        writers = sum("writes" in ended.said for ended in ends)
        lost += [f"{at}: {ended.said[-300:]}" for ended in ends if ended.code]
        if writers != 1:
            lost.append(f"{at}: {writers} wrote")
        try:
            with Project.open(place) as project:
                found = [project.annotations(key).picks.coords for key in project.entries]
                marks = {mark for each in found for mark in each.flat}
                if len(marks) > 1 or project.read_only:
                    lost.append(f"{at}: of {marks}")
        except UnetPickError as error:
            lost.append(f"{at}: {error}")
        if leftover := [n for n in os.listdir(place) if n.endswith((".tmp", ".lock"))]:
            lost.append(f"{at}: left {leftover}")
    return lost


def two_programs(data: Path, folder: Path, draw: random.Random) -> Iterator[list[str]]:
    """Yield what two programs at once cost."""
    for kind in kinds(data):
        if kind.name != "export":  # which overwrites what is there, each file whole
            yield try_two(kind, folder, TRIES[kind.name], draw)
    yield try_project(data, folder, TRIES["project"], draw)
