"""What an evaluation compares with: the project's own complete labels, or a file of picks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from napari_unetpick.errors import InputError
from napari_unetpick.evaluation.inputs.truth import Areas, judge_truth
from napari_unetpick.inspection.assign_inspected import assign_inspected
from napari_unetpick.inspection.correction import TRUTH
from napari_unetpick.inspection.inspect_picks import Known
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.images.image import Images
from napari_unetpick.io.images.unmapped import UnmappedImage
from napari_unetpick.io.labels import Polygon
from napari_unetpick.io.picks import Picks, tell_count
from napari_unetpick.project.annotations import describe_accepted
from napari_unetpick.project.project import Entry
from napari_unetpick.widgets.qt.workers import Task
from napari_unetpick.widgets.session.snapshot import OpenMicrograph, Snapshot

Own = Literal["full", "test", "validation"]
LOOKED_AT = 50  # partly labelled micrographs


@dataclass
class Truth:
    """True particles by micrograph key, the micrographs opened, and notes for the user.

    `areas` are those of partly labelled micrographs that are fully labelled inside them;
    `exclusions` are those that a file beside the picks leaves out.
    """

    picks: dict[str, Picks]
    images: dict[str, OpenMicrograph]
    notes: list[str] = field(default_factory=list)
    areas: dict[str, tuple[Polygon, ...]] = field(default_factory=dict)  # truth in them alone
    exclusions: Areas = field(default_factory=dict)


def first_truth(entries: Mapping[str, Entry]) -> Own:
    """Return the split to evaluate on: validation if it is labelled, else test, else all."""
    splits = {entry.split for entry in entries.values() if entry.kept and entry.state == "full"}
    return "validation" if "validation" in splits else "test" if "test" in splits else "full"


def missing_truth(
    source: Own, entries: Mapping[str, Entry], has_area: Callable[[str], bool]
) -> str:
    """Say what some of the project's labels lack to be compared with; "" where nothing.

    Parameters
    ----------
    has_area
        Whether a partly labelled micrograph has an area that is fully labelled. It is asked of
        some at most: where more are partly labelled, the evaluation itself looks.
    """
    chosen = [(key, e) for key, e in entries.items() if source in ("full", e.split)]
    states = {key: entry.state for key, entry in chosen if entry.kept}
    partial = [key for key, state in states.items() if state == "partial"]
    if "full" in states.values() or len(partial) > LOOKED_AT or any(map(has_area, partial)):
        return ""
    return _nothing_labelled(source, len(chosen))


def find_truth(source: Own | Path, snapshot: Snapshot, task: Task) -> Truth:
    """Gather the truth of all micrographs that have one.

    Parameters
    ----------
    source
        A file or folder of picks, or which of the project's fully labelled micrographs.

    Raises
    ------
    InputError
        There is none, with what to do about it.
    Cancelled
        The task was stopped.
    """
    if isinstance(source, Path):
        return _from_file(source, snapshot, task)
    return _from_labels(source, snapshot, task)


def _from_labels(source: Own, snapshot: Snapshot, task: Task) -> Truth:
    chosen = {k: e for k, e in snapshot.entries.items() if source in ("full", e.split)}
    kept = {key: entry for key, entry in chosen.items() if entry.kept}
    areas = {
        key: found
        for key, entry in kept.items()
        if entry.state == "partial" and (found := snapshot.marks_of(key).complete)
    }
    full = [key for key, entry in kept.items() if entry.state == "full" or key in areas]
    if not full:
        raise InputError(_nothing_labelled(source, len(chosen)))
    truth = Truth({}, {}, areas=areas)
    if areas:
        truth.notes.append(
            f"{tell_count(len(areas), 'partly labelled micrograph')} evaluated only inside "
            "fully labelled areas"
        )
    if source != "full" and len(full) < len(chosen):
        left_out = tell_count(len(chosen) - len(full), "micrograph")
        truth.notes.append(f"{left_out} of this split skipped: not fully labelled, or rejected")
    tables = []
    for done, key in enumerate(full):
        task.step(done, len(full))
        if _open(key, snapshot, truth):
            table = snapshot.marks_of(key).picks
            tables.append(table)
            truth.picks[key] = Picks(snapshot.entries[key].micrograph.name, table.coords)
    if accepted := describe_accepted(tables):
        truth.notes.append(accepted)
    return _checked(truth)


def _from_file(path: Path, snapshot: Snapshot, task: Task) -> Truth:
    if not snapshot.entries:
        raise InputError("there are no micrographs: open some first")
    truth = Truth({}, {})
    for done, key in enumerate(snapshot.entries):
        task.step(done, len(snapshot.entries))
        _open(key, snapshot, truth)
    shapes = {key: each.shape for key, each in truth.images.items()}
    sizes = {key: i.pixel_size for key, i in truth.images.items() if i.pixel_size is not None}
    read = read_picks(path, image_shapes=shapes, pixel_sizes=sizes)
    given = [entry.micrograph for entry in snapshot.entries.values()]
    images = Images(shapes, sizes)
    known = Known(images=images, diameter=snapshot.diameter, open_image=UnmappedImage)
    assigned = assign_inspected(read, given, known, name=TRUTH, in_viewer=True)
    opened = {key: each for key, each in assigned.items() if key in truth.images}
    truth.notes.extend(f"truth: {message}" for message in assigned.messages)
    truth.picks, truth.exclusions = judge_truth(
        path, opened, [snapshot.entries[key].micrograph.name for key in truth.images], truth.notes
    )
    rejected = [key for key in truth.picks if not snapshot.entries[key].kept]
    for key in rejected:
        del truth.picks[key]
    if rejected:
        truth.notes.append(f"{tell_count(len(rejected), 'rejected micrograph')} skipped")
    return _checked(truth)


def _open(key: str, snapshot: Snapshot, truth: Truth) -> bool:
    try:
        truth.images[key] = snapshot.open(key)
    except InputError as error:
        truth.notes.append(f"{key} skipped: {error.in_viewer}")
        return False
    return True


def _checked(truth: Truth) -> Truth:
    if not truth.picks:
        reason = truth.notes[0] if truth.notes else "the file names none of these micrographs"
        raise InputError(f"no micrograph has labels to compare with ({reason})")
    return truth


def _nothing_labelled(source: Own, count: int) -> str:
    how = "label one fully in Annotate"
    if source == "full":
        return f"no micrograph is fully labelled yet: {how}, or compare with a pick file"
    if count:
        return (
            f"none of the {tell_count(count, 'micrograph')} of the {source} split is fully "
            f"labelled: {how}"
        )
    return (
        f"no micrograph is in the {source} split: assign some in the Micrographs dock, and label "
        "them fully"
    )
