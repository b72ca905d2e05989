"""What the window of classes does in a thread: gather and sort picks, or read another program's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_unetpick.classes.outside import as_classes, read_outside
from napari_unetpick.classes.sorting import ToSort, sort_picks
from napari_unetpick.classes.table import Classes
from napari_unetpick.errors import InputError
from napari_unetpick.io.assign import assign_picks
from napari_unetpick.io.images.image import open_images
from napari_unetpick.io.picks import Picks, ReadOptions
from napari_unetpick.widgets.gallery.items import Kind, gather_items
from napari_unetpick.widgets.qt.workers import Task
from napari_unetpick.widgets.session.snapshot import Snapshot


@dataclass(frozen=True)
class Sorted:
    """Classes by micrograph key, and the score of each pick, (N,), NaN where it has none.

    `kind` is "outside" for those of another program. `complete`: they are of a whole picking,
    not of a user's clicks.
    """

    classes: Classes
    scores: np.ndarray
    kind: str
    complete: bool = True
    messages: tuple[str, ...] = ()


def sort_gathered(kind: Kind, keys: Sequence[str], snapshot: Snapshot, task: Task) -> Sorted:
    """Gather picks, or candidates above the threshold, and sort them into quick classes.

    Raises
    ------
    InputError
        There are too few of them, or their diameter is not known.
    """
    found = gather_items(kind, keys, snapshot, task)
    by_key: dict[str, list[tuple[float, float]]] = {}
    score_of: dict[tuple[str, float, float], float] = {}
    for item in found.items:
        by_key.setdefault(item.key, []).append((item.row, item.col))
        score_of[item.key, item.row, item.col] = item.score
    sets = []
    for key, places in by_key.items():
        diameter = snapshot.diameter_px(key)
        if diameter is None:
            raise InputError("the particle diameter is not known; enter it in Annotate")
        micrograph = replace(snapshot.entries[key].micrograph, name=key)
        sets.append(ToSort(micrograph, Picks(key, np.array(places)), diameter))
    sets.sort(key=lambda each: each.micrograph.name)

    def step(stage: str, done: int, total: int) -> None:
        part = 0.4 if stage == "cutting" else 0.6  # of the whole: about as long as they take
        task.step(round(1000 * ((stage != "cutting") * 0.4 + part * done / total)), 1000)

    made, messages = sort_picks(sets, step)
    rows = zip(made.micrographs.tolist(), *made.coords.T.tolist(), strict=True)
    scores = np.array([score_of[row] for row in rows])
    if found.unread:
        messages.append(f"{found.unread:,} micrographs could not be read")
    return Sorted(made, scores, kind, _is_complete(kind, by_key, snapshot), tuple(messages))


def _is_complete(kind: Kind, keys: Iterable[str], snapshot: Snapshot) -> bool:
    """Tell whether most are a model's: it looked everywhere."""
    if kind == "candidates":
        return True
    tables = [snapshot.marks_of(key).picks.columns()["sources"] for key in keys]
    return bool((np.concatenate(tables) == "model").mean() >= 0.5)


def import_outside(accepted: Path, other: Path, snapshot: Snapshot, task: Task) -> Sorted:
    """Read accepted and rejected particles of another program as two classes.

    Raises
    ------
    InputError
        A file cannot be used, or has no particles of these micrographs.
    """
    given = [replace(entry.micrograph, name=key) for key, entry in snapshot.entries.items()]
    task.step(0, 1000)
    images = open_images(given)
    options = ReadOptions(images.shapes, pixel_sizes=images.pixel_sizes)
    found = read_outside(accepted, other, options)
    kept, rejected = (
        assign_picks(part, given, images.shapes) for part in (found.kept, found.rejected)
    )
    sizes = {key: snapshot.diameter_px(key) for key in {*kept, *rejected}}
    known = {key: size for key, size in sizes.items() if size is not None}
    if len(known) < len(sizes):
        raise InputError("the particle diameter is not known; enter it in Annotate")
    made = as_classes(kept, rejected, known)
    messages = tuple(dict.fromkeys([*kept.messages, *rejected.messages]))
    return Sorted(made, np.full(len(made), np.nan), "outside", messages=messages)
