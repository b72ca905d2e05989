"""The picks of one micrograph of a project as a table: where, how sure, who made them and when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError

MANUAL_SCORE = 1.0


def no_points() -> NDArray[np.float64]:
    """Return (0, 2) coordinates."""
    return np.empty((0, 2))


@dataclass(frozen=True)
class PickTable:
    """The hand-made and accepted picks of one micrograph; all columns have one length.

    Parameters
    ----------
    coords
        (N, 2) float64 (row, col), pixels of the file.
    scores
        (N,) float64, 1.0 for manual picks; RELION's figure of merit.
    ids
        (N,) int64, unique in the micrograph.
    sources
        "manual", "model", "file", or who else made the pick.
    created
        ISO 8601, UTC, to the second.
    """

    coords: NDArray[np.float64] = field(default_factory=no_points)
    scores: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    ids: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    sources: tuple[str, ...] = ()
    created: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.coords)
        columns = (self.scores, self.ids, self.sources, self.created)
        if self.coords.shape != (count, 2) or any(len(column) != count for column in columns):
            raise InputError("the columns of a pick table need one length")
        if not (np.isfinite(self.coords).all() and np.isfinite(self.scores).all()):
            raise InputError("a coordinate or score of a pick is not a number")
        if len(np.unique(self.ids)) != count:
            raise InputError("two picks of a micrograph have one id")

    def __len__(self) -> int:
        return len(self.coords)

    @property
    def next_id(self) -> int:
        """An id that no pick of this table has."""
        return int(self.ids.max()) + 1 if len(self) else 0

    @classmethod
    def empty(cls) -> PickTable:
        """Return a table without picks."""
        return cls()

    @classmethod
    def from_coords(
        cls,
        coords: NDArray[np.float64],
        source: str = "manual",
        scores: NDArray[np.float64] | None = None,
        first_id: int = 0,
    ) -> PickTable:
        """Return new picks of one source, made now, with the ids first_id, first_id + 1, ..."""
        points = np.array(coords, dtype=np.float64).reshape(-1, 2)
        count = len(points)
        given = np.full(count, MANUAL_SCORE) if scores is None else scores
        return cls(
            points,
            np.array(given, dtype=np.float64),
            np.arange(first_id, first_id + count, dtype=np.int64),
            (source,) * count,
            (now(),) * count,
        )

    def select(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> PickTable:
        """Return the picks at a mask or at indices, with all that belongs to them."""
        rows = np.arange(len(self))[keep].tolist()
        return PickTable(
            self.coords[rows].reshape(-1, 2),
            self.scores[rows],
            self.ids[rows],
            tuple(self.sources[row] for row in rows),
            tuple(self.created[row] for row in rows),
        )


def tell_accepted(tables: Iterable[PickTable]) -> str:
    """Say how many picks were accepted from a model's candidates; "" where none was."""
    sources = [source for table in tables for source in table.sources]
    accepted = sources.count("model")
    if not accepted:
        return ""
    return (
        f"{accepted:,} of {len(sources):,} true particles were accepted from a model's "
        "candidates, which flatters such a model"
    )


def now() -> str:
    """Return the time as `created` holds it: ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
