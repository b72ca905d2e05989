"""Files of finished work that are cut short, or hold zeros, as after a crash of the machine."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from _faults.planted import Kind, contents, kinds
from _faults.program import Ended, run, tried
from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.project.annotations import Annotations, new_picks
from napari_unetpick.project.project import Project

TRIES = {"train": 20, "self-train": 24, "pick": 40, "reading": 40, "project": 200}
PARTS = {"picks.csv": ("(labels;",), "model.safetensors": ("(supervised;",)}
UNREAD = {"training.log", "record.json", "labels.csv"}  # a log, and what is written only


def damage(path: Path, draw: random.Random) -> str:
    """Cut a file short, inside a line, or fill its end with zeros; return what was done."""
    whole = path.read_bytes()
    kept = draw.randrange(1, len(whole))
    kept += whole[kept - 1] == ord("\n")  # a table cut between rows is a table
    zeros = draw.random() < 0.25
    path.write_bytes(whole[:kept] + bytes(len(whole) - kept if zeros else 0))
    return f"{path.name} {'zeros from' if zeros else 'cut at'} {kept} of {len(whole)}"


def names(ended: Ended, path: Path) -> bool:
    """Tell whether a command named a damaged file, or what of a run it belongs to."""
    return any(word in ended.said for word in (path.name, path.stem, *PARTS.get(path.name, ())))


def try_again(kind: Kind, folder: Path, tries: int, draw: random.Random) -> list[str]:
    """Damage a file of a finished command and resume; it is named, or made again."""
    whole, lost = folder / kind.name, []
    kind.prepare(whole)
    if run(kind.start(whole)).code:
        raise SystemExit(f"{kind.name} does not run")
    wanted = contents(whole, kind)
    files = [p for p in sorted(whole.rglob("*")) if p.is_file() and p.stat().st_size]
    files = [p for p in files if p.name not in UNREAD]
    for number in range(tries):
        tried()
        out = folder / f"{kind.name}{number:03d}"
        shutil.copytree(whole, out)
        path = out / files[number % len(files)].relative_to(whole)
        what = f"{kind.name}: {damage(path, draw)}"
        ended = run(kind.again(out))
        found = contents(out, kind)
        if ended.code and (wrong := ended.complaint()):
            lost.append(f"{what}: {wrong}")
        elif ended.code and not names(ended, path):
            lost.append(f"{what}: is not named: {ended.last}")
        elif not ended.code and found != wanted and f"{path.name}) changed" not in ended.said:
            lost.append(f"{what}: passes for whole: {ended.last}")
        shutil.rmtree(out)
    return lost


def try_reading(data: Path, folder: Path, tries: int, draw: random.Random) -> list[str]:
    """Damage what other commands read: a model, picks in each format, and labels."""
    lost, picked = [], folder / "picked"
    pick = next(each for each in kinds(data) if each.name == "pick")
    shutil.copytree(data / "model", folder / "run")
    if run(pick.start(picked)).code:
        raise SystemExit("pick does not run")
    shutil.copy(data / "all" / "picks.csv", picked / "truth.csv")
    table = {
        folder / "run" / "model.safetensors": ["info"],
        **{
            picked / name: ["evaluate", "--truth", str(picked / "truth.csv"), "--diameter", "260"]
            for name in ("picks.csv", "picks.star")
        },
        picked / "ribosome_0001.cbox": ["convert", str(folder / "x.csv"), "--to", "csv"],
        picked / "ribosome_0001.box": ["convert", str(folder / "x.csv"), "--to", "csv"],
    }
    more = ["--micrographs", str(data / "all")]
    for number in range(tries):
        tried()
        path, words = list(table.items())[number % len(table)]
        before = path.read_bytes()
        what = f"{words[0]}: {damage(path, draw)}"
        again = [words[0], str(path), *words[1:], *(more if words[0] != "info" else [])]
        ended = run(again)
        if ended.code and (wrong := ended.complaint((2, 3))):
            lost.append(f"{what}: {wrong}")
        elif not names(ended, path):
            lost.append(f"{what}: passes for whole: {ended.last}")
        path.write_bytes(before)
    return lost


def try_project(data: Path, folder: Path, tries: int, draw: random.Random) -> list[str]:
    """Damage each file of a project, open it, and save it again."""
    lost, place = [], folder / "project"
    with Project.create(place, list_micrographs([str(data / "all")]), diameter=260.0) as project:
        for step, key in enumerate(project.entries, 1):
            project.save_annotations(key, Annotations(new_picks(np.full((9, 2), float(step)))))
            project.change(key, state="full")
        project.save()
    files = [p for p in sorted(place.rglob("*")) if p.is_file() and p.suffix != ".lock"]
    for number in range(tries):
        tried()
        copy = folder / f"project{number:03d}"
        shutil.copytree(place, copy)
        path = copy / files[number % len(files)].relative_to(place)
        what = f"project: {damage(path, draw)}"
        try:
            with Project.open(copy) as project:
                found = {key: project.annotations(key).picks.coords for key in project.entries}
                states = {entry.state for entry in project.entries.values()}
                rows = [np.all(c == n) and len(c) == 9 for n, c in enumerate(found.values(), 1)]
                if len(rows) != 6 or not all(rows) or states != {"full"} or not project.diameter:
                    lost.append(f"{what}: passes for whole")
        except UnetPickError as error:
            if path.name not in str(error):
                lost.append(f"{what}: is not named: {error}")
        except Exception as error:
            lost.append(f"{what}: {type(error).__name__}: {error}")
    return lost


def damaged_files(data: Path, folder: Path, draw: random.Random) -> Iterator[list[str]]:
    """Yield what passed for whole, or was not named."""
    for kind in kinds(data):
        if kind.name != "export":  # which overwrites what is there
            yield try_again(kind, folder, TRIES[kind.name], draw)
    yield try_reading(data, folder, TRIES["reading"], draw)
    yield try_project(data, folder, TRIES["project"], draw)
