"""What a user said about one micrograph of a project: picks, negatives, areas; `picks/<key>.json`.

The format is that of `io.formats.annotation_file`. What an older version wrote in three files is
read as it is (see `project.earlier`), until the first change writes the one file in their place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.formats.annotation_file import (
    SUFFIX,
    Annotations,
    format_annotations,
    parse_annotations,
)
from napari_unetpick.io.picks import Picks
from napari_unetpick.project.earlier import read_earlier, remove_earlier

MANUAL_SCORE = 1.0
UNKNOWN = {"kinds": "", "tracks": -1}
"""What stands in the columns of a pick that nothing is known of; NaN in the others."""


def new_picks(
    coords: NDArray[np.float64] | None = None,
    source: str = "manual",
    scores: NDArray[np.float64] | None = None,
) -> Picks:
    """Return picks of one source at (N, 2) (row, col); the score of manual ones is 1."""
    points = np.array([] if coords is None else coords, dtype=np.float64).reshape(-1, 2)
    given = np.full(len(points), MANUAL_SCORE) if scores is None else scores
    return Picks("", points, np.array(given, dtype=np.float64)).made_by(source)


def add_picks(picks: Picks, more: Picks) -> Picks:
    """Return picks with more of them below; what is not known of these stays unknown."""
    given = more.columns()
    columns: dict[str, Any] = {
        name: np.concatenate(
            [column, given.get(name, np.full(len(more), UNKNOWN.get(name, np.nan)))]
        )
        for name, column in picks.columns().items()
    }
    return replace(picks, coords=np.concatenate([picks.coords, more.coords]), **columns)


def remove_at(picks: Picks, places: Collection[tuple[float, float]]) -> Picks:
    """Return the picks that are at none of some places (row, col)."""
    gone = set(places)
    return picks.select(np.array([tuple(each) not in gone for each in picks.coords.tolist()], bool))


def annotation_file(folder: Path, key: str) -> Path:
    """Return the file of one micrograph in a project's folder of picks."""
    return folder / f"{key}{SUFFIX}"


def write_annotations(folder: Path, key: str, annotations: Annotations) -> None:
    """Write the file of one micrograph, whole or not at all; those of an older version go then."""
    write_text(annotation_file(folder, key), format_annotations(annotations))
    remove_earlier(folder, key)


def read_annotations(folder: Path, key: str, messages: list[str]) -> Annotations:
    """Read the file of one micrograph, or those of an older version; what is absent is empty.

    Parameters
    ----------
    messages
        Gets a line where something is missing that the picks are complete without.

    Raises
    ------
    InputError
        A file is damaged.
    """
    path = annotation_file(folder, key)
    found = None if path.exists() else read_earlier(folder, key, messages)
    if found is None or path.exists():  # it may have been converted meanwhile
        found = parse_annotations(path)
    return found


def describe_accepted(every: Iterable[Picks]) -> str:
    """Say how many picks were accepted from a model's candidates; "" where none was."""
    sources = [str(source) for picks in every for source in picks.columns()["sources"]]
    accepted = sources.count("model")
    if not accepted:
        return ""
    return (
        f"{accepted:,} of {len(sources):,} true particles were accepted from a model's "
        "candidates; scores of such a model are too optimistic"
    )
