"""Particles on a micrograph as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.io.names import match_names


@dataclass(frozen=True)
class Picks:
    """Particles on one micrograph: coordinates, and columns of one value a pick, or None.

    Parameters
    ----------
    micrograph
        The micrograph's name as the file wrote it (it may carry folders and an extension).
    coords
        (N, 2) float64, (row, col), pixels of the stored micrograph, pixel centres at integers.
    scores
        (N,) float64: in [0, 1] if this program made them, else the figure of merit as the other
        program wrote it (Topaz' logits become probabilities). NaN where a single one is unknown.
    diameters
        (N,) float64, pixels; NaN where a single one is unknown.
    sources
        (N,) str, who made each: "manual", "model", a program's name, or "".
    uncertainties
        (N,) float64: how far the members of an ensemble are apart on a pick, as the standard
        deviation of their scores.
    kinds
        (N,) str, the kind of particle, where several are picked.
    angles
        (N,) float64, degrees: in-plane angle, such as that of a filament's segment.
    tracks
        (N,) int64, the filament (RELION's helical tube) that a segment belongs to; -1 for none.
    """

    micrograph: str
    coords: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))
    scores: NDArray[np.float64] | None = None
    diameters: NDArray[np.float64] | None = None
    sources: NDArray[np.str_] | None = None
    uncertainties: NDArray[np.float64] | None = None
    kinds: NDArray[np.str_] | None = None
    angles: NDArray[np.float64] | None = None
    tracks: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.coords)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the columns that are known, by name."""
        values = {name: getattr(self, name) for name in COLUMNS}
        return {name: column for name, column in values.items() if column is not None}

    def select(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> Picks:
        """Return the picks at a mask or at indices, with all that belongs to them."""
        kept: dict[str, Any] = {name: column[keep] for name, column in self.columns().items()}
        return replace(self, coords=self.coords[keep], **kept)

    def made_by(self, source: str) -> Picks:
        """Return the picks with one source for all."""
        return replace(self, sources=np.full(len(self), source))


FARTHEST = 1e7  # px: no micrograph is so large, and coordinates and boxes stay whole numbers
COLUMNS = ("scores", "diameters", "sources", "uncertainties", "kinds", "angles", "tracks")


def typical_diameter(picks: Picks) -> float | None:
    """Return the median diameter in pixels, or None where none is known."""
    sizes = np.empty(0) if picks.diameters is None else picks.diameters
    known = sizes[np.isfinite(sizes)]
    return float(np.median(known)) if len(known) else None


def count_unscored(every: Iterable[Picks]) -> int:
    """Count the picks whose score is unknown."""
    return sum(len(p) if p.scores is None else int((~np.isfinite(p.scores)).sum()) for p in every)


class PickSet(dict[str, Picks]):
    """Picks by micrograph: name as written in their file, or key; with messages for the user.

    Parameters
    ----------
    picks
        One entry a micrograph, by its name.
    messages
        Messages for the user, one line each.
    source
        The file or folder that they were read from, if any.
    """

    def __init__(
        self, picks: Iterable[Picks] = (), messages: Iterable[str] = (), source: str = ""
    ) -> None:
        super().__init__((each.micrograph, each) for each in picks)
        self.messages: list[str] = list(messages)
        self.source = source


@dataclass(frozen=True)
class ReadOptions:
    """What some formats need to know beyond the file.

    Parameters
    ----------
    image_shapes
        (rows, columns) by micrograph name or key: CryoPPP counts its rows from the other end.
    pixel_size
        A/px of all micrographs, as the user says: for the shifts of aligned particles.
    scale
        What coordinates and diameters are multiplied by: for picks made on downsampled images.
        `image_shapes` and the pixel sizes are the micrographs' own all the same.
    pixel_sizes
        A/px by micrograph name or key, where `pixel_size` is not given.
    recentre
        Whether the shifts of aligned particles count.
    """

    image_shapes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    pixel_size: float | None = None
    scale: float = 1.0
    pixel_sizes: Mapping[str, float] = field(default_factory=dict)
    recentre: bool = True

    def shape_of(self, micrograph: str) -> tuple[int, int] | None:
        """Return (rows, columns) of a micrograph if it is known, by a name that matches its own."""
        own = match_names([micrograph], self.image_shapes).pairs.get(micrograph)
        return None if own is None else self.image_shapes[own]

    def pixel_sizes_of(self, micrographs: Sequence[str]) -> NDArray[np.float64]:
        """Return A/px of the micrograph of each pick, (N,), NaN where it is unknown."""
        if self.pixel_size is not None or not self.pixel_sizes:
            return np.full(len(micrographs), self.pixel_size or np.nan)
        own = match_names(micrographs, self.pixel_sizes).pairs
        known = {name: self.pixel_sizes[key] for name, key in own.items()}
        return np.array([known.get(name, np.nan) for name in micrographs], np.float64)


def join_picks(micrograph: str, parts: Sequence[Picks]) -> Picks:
    """Put picks of one micrograph together; a column stays where all parts have it."""
    if len(parts) == 1:
        return replace(parts[0], micrograph=micrograph)
    tables = [part.columns() for part in parts]
    shared = [name for name in COLUMNS if all(name in table for table in tables)]
    joined: dict[str, Any] = {n: np.concatenate([table[n] for table in tables]) for n in shared}
    return Picks(micrograph, np.concatenate([part.coords for part in parts]), **joined)


def tell_count(count: int, noun: str) -> str:
    """Return "1 pick", "1,234 picks"."""
    return f"{count:,} {noun}" + "s" * (count != 1)
