"""What a user has said about a micrograph: particles, negatives, areas, and how complete that is.

In a run folder: labels/picks.csv, labels/negatives.csv, labels/labels.csv (`micrograph,state`)
and labels/areas.json.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import write_text

State = Literal["full", "partial", "none"]
STATES: tuple[State, ...] = ("full", "partial", "none")
Polygon = NDArray[np.float64]  # (N, 2) corners (row, col), pixels of the file


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
        A column is missing or a state unknown.
    """
    with open(path, newline="", encoding="utf-8-sig") as handle:
        rows = csv.DictReader(handle)
        missing = {"micrograph", "state"} - set(rows.fieldnames or [])
        if missing:
            raise InputError(f"{path}: no column '{missing.pop()}'; needed: micrograph,state")
        states: dict[str, State] = {}
        for row in rows:
            state = (row["state"] or "").strip()
            if state not in STATES:
                raise InputError(
                    f"{path}: state '{state}' of {row['micrograph']}; "
                    f"give one of {', '.join(STATES)}"
                )
            states[row["micrograph"].strip()] = cast(State, state)
        return states


def write_labels(folder: Path, labels: dict[str, Labels]) -> None:
    """Write the four files of `labels/`, keyed by micrograph name."""
    points = "".join(
        f"{name},{col:.3f},{row:.3f}\n"
        for name, each in labels.items()
        for row, col in each.positives
    )
    write_text(folder / "picks.csv", "micrograph,x,y\n" + points)
    points = "".join(
        f"{name},{col:.3f},{row:.3f}\n"
        for name, each in labels.items()
        for row, col in each.negatives
    )
    write_text(folder / "negatives.csv", "micrograph,x,y\n" + points)
    states = "".join(f"{name},{each.state}\n" for name, each in labels.items())
    write_text(folder / "labels.csv", "micrograph,state\n" + states)
    areas = {
        name: {
            "exclusions": [p.tolist() for p in each.exclusions],
            "complete": [p.tolist() for p in each.complete],
        }
        for name, each in labels.items()
        if each.exclusions or each.complete
    }
    write_text(folder / "areas.json", json.dumps(areas, indent=1, sort_keys=True) + "\n")


def read_areas(path: Path) -> dict[str, dict[str, tuple[Polygon, ...]]]:
    """Read an `areas.json`: polygons of (row, col) corners by micrograph and kind."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: {
                kind: tuple(np.asarray(p, float).reshape(-1, 2) for p in kinds.get(kind, []))
                for kind in ("exclusions", "complete")
            }
            for name, kinds in table.items()
        }
    except (ValueError, AttributeError) as error:
        raise InputError(f"{path}: not an areas file ({error})") from error
