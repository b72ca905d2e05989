"""What a project knows of its own truth besides the picks: areas, what a model proposed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from napari_unetpick.evaluation.inputs.truth import Areas
from napari_unetpick.project.annotations import describe_accepted, read_annotations
from napari_unetpick.project.folder import PICKS


def read_excluded(project: Path, keys: Iterable[str], notes: list[str]) -> Areas:
    """Read the excluded areas of some micrographs, by key; note what makes scores optimistic.

    Raises
    ------
    InputError
        A file is damaged.
    """
    marks = {key: read_annotations(project / PICKS, key, []) for key in keys}
    if accepted := describe_accepted(each.picks for each in marks.values()):
        notes.append(accepted)
    return {key: each.exclusions for key, each in marks.items() if each.exclusions}
