"""What the gallery shows: picks or candidates of one or all micrographs, gathered in a thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from napari_unetpick.errors import InputError
from napari_unetpick.widgets.background import Task
from napari_unetpick.widgets.snapshot import Snapshot

Kind = Literal["picks", "candidates"]
MOST = 50_000  # more than anybody scrolls through

CANDIDATE = -1  # id of what is no pick yet


@dataclass(frozen=True)
class GalleryItem:
    """A pick (with its id) or a candidate: where, (row, col) pixels of the file, and its score."""

    key: str
    row: float
    col: float
    score: float
    id: int = CANDIDATE


def gather(kind: Kind, keys: Sequence[str], snapshot: Snapshot, task: Task) -> list[GalleryItem]:
    """Gather the picks, or the candidates above the threshold, of some micrographs.

    Micrographs whose image cannot be opened are passed over: there is nothing to show of them.
    """
    items: list[GalleryItem] = []
    for done, key in enumerate(keys):
        task.step(done, len(keys))
        if len(items) >= MOST:
            break
        if kind == "picks":
            table = snapshot.marks_of(key).picks
            rows = zip(table.coords, table.scores, table.ids.tolist(), strict=True)
            items += [GalleryItem(key, *map(float, c), float(s), i) for c, s, i in rows]
            continue
        found = snapshot.candidates_of(key)
        if found is None:
            continue
        try:
            diameter = snapshot.open(key).diameter_px(snapshot.diameter or found.diameter_px)
        except InputError:
            continue
        chosen = snapshot.model.choose_among(found, snapshot.marks_of(key), diameter)
        kept = zip(chosen.coords[chosen.above], chosen.scores[chosen.above], strict=True)
        items += [GalleryItem(key, *map(float, c), float(s)) for c, s in kept]
    return items[:MOST]
