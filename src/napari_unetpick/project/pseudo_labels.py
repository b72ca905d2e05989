"""What the rounds of a self-training took for labels: `round-1.csv`, ... in the run folder.

Columns as in candidates.csv: `micrograph,x,y,score,diameter`; scores are the teacher's, raw.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from napari_unetpick.errors import ModelError
from napari_unetpick.io.formats.csv_picks import read_csv, write_csv
from napari_unetpick.io.models import read_card
from napari_unetpick.io.picks import Picks
from napari_unetpick.project.runs import MODEL

ROUND = re.compile(r"round-(\d+)\.csv")


@dataclass(frozen=True)
class Taken:
    """What a round took, by micrograph name, and whether its model was kept."""

    number: int
    kept: bool
    picks: dict[str, Picks]


def taken_file(run: Path, number: int) -> Path:
    """Return where it is kept what a round took."""
    return run / f"round-{number}.csv"


def write_taken(run: Path, number: int, picks: Iterable[Picks]) -> None:
    """Write what a round took, whole or not at all."""
    write_csv(taken_file(run, number), picks)


def rounds_taken(run: Path) -> list[int]:
    """Return the numbers of the rounds of which it is known what they took, rising."""
    found = (ROUND.fullmatch(path.name) for path in run.glob("round-*.csv"))
    return sorted(int(match[1]) for match in found if match)


def read_taken(run: Path) -> Taken | None:
    """Read what the kept round took; where none was kept, the last one that was judged.

    Raises
    ------
    InputError
        The file is damaged.
    """
    rounds = rounds_taken(run)
    if not rounds:
        return None
    try:
        kept = (read_card(run / MODEL).get("self_training") or {}).get("round", 0)
    except ModelError:
        kept = 0
    number = kept if kept in rounds else rounds[-1]
    return Taken(number, number == kept, dict(read_csv(taken_file(run, number))))
