"""The file of one micrograph's annotations in a project: JSON, a pick a line.

    {"schema": 1, "columns": ["x", "y", "score", "source"], "picks": [
    [20.25,10.125,1.0,"manual"],
    [7.0,4000.5,0.83,"model"]
    ], "negatives": [[66.0,55.5]], "exclusions": [], "complete": []}

All places are (x, y) in pixels of the micrograph, those of picks to 0.001 px. More columns are
there where they are known: diameter, uncertainty, kind, angle, track; an unknown number is null.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.labels import Labels, Polygon, State, check_places
from napari_unetpick.io.picks import Picks, PickSet, ReadOptions

SUFFIX = ".json"
SCHEMA = 1
COLUMNS = {
    "scores": ("score", np.float64),
    "sources": ("source", np.str_),
    "diameters": ("diameter", np.float64),
    "uncertainties": ("uncertainty", np.float64),
    "kinds": ("kind", np.str_),
    "angles": ("angle", np.float64),
    "tracks": ("track", np.int64),
}
"""Columns of `Picks`: their names in the file, and their types."""
AREAS = ("exclusions", "complete")
DAMAGED = (InputError, OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError)

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


@dataclass(frozen=True)
class Annotations:
    """Everything a user said about one micrograph.

    Parameters
    ----------
    picks
        With scores (1 for manual picks; RELION's figure of merit) and sources: "manual", "model"
        (accepted from its candidates, and looked at by nobody), "file", or another program.
    negatives
        (M, 2) float64 (row, col), pixels of the file: places that are no particles.
    exclusions
        Areas that are ignored in training and never picked.
    complete
        Areas in which every particle is marked.
    """

    picks: Picks = field(default_factory=lambda: Picks("", scores=np.empty(0)).made_by("manual"))
    negatives: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))
    exclusions: tuple[Polygon, ...] = ()
    complete: tuple[Polygon, ...] = ()

    def __post_init__(self) -> None:
        columns, count = self.picks.columns(), len(self.picks)
        if not {"scores", "sources"} <= columns.keys():
            raise InputError("the picks of a project need scores and sources")
        if any(len(column) != count for column in columns.values()):
            raise InputError("the columns of picks need one length")
        if not (np.isfinite(self.picks.coords).all() and np.isfinite(columns["scores"]).all()):
            raise InputError("a coordinate or score of a pick is not a number")
        check_places(self.picks.coords)
        check_places(self.negatives)
        for polygon in (*self.exclusions, *self.complete):
            check_places(polygon, least=3)

    def as_labels(self, state: State) -> Labels:
        """Return the labels that a training reads; `state` says how complete they are."""
        return Labels(state, self.picks.coords, self.negatives, self.exclusions, self.complete)


def format_annotations(content: Annotations) -> str:
    """Return the text of a file."""
    picks = content.picks
    known = picks.columns()
    columns = ["x", "y", *(COLUMNS[name][0] for name in known)]
    values = [np.round(picks.coords[:, 1], 3).tolist(), np.round(picks.coords[:, 0], 3).tolist()]
    values += [_plain(column) for column in known.values()]
    rows = ",\n".join(map(_encode, zip(*values, strict=True)))
    areas = {name: [_xy(area) for area in getattr(content, name)] for name in AREAS}
    rest = _encode({"negatives": _xy(content.negatives), **areas})
    head = f'{{"schema": {SCHEMA}, "columns": {json.dumps(columns)}, "picks": [\n'
    return f"{head}{rows}{chr(10) * bool(rows)}], {rest[1:]}\n"


def parse_annotations(path: Path) -> Annotations:
    """Read a file.

    Raises
    ------
    InputError
        It is damaged, or of a newer version.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        schema = table["schema"]
        if schema <= SCHEMA:
            return Annotations(
                _picks(path.name.removesuffix(SUFFIX), table["columns"], table["picks"]),
                _places(table["negatives"]),
                *(tuple(map(_places, table[name])) for name in AREAS),
            )
    except DAMAGED as error:
        raise InputError(
            f"{path}: the annotations are damaged ({error}); repair the file or restore it "
            "from a copy"
        ) from error
    raise InputError(
        f"{path}: made by a newer version (schema {schema}, this one reads {SCHEMA}); "
        "update napari-unetpick"
    )


def read_annotated(path: Path, options: ReadOptions) -> PickSet:
    """Read the picks of such a file."""
    return PickSet([parse_annotations(path).picks])


def count_rows(path: Path) -> int:
    """Count the picks of a file without reading them, as they are written: one a line."""
    return path.read_bytes().count(b"\n[")


def _plain(column: NDArray[Any]) -> list[Any]:
    """Return a column as JSON holds it: numbers to six decimals, None for what is unknown."""
    if column.dtype.kind != "f":
        return [str(each) for each in column] if column.dtype.kind in "UO" else column.tolist()
    return [None if each != each else round(each, 6) for each in column.tolist()]


def _xy(points: NDArray[np.float64]) -> list[list[float]]:
    plain: list[list[float]] = points[:, ::-1].tolist()
    return plain


def _picks(micrograph: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Picks:
    if any(len(row) != len(columns) for row in rows):
        raise ValueError(f"a pick does not fit the {len(columns)} columns")
    values = {name: [row[place] for row in rows] for place, name in enumerate(columns)}
    coords = _places(list(zip(values["x"], values["y"], strict=True)))
    known: dict[str, NDArray[Any]] = {}
    for name, (column, kind) in COLUMNS.items():
        if column in values:
            if kind is np.str_ and not all(isinstance(each, str) for each in values[column]):
                raise ValueError(f"a {column} is not text")
            known[name] = np.array(values[column], dtype=kind)
    return Picks(micrograph, coords, **known)


def _places(values: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    points = np.array(values, dtype=np.float64) if len(values) else np.empty((0, 2))
    return np.ascontiguousarray(points[:, ::-1])
