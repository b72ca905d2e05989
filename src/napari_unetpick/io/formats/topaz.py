"""Topaz text: tab-separated `image_name x_coord y_coord [score]`, names without extension."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.formats.csv_picks import group_rows
from napari_unetpick.io.logits import logit, sigmoid
from napari_unetpick.io.names import micrograph_key, refuse_one_name
from napari_unetpick.io.picks import Picks, PickSet, ReadOptions
from napari_unetpick.io.text import parse_numbers, read_table, refuse_depth

NEEDED = ("image_name", "x_coord", "y_coord")


def read_topaz(path: Path, options: ReadOptions | None = None) -> PickSet:
    """Read picks in the pixels of the images that Topaz was given; logits become probabilities."""
    columns = read_table(path, NEEDED)
    refuse_depth(columns, "z_coord", path)
    labels = {"x": "x_coord", "y": "y_coord", "score": "score", "diameter": "diameter"}
    numbers: dict[str, NDArray[np.float64]] = {
        name: parse_numbers(columns[label], label, path, missing=label not in NEEDED)
        for name, label in labels.items()
        if label in columns
    }
    if "score" in numbers:
        numbers["score"] = sigmoid(numbers["score"])
    return PickSet(group_rows(columns["image_name"], numbers, "Topaz"))


def write_topaz(path: Path, picks: Iterable[Picks]) -> None:
    """Write picks in pixels of the micrograph; scores become logits, unknown ones count as 1.

    Scores outside of 0 to 1 have none: then all are written as they are.

    Raises
    ------
    InputError
        Two micrographs have one name in different folders.
    """
    each = list(picks)
    refuse_one_name(one.micrograph for one in each)
    scored = any(p.scores is not None for p in each)
    as_logits = are_probabilities(each)
    lines = ["\t".join(NEEDED) + "\tscore" * scored]
    for one in each:
        scores = np.ones(len(one)) if one.scores is None else np.nan_to_num(one.scores, nan=1.0)
        form = micrograph_key(one.micrograph).replace("%", "%%") + "\t%.3f\t%.3f"
        columns = [one.coords[:, 1], one.coords[:, 0]]
        if scored:
            form += "\t%.6f"
            columns.append(logit(scores) if as_logits else scores)
        lines += map(form.__mod__, zip(*(c.tolist() for c in columns), strict=True))
    write_text(path, "\n".join(lines) + "\n")


def are_probabilities(picks: Iterable[Picks]) -> bool:
    """Tell whether all known scores lie in 0 to 1; another program's figures of merit may not."""
    return not any(p.scores is not None and ((p.scores < 0) | (p.scores > 1)).any() for p in picks)
