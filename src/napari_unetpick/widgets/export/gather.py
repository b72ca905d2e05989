"""What of a project is exported: picks and candidates of its kept micrographs, read in a thread."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_unetpick.errors import InputError, UnetPickError
from napari_unetpick.export.write import (
    ExportItem,
    ExportOptions,
    ExportResult,
    differ,
    export_picks,
)
from napari_unetpick.io.picks import Picks, tell_count
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.widgets.qt.workers import Task
from napari_unetpick.widgets.session.snapshot import Snapshot
from napari_unetpick.widgets.train.job import PREVIEW


def export_project(
    snapshot: Snapshot, out: Path, options: ExportOptions, task: Task
) -> ExportResult:
    """Write the picks of a project's kept micrographs to a folder.

    Raises
    ------
    InputError
        There is nothing to write, or it cannot be written.
    Cancelled
        The task was stopped.
    """
    kept = [key for key, entry in snapshot.entries.items() if entry.kept]
    items, notes, untouched = [], [], 0
    models: Counter[str] = Counter()
    for number, key in enumerate(kept):
        task.step(number, len(kept))
        try:
            item = make_item(snapshot, key, models)
        except UnetPickError as error:
            notes.append(f"{key} skipped: {error.in_viewer}")
            continue
        if item is None:
            untouched += 1
        else:
            items.append(item)
    if not items:
        raise InputError(notes[0] if notes else _nothing(len(kept), len(snapshot.entries)))
    if untouched:
        notes.append(f"{tell_count(untouched, 'micrograph')} without labels or candidates skipped")
    if rejected := len(snapshot.entries) - len(kept):
        notes.append(f"{tell_count(rejected, 'rejected micrograph')} skipped")
    if options.what != "picks":
        notes += _other_models(models, snapshot.model.name)
    result = export_picks(_as_wide(items), out, options, lambda: task.step(len(kept), len(kept)))
    return replace(result, messages=(*result.messages, *notes))


def make_item(
    snapshot: Snapshot, key: str, models: Counter[str] | None = None
) -> ExportItem | None:
    """Gather what can be exported of a micrograph; None where nobody has looked at it yet.

    Parameters
    ----------
    models
        Counts which model found the candidates.

    Raises
    ------
    InputError
        A file of the project is damaged, or the particle diameter is unknown.
    """
    entry, marks = snapshot.entries[key], snapshot.marks_of(key)
    found = snapshot.candidates_of(key)
    if found is not None and found.model == PREVIEW:  # those of the last picking are in the file
        found = replace(snapshot, candidates={}).candidates_of(key)
    if found is None and not len(marks.picks) and entry.state != "full":
        return None
    shape = None
    with suppress(InputError):  # the image is away: its picks are not lost, and the result says so
        shape = snapshot.open(key).shape
    diameter_px = _diameter_px(snapshot, key, found, is_away=shape is None)
    candidates = Picks("", scores=np.empty(0))
    if found is not None:
        if models is not None:
            models[found.model] += 1
        chosen = snapshot.model.choose_among(found, marks, snapshot.diameter_px(key))
        candidates = Picks("", chosen.coords[chosen.above], chosen.scores[chosen.above])
    return ExportItem(
        entry.micrograph, marks.picks, candidates, diameter_px, marks.exclusions, shape
    )


def _diameter_px(
    snapshot: Snapshot, key: str, found: Candidates | None, is_away: bool
) -> float | None:
    """Return the diameter in pixels of the file; None where the size is away with the image."""
    known = snapshot.diameter_px(key)
    if known is not None:
        return known
    if found is not None:
        return found.diameter_px
    diameter = diameter_of(snapshot)
    if diameter is None:
        raise InputError("the particle diameter is not set: measure it in Annotate first")
    size = snapshot.sizes.of(snapshot.entries[key].micrograph)
    if size is None and is_away:
        return None
    return diameter / (size or 1.0)  # where nobody knows the size, A count as pixels


def _as_wide(items: list[ExportItem]) -> list[ExportItem]:
    """Take particles for as wide as in all others where the pixel size is away, if those agree."""
    known = [item.diameter_px for item in items if item.diameter_px is not None]
    if not known or differ(known):
        return items
    return [replace(item, diameter_px=item.diameter_px or known[0]) for item in items]


def diameter_of(snapshot: Snapshot) -> float | None:
    """Return the project's diameter in A, else the one that the model was trained for."""
    if snapshot.diameter is not None:
        return snapshot.diameter
    known = snapshot.model.card.get("diameter")
    return float(known) if isinstance(known, int | float) else None


def _other_models(models: Counter[str], now: str) -> list[str]:
    """Say where the candidates are not those of the model in use, whose scores they are given."""
    others = {name: count for name, count in models.items() if now and name not in ("", now)}
    if not others:
        return []
    return [
        f"candidates in {tell_count(sum(others.values()), 'micrograph')} come from "
        f"{', '.join(sorted(others))}, not from {now}: pick again to export those of {now}"
    ]


def _nothing(kept: int, total: int) -> str:
    if not total:
        return "nothing to export: open micrographs first, in Micrographs"
    if not kept:
        return "nothing to export: every micrograph is rejected"
    return "nothing to export yet: pick with a model (step Pick), or mark particles in Annotate"
