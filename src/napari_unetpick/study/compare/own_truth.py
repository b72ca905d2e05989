"""What is known of a truth besides its picks: completeness, areas, what a model proposed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from napari_unetpick.errors import InputError
from napari_unetpick.io.labels import Polygon
from napari_unetpick.io.picks import tell_count
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


def fully_labelled(
    labelled: Iterable[str], states: Mapping[str, str], truth: Path, notes: list[str]
) -> set[str]:
    """Return the keys of what can be scored: an empty micrograph needs a state, but no rows.

    Parameters
    ----------
    labelled
        Keys of the micrographs that the truth names.
    states
        What a project, or `labels.csv` beside the truth, says; else they are complete.
    """
    full = {key for key, state in states.items() if state == "full"}
    left = {key for key in labelled if states.get(key, "full") != "full"}
    if left:
        notes.append(
            f"{tell_count(len(left), 'micrograph')} of the truth (such as {min(left)}) not fully "
            f"labelled, as labels.csv beside it says: not scored"
        )
    if not (found := (full | set(labelled)) - left):
        raise InputError(
            f"{truth}: no micrograph is fully labelled, as labels.csv beside it says; what is "
            "not marked is unknown there, so precision cannot be measured"
        )
    return found
