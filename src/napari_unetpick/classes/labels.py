"""Classes become labels: kept picks are recentred positives, rejected ones negatives."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from napari_unetpick.io.labels import Labels, write_labels
from napari_unetpick.io.names import base_name
from napari_unetpick.io.picks import Picks, tell_count


def write_class_labels(folder: Path, kept: Iterable[Picks], rejected: Iterable[Picks]) -> str:
    """Write `picks.csv`, `negatives.csv` and `labels.csv`, as `unetpick train --picks` reads them.

    All micrographs count as partly labelled: not every particle was picked or sorted.

    Returns
    -------
    What was written, in one line.
    """
    positives = {base_name(each.micrograph): each.coords for each in kept}
    negatives = {base_name(each.micrograph): each.coords for each in rejected}
    names = [*positives, *(name for name in negatives if name not in positives)]
    none = Labels("partial").positives
    write_labels(
        folder,
        {n: Labels("partial", positives.get(n, none), negatives.get(n, none)) for n in names},
    )
    counts = [sum(map(len, each.values())) for each in (positives, negatives)]
    return (
        f"{tell_count(counts[0], 'pick')} kept and recentred, {counts[1]:,} rejected: "
        f"{folder / 'picks.csv'}, {folder / 'negatives.csv'}"
    )
