"""A micrograph's annotations as projects of schema 1 keep them, in three files; they are only read.

- `<key>.star`: the picks as RELION writes them: coordinates and figure of merit.
- `<key>.extra.csv`: `id,x,y,source,created` of the same rows. Picks at the same coordinates (to
  0.001 px) have this source, others "file": another program has edited the STAR file.
- `<key>.areas.json`: `negatives` (points), `exclusions` and `complete` (polygons), all
  (row, col); absent where there are none.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.formats.annotation_file import Annotations
from napari_unetpick.io.formats.relion_picks import read_star_picks
from napari_unetpick.io.labels import polygon
from napari_unetpick.io.picks import Picks, ReadOptions, join_picks
from napari_unetpick.io.text import parse_numbers, read_table

STAR, EXTRA, AREAS = SUFFIXES = (".star", ".extra.csv", ".areas.json")


def read_earlier(folder: Path, key: str, messages: list[str]) -> Annotations:
    """Read the files of one micrograph; see `project.annotations.read_annotations`."""
    star = folder / f"{key}{STAR}"
    picks = Picks("", np.empty((0, 2)), np.empty(0)).made_by("file")
    if star.exists():
        found = join_picks("", list(read_star_picks(star, ReadOptions()).values()))
        scores = np.ones(len(found)) if found.scores is None else found.scores
        sources = _sources(found.coords, folder / f"{key}{EXTRA}", messages)
        picks = Picks("", found.coords, np.where(np.isfinite(scores), scores, 1.0), sources=sources)
    return _with_areas(folder / f"{key}{AREAS}", picks)


def remove_earlier(folder: Path, key: str) -> None:
    """Remove the files of one micrograph: another one has taken their place."""
    for suffix in SUFFIXES:
        with suppress(OSError):  # they are not read any more, and the next opening tries again
            (folder / f"{key}{suffix}").unlink(missing_ok=True)


def count_star(star: Path) -> int:
    """Count the rows of a STAR file without reading their numbers."""
    heads = (b"#", b"_", b"data_", b"loop_")
    lines = map(bytes.strip, star.read_bytes().splitlines())
    return sum(bool(line) and not line.startswith(heads) for line in lines)


def _sources(coords: NDArray[np.float64], path: Path, messages: list[str]) -> NDArray[np.str_]:
    """Return who made each pick: the source in a row of its coordinates, each used once."""
    places: defaultdict[tuple[float, float], deque[str]] = defaultdict(deque)
    try:
        if path.exists():
            table = read_table(path, ("id", "x", "y", "source", "created"))
            x, y = (parse_numbers(table[label], label, path) for label in ("x", "y"))
            rows = zip(_thousandths(np.column_stack([y, x])), table["source"], strict=True)
            for place, source in rows:
                places[place].append(source)
    except InputError as error:
        messages.append(f"{error}: its picks are all there, but get the source 'file'")
        places.clear()
    found = [places[p].popleft() if places[p] else "file" for p in _thousandths(coords)]
    return np.array(found, dtype=np.str_)


def _thousandths(coords: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Return coordinates as whole numbers of the files' 0.001 px, to be compared."""
    return [(row, col) for row, col in np.rint(coords * 1000).tolist()]


def _with_areas(path: Path, picks: Picks) -> Annotations:
    """Return picks with the negatives and areas of a file, if there is one."""
    if not path.exists():
        return Annotations(picks)
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        negatives = np.asarray(table.get("negatives") or np.empty((0, 2)), dtype=np.float64)
        areas = (tuple(map(polygon, table.get(kind, []))) for kind in ("exclusions", "complete"))
        return Annotations(picks, negatives, *areas)
    except (InputError, OSError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{path}: the areas are damaged ({error}); repair the file or delete it"
        ) from error
