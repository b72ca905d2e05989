"""What a user said about one micrograph of a project, and its files.

- `<key>.star`: the picks as RELION reads them: coordinates (to 0.001 px) and figure of merit.
- `<key>.extra.csv`: `id,x,y,source,created` of the same rows. The STAR file wins where the two
  disagree (another program edited it, or the computer stopped between the two): rows at the same
  coordinates keep what this file says of them, others get new ids and the source "file".
- `<key>.areas.json`: `negatives` (points), `exclusions` and `complete` (polygons), all
  (row, col); absent where there are none.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import explain_os_error, write_text
from napari_unetpick.io.formats.relion_picks import read_star_picks, write_star
from napari_unetpick.io.labels import Labels, Polygon, State
from napari_unetpick.io.picks import Picks, ReadOptions, join_picks
from napari_unetpick.io.text import escape, parse_numbers, read_table
from napari_unetpick.project.pick_table import MANUAL_SCORE, PickTable, no_points, now

STAR, EXTRA, AREAS = ".star", ".extra.csv", ".areas.json"


@dataclass(frozen=True)
class Marks:
    """Everything a user said about one micrograph.

    Parameters
    ----------
    negatives
        (M, 2) float64 (row, col), pixels of the file: places that are no particles.
    exclusions
        Areas that are ignored in training and never picked.
    complete
        Areas in which every particle is marked.
    """

    picks: PickTable = field(default_factory=PickTable)
    negatives: NDArray[np.float64] = field(default_factory=no_points)
    exclusions: tuple[Polygon, ...] = ()
    complete: tuple[Polygon, ...] = ()

    def __post_init__(self) -> None:
        _check(self.negatives, least=0)
        for polygon in (*self.exclusions, *self.complete):
            _check(polygon, least=3)

    def as_labels(self, state: State) -> Labels:
        """Return the labels that a training reads; `state` says how complete they are."""
        return Labels(state, self.picks.coords, self.negatives, self.exclusions, self.complete)


def write_marks(folder: Path, key: str, marks: Marks) -> None:
    """Write the files of one micrograph, each whole; the picks first, since they win."""
    picks = marks.picks
    write_star(folder / f"{key}{STAR}", Picks(key, picks.coords, picks.scores))
    columns = (picks.ids.tolist(), picks.coords.tolist(), picks.sources, picks.created)
    rows = (
        f"{number},{col:.3f},{row:.3f},{escape(source)},{escape(created)}\n"
        for number, (row, col), source, created in zip(*columns, strict=True)
    )
    write_text(folder / f"{key}{EXTRA}", "id,x,y,source,created\n" + "".join(rows))
    areas = {
        "negatives": marks.negatives.tolist(),
        "exclusions": [polygon.tolist() for polygon in marks.exclusions],
        "complete": [polygon.tolist() for polygon in marks.complete],
    }
    path = folder / f"{key}{AREAS}"
    if any(areas.values()):
        write_text(path, json.dumps(areas, allow_nan=False) + "\n")
        return
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise explain_os_error(error, path) from error


def read_marks(folder: Path, key: str, tell: list[str]) -> Marks:
    """Read the files of one micrograph; what is absent is empty.

    Parameters
    ----------
    tell
        Gets a line where the extras cannot be read: the picks are complete without them.

    Raises
    ------
    InputError
        The STAR or areas file is damaged.
    """
    star = folder / f"{key}{STAR}"
    picks = PickTable()
    if star.exists():
        read = read_star_picks(star, ReadOptions())
        found = join_picks(key, list(read.values()))
        try:
            extras = _read_extras(folder / f"{key}{EXTRA}")
        except InputError as error:
            tell.append(f"{error}: its picks are all there, but get new ids and the source 'file'")
            extras = PickTable()
        picks = _reconcile(found, extras)
    return _read_areas(folder / f"{key}{AREAS}", Marks(picks))


def count_picks(star: Path) -> int:
    """Count the rows of a pick file without reading their numbers; 0 where there is none."""
    try:
        lines = star.read_bytes().splitlines()
    except FileNotFoundError:
        return 0
    heads = (b"#", b"_", b"data_", b"loop_")
    return sum(bool(line) and not line.startswith(heads) for line in map(bytes.strip, lines))


def _read_extras(path: Path) -> PickTable:
    """Read an extras file as a table of manual scores."""
    if not path.exists():
        return PickTable()
    columns = read_table(path, ("id", "x", "y", "source", "created"))
    numbers = {label: parse_numbers(columns[label], label, path) for label in ("id", "x", "y")}
    try:
        return PickTable(
            np.column_stack([numbers["y"], numbers["x"]]),
            np.full(len(numbers["id"]), MANUAL_SCORE),
            numbers["id"].astype(np.int64),
            tuple(columns["source"]),
            tuple(columns["created"]),
        )
    except InputError as error:
        raise InputError(f"{path}: damaged ({error})") from error


def _reconcile(found: Picks, extras: PickTable) -> PickTable:
    """Give each pick of the STAR file the extras of its coordinates, or new ones."""
    places: defaultdict[tuple[float, float], deque[int]] = defaultdict(deque)
    for index, place in enumerate(_thousandths(extras.coords)):
        places[place].append(index)
    matches = [places[p].popleft() if places[p] else -1 for p in _thousandths(found.coords)]
    fresh, today = extras.next_id, now()
    ids, sources, created = [], [], []
    for match in matches:
        known = match >= 0
        ids.append(int(extras.ids[match]) if known else fresh)
        sources.append(extras.sources[match] if known else "file")
        created.append(extras.created[match] if known else today)
        fresh += not known
    scores = np.full(len(found), MANUAL_SCORE) if found.scores is None else found.scores
    scores = np.where(np.isfinite(scores), scores, MANUAL_SCORE)
    return PickTable(found.coords, scores, np.array(ids, np.int64), tuple(sources), tuple(created))


def _thousandths(coords: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Return coordinates as whole numbers of the files' 0.001 px, to be compared."""
    return [(row, col) for row, col in np.rint(coords * 1000).tolist()]


def _read_areas(path: Path, marks: Marks) -> Marks:
    """Add the negatives and areas of a file, if there is one."""
    if not path.exists():
        return marks
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        return Marks(
            marks.picks,
            np.asarray(table.get("negatives") or no_points(), dtype=np.float64),
            *(
                tuple(np.asarray(polygon, dtype=np.float64) for polygon in table.get(kind, []))
                for kind in ("exclusions", "complete")
            ),
        )
    except (InputError, OSError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{path}: the areas are damaged ({error}); mend the file or delete it"
        ) from error


def _check(points: NDArray[np.float64], least: int) -> None:
    """Refuse points or corners that could be written, but not be read again."""
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < least:
        raise InputError("an area needs three or more corners (row, col), a point two numbers")
    if not np.isfinite(points).all():
        raise InputError("a corner or point is not a number")
