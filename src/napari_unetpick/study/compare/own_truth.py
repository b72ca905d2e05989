"""What a project knows of its own truth besides the picks: areas, what a model proposed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from napari_unetpick.evaluation.inputs.truth import Areas
from napari_unetpick.project.annotations import read_marks
from napari_unetpick.project.folder import PICKS
from napari_unetpick.project.pick_table import tell_accepted


def read_excluded(project: Path, keys: Iterable[str], notes: list[str]) -> Areas:
    """Read the excluded areas of some micrographs, by key; note what flatters a model.

    Raises
    ------
    InputError
        A file is damaged.
    """
    marks = {key: read_marks(project / PICKS, key, []) for key in keys}
    if accepted := tell_accepted(each.picks for each in marks.values()):
        notes.append(accepted)
    return {key: each.exclusions for key, each in marks.items() if each.exclusions}
