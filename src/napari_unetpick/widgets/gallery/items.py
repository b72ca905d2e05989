"""What the gallery shows: picks or candidates of one or all micrographs, gathered in a thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from napari_unetpick.errors import InputError
from napari_unetpick.widgets.qt.workers import Task
from napari_unetpick.widgets.session.snapshot import Snapshot

Kind = Literal["picks", "candidates"]
MOST = 50_000  # more than anybody scrolls through


@dataclass(frozen=True)
class GalleryItem:
    """A pick or a candidate: where, (row, col) pixels of the file, and its score.

    `diameter` is the particle's in pixels of the file, where it is a candidate.
    """

    key: str
    row: float
    col: float
    score: float
    is_pick: bool = False
    diameter: float = 0.0


@dataclass(frozen=True)
class Gathered:
    """Items by score, at most `MOST` of a `total`, and how many micrographs could not be read."""

    items: list[GalleryItem]
    total: int
    unread: int = 0


def gather_items(
    kind: Kind,
    keys: Sequence[str],
    snapshot: Snapshot,
    task: Task,
    *,
    best_first: bool = True,
    most: int = MOST,
) -> Gathered:
    """Gather the picks, or the candidates above the threshold, of some micrographs.

    Where there are more than `most`, those are kept that come first in the order asked for.
    """
    items: list[GalleryItem] = []
    total = unread = 0
    for done, key in enumerate(keys):
        task.step(done, len(keys))
        try:
            found = _picks(key, snapshot) if kind == "picks" else _candidates(key, snapshot)
        except InputError:
            unread += 1
            continue
        total += len(found)
        items += found
        if len(items) > 2 * most:
            items = ordered(items, best_first)[:most]
    return Gathered(ordered(items, best_first)[:most], total, unread)


def ordered(items: Sequence[GalleryItem], best_first: bool) -> list[GalleryItem]:
    """Sort by score; equal ones keep their order."""
    return sorted(items, key=lambda item: item.score, reverse=best_first)


def _picks(key: str, snapshot: Snapshot) -> list[GalleryItem]:
    table = snapshot.marks_of(key).picks
    rows = zip(table.coords, table.scores, strict=True)
    return [GalleryItem(key, *map(float, place), float(score), True) for place, score in rows]


def _candidates(key: str, snapshot: Snapshot) -> list[GalleryItem]:
    found = snapshot.candidates_of(key)
    if found is None:
        return []
    snapshot.open(key)  # of one that cannot be read there is nothing to show
    diameter = snapshot.diameter_px(key) or found.diameter_px
    chosen = snapshot.model.choose_among(found, snapshot.marks_of(key), diameter)
    rows = zip(chosen.coords[chosen.above], chosen.scores[chosen.above], strict=True)
    return [
        GalleryItem(key, *map(float, place), float(score), diameter=diameter)
        for place, score in rows
    ]
