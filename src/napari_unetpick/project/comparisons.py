"""Comparisons of a project's models: where their reports lie, and what a comparison needs.

- `comparisons/comparison-N/`: a report, as `unetpick compare` writes it;
- `comparisons/picks/`: what the models picked, kept for the next comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from napari_unetpick.project.folder import COMPARISONS
from napari_unetpick.project.runs import next_name
from napari_unetpick.project.table import Entry

LABEL = "mark every particle of one in Annotate and say there that it is fully labelled"


def comparisons_folder(project: Path) -> Path:
    """Return where the comparisons of a project folder are; it may not exist yet."""
    return project / COMPARISONS


def new_comparison(project: Path) -> Path:
    """Return the folder of a new report: "comparison-1", "comparison-2", ..."""
    folder = comparisons_folder(project)
    return folder / next_name(folder, "comparison")


def obstacle(entries: Mapping[str, Entry], diameter: float | None, *, final: bool) -> str:
    """Say what keeps a comparison from starting, and the next step; "" where nothing does.

    Parameters
    ----------
    diameter
        Of the particles, in A, or None.
    final
        Whether the test split is to be scored: then it needs full labels, too.
    """
    if not entries:
        return "Open micrographs first, in Micrographs."
    if diameter is None:
        return "Set the particle diameter first: in Annotate, two clicks across a particle."
    full = {key: e for key, e in entries.items() if e.kept and e.state == "full"}
    for split in ("validation", "test") if final else ("validation",):
        chosen = [e for e in full.values() if e.split == split]
        if not chosen:
            how = "" if full else f"{LABEL}, then "
            return (
                f"No fully labelled micrograph belongs to the {split} split: {how}give some fully "
                f"labelled ones the split {split.capitalize()} in Micrographs."
            )
        if not any(e.picks for e in chosen):
            return (
                f"No particle is marked on the fully labelled micrographs of the {split} split: "
                "mark all of them in Annotate."
            )
    return ""
