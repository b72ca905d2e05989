"""Tables are the same whether written at once or joined from a part for each micrograph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.export.pick_tables import (
    CANDIDATES,
    PICKS,
    SUMMARY,
    TABLES,
    Outcome,
    count_rows,
    highest_score,
    join_parts,
    split_table,
)
from napari_unetpick.io.formats.csv_picks import write_csv
from napari_unetpick.io.formats.relion_picks import write_combined_star
from napari_unetpick.io.formats.topaz import write_topaz
from napari_unetpick.io.picks import Picks

NAMES = ["M/a.mrc", 'M/b, "x" 1.mrc', "M/empty.mrc", "M/_c.mrc", "M/a_2 %s.mrc", "M/z.mrc"]


def make_picks(*, spread: bool) -> list[Picks]:
    rng = np.random.default_rng(1)
    found = []
    for name, n in zip(NAMES, (3, 2, 0, 1, 4, 0), strict=True):
        spreads = rng.uniform(0, 0.1, n) if spread else None
        scores = rng.uniform(0, 0.9, n)
        found.append(Picks(name, rng.uniform(0, 999, (n, 2)), scores, np.full(n, 9.5), "", spreads))
    return found


def write_at_once(table: str, path: Path, picks: list[Picks]) -> None:
    if table == "picks.star":
        write_combined_star(path, picks)
    elif table == "topaz.txt":
        write_topaz(path, picks)
    else:
        write_csv(path, picks, scores=True)


@pytest.mark.parametrize("spread", [False, True])
@pytest.mark.parametrize("table", [name for name in TABLES if name != SUMMARY])
def test_joined_and_split(table: str, spread: bool, tmp_path: Path):
    picks, whole = make_picks(spread=spread), tmp_path / "whole" / table
    write_at_once(table, whole, picks)
    parts = [tmp_path / "parts" / str(number) for number in range(len(picks))]
    for part, each in zip(parts, picks, strict=True):
        TABLES[table].write(part, Outcome(each, each))
    joined = tmp_path / table
    assert join_parts(parts, joined) == [3, 2, 0, 1, 4, 0]
    assert joined.read_bytes() == whole.read_bytes()
    assert count_rows(joined) == 10
    again = [tmp_path / "again" / part.name for part in parts]
    split_table(joined, list(zip(NAMES, again, strict=True)))
    assert [file.read_bytes() for file in again] == [file.read_bytes() for file in parts]
    for wrong in (NAMES[1:], NAMES[:-2], NAMES[::-1]):
        with pytest.raises(InputError, match="was changed"):
            split_table(joined, [(name, None) for name in wrong])


def test_the_highest_score(tmp_path: Path):
    picks = make_picks(spread=True)
    write_csv(tmp_path / CANDIDATES, picks, scores=True)
    best = max(each.scores.max() for each in picks if len(each))
    assert highest_score(tmp_path / CANDIDATES) == pytest.approx(best, abs=1e-6)
    write_csv(tmp_path / PICKS, [picks[2]], scores=True)
    assert highest_score(tmp_path / PICKS) is None
