"""Classes become labels: kept picks are recentred positives, rejected ones negatives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_unetpick.io.formats.csv_picks import write_csv
from napari_unetpick.io.picks import Picks, tell_count


def write_class_labels(folder: Path, kept: Sequence[Picks], rejected: Sequence[Picks]) -> str:
    """Write `picks.csv` and `negatives.csv`, as `unetpick train --picks` reads them.

    Returns
    -------
    What was written, in one line.
    """
    write_csv(folder / "picks.csv", kept)
    write_csv(folder / "negatives.csv", rejected)
    count = tell_count(sum(map(len, kept)), "pick")
    return (
        f"{count} kept and recentred, {sum(map(len, rejected)):,} rejected: "
        f"{folder / 'picks.csv'}, {folder / 'negatives.csv'}"
    )
