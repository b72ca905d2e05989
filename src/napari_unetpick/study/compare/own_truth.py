"""A project's own truth: areas that do not count, and how much of it a model proposed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from napari_unetpick.io.labels import Polygon, inside_any
from napari_unetpick.io.picks import Picks
from napari_unetpick.io.project_files import PICKS
from napari_unetpick.io.project_marks import read_marks
from napari_unetpick.io.project_picks import tell_accepted

Areas = Mapping[str, tuple[Polygon, ...]]


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


def leave_out(picks: Mapping[str, Picks], excluded: Areas) -> dict[str, Picks]:
    """Leave out the picks in excluded areas, by key."""
    return {
        key: each.select(~inside_any(each.coords, excluded[key])) if key in excluded else each
        for key, each in picks.items()
    }
