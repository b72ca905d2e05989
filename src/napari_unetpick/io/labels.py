"""What a user has said about a micrograph: particles, negatives, areas, and how complete that is.

In a run folder: labels/picks.csv, labels/negatives.csv, labels/labels.csv (`micrograph,state`)
and labels/areas.json.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.choices import read_choices
from napari_unetpick.io.formats.csv_picks import read_csv, write_csv
from napari_unetpick.io.formats.read import LABELS_FILE, holds_states
from napari_unetpick.io.names import match_names, micrograph_key
from napari_unetpick.io.picks import Picks
from napari_unetpick.io.text import escape

State = Literal["full", "partial", "none"]
STATES: tuple[State, ...] = ("full", "partial", "none")
T = TypeVar("T")
Polygon = NDArray[np.float64]  # (N, 2) corners (row, col), pixels of the file


def inside_any(coords: NDArray[np.float64], areas: Sequence[Polygon]) -> NDArray[np.bool_]:
    """Tell which (N, 2) places (row, col) lie in one of the areas."""
    inside = np.zeros(len(coords), dtype=np.bool_)
    if len(coords) and len(areas):
        from skimage.measure import points_in_poly

        for area in areas:
            inside |= points_in_poly(coords, area)  # type: ignore[no-untyped-call]
    return inside


def check_places(points: NDArray[np.float64], least: int = 0) -> None:
    """Refuse points or corners that are not (N, 2) numbers, N at least `least`."""
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < least:
        raise InputError("an area needs three or more corners (row, col), a point two numbers")
    if not np.isfinite(points).all():
        raise InputError("a corner or point is not a number")


def polygon(corners: object) -> Polygon:
    """Return an area from its corners (row, col), as JSON holds them."""
    area = np.asarray(corners, dtype=np.float64)
    check_places(area, least=3)
    return area


@dataclass(frozen=True)
class Labels:
    """The labels of one micrograph.

    Parameters
    ----------
    state
        "full": what is not marked is background; "partial": it is unknown; "none": unlabelled.
    positives, negatives
        (N, 2) float64 (row, col), pixels of the file.
    exclusions
        Areas that are ignored in training and never picked.
    complete
        Areas of a partly labelled micrograph in which every particle is marked.
    """

    state: State
    positives: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))
    negatives: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))
    exclusions: tuple[Polygon, ...] = ()
    complete: tuple[Polygon, ...] = ()


def read_states(path: Path) -> dict[str, State]:
    """Read a `labels.csv` (`micrograph,state`).

    Raises
    ------
    InputError
        A column is missing, a state unknown, or two rows contradict each other.
    """
    return read_choices(path, "state", STATES)


def write_labels(folder: Path, labels: dict[str, Labels]) -> None:
    """Write the four files of `labels/`, keyed by micrograph name."""
    write_csv(folder / "picks.csv", [Picks(k, v.positives) for k, v in labels.items()])
    write_csv(folder / "negatives.csv", [Picks(k, v.negatives) for k, v in labels.items()])
    states = "".join(f"{escape(name)},{each.state}\n" for name, each in labels.items())
    write_text(folder / LABELS_FILE, "micrograph,state\n" + states)
    areas = {
        name: {
            "exclusions": [p.tolist() for p in each.exclusions],
            "complete": [p.tolist() for p in each.complete],
        }
        for name, each in labels.items()
        if each.exclusions or each.complete
    }
    write_text(folder / "areas.json", json.dumps(areas, indent=1, sort_keys=True) + "\n")


def read_labels(folder: Path) -> dict[str, Labels]:
    """Read the labels that `write_labels` wrote, by micrograph name.

    Raises
    ------
    InputError
        A file is missing or damaged.
    """
    table = {name: Labels(state) for name, state in read_states(folder / LABELS_FILE).items()}
    areas = read_areas(folder / "areas.json")
    positives, negatives = (read_csv(folder / n) for n in ("picks.csv", "negatives.csv"))
    for name in (*areas, *positives, *negatives):
        if name not in table:
            raise InputError(f"{folder}: labels.csv has no row for {name}; restore it from a copy")
    for name, kinds in areas.items():
        table[name] = replace(
            table[name], exclusions=kinds["exclusions"], complete=kinds["complete"]
        )
    for name, picks in positives.items():
        table[name] = replace(table[name], positives=picks.coords)
    for name, picks in negatives.items():
        table[name] = replace(table[name], negatives=picks.coords)
    return table


def read_areas(path: Path) -> dict[str, dict[str, tuple[Polygon, ...]]]:
    """Read an `areas.json`: polygons of (row, col) corners by micrograph and kind."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: {
                kind: tuple(map(polygon, kinds.get(kind, [])))
                for kind in ("exclusions", "complete")
            }
            for name, kinds in table.items()
        }
    except (InputError, OSError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: not an areas file ({error}); restore it from a copy") from error


def states_beside(picks: Path, given: Sequence[str], strangers: bool = False) -> dict[str, State]:
    """Return what a `labels.csv` beside picks says, by key of the micrographs `given`.

    One that holds coordinates is a pick file and says nothing of states.

    Parameters
    ----------
    strangers
        Whether other micrographs count as well, by their own key.
    """
    path = _beside(picks, LABELS_FILE)
    if not path.is_file() or not holds_states(path):
        return {}
    return _by_key(read_states(path), given, strangers)


def areas_beside(
    picks: Path, given: Sequence[str], strangers: bool = False
) -> dict[str, dict[str, tuple[Polygon, ...]]]:
    """Return what an `areas.json` beside picks says; parameters are those of `states_beside`."""
    path = _beside(picks, "areas.json")
    return _by_key(read_areas(path), given, strangers) if path.is_file() else {}


def _beside(picks: Path, name: str) -> Path:
    return (picks if picks.is_dir() else picks.parent) / name


def _by_key(table: dict[str, T], given: Sequence[str], strangers: bool) -> dict[str, T]:
    match = match_names(table, given)
    pairs = match.pairs | ({name: name for name in match.unmatched} if strangers else {})
    return {micrograph_key(own): table[name] for name, own in pairs.items()}


def labels_hash(labels: dict[str, Labels]) -> str:
    """Return a fingerprint of labels by micrograph key: no path, no date."""
    digest = hashlib.sha256()
    for key, each in sorted(labels.items()):
        digest.update(f"{key} {each.state}".encode())
        for points in (each.positives, each.negatives, *each.exclusions, *each.complete):
            digest.update(f"{len(points)}:".encode())
            digest.update(np.round(points, 3).astype("<f8").tobytes())
        digest.update(f"{len(each.exclusions)} {len(each.complete)}".encode())
    return digest.hexdigest()[:16]
