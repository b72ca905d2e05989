"""What the benchmark keeps of each set: figures by every protocol, in `DIR/<set>/record.json`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from napari_unetpick.errors import InputError
from napari_unetpick.evaluation.figures import Figures
from napari_unetpick.io.atomic import write_text

RECORD = "record.json"
FORMAT = 1


@dataclass(frozen=True)
class SetRecord:
    """A part of a set, scored.

    Parameters
    ----------
    part
        "validation" or "test".
    training, micrographs
        Numbers of micrographs: trained on (validation included), and scored.
    diameter_px, pixel_size
        Pixels of the file, and A/px.
    figures
        See `figures_of`.
    selected
        The particle F1 that the training itself reports of its validation micrographs, or None
        where those are of other sets.
    leaks
        Why this set is not unseen, one line each.
    failed
        Why a micrograph was left out, by name.
    """

    id: str
    part: str
    training: int
    micrographs: int
    particles: int
    picks: int
    diameter_px: float
    pixel_size: float
    threshold: float
    figures: Figures
    selected: float | None = None
    leaks: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_records(folder: Path) -> dict[str, SetRecord]:
    """Read a set's records, by part; none where it has not been scored.

    Raises
    ------
    InputError
        The file is damaged or of another version.
    """
    path = folder / RECORD
    if not path.is_file():
        return {}
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        if table["format"] != FORMAT:
            raise ValueError(f"format {table['format']}, this version reads {FORMAT}")
        names = {each.name for each in fields(SetRecord)}
        return {
            part: SetRecord(
                **{key: value for key, value in row.items() if key in names and key != "figures"},
                figures={key: (v[0], v[1], v[2]) for key, v in row["figures"].items()},
            )
            for part, row in table["parts"].items()
        }
    except (OSError, LookupError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a record of a benchmark ({error}); remove it") from error


def add_record(folder: Path, record: SetRecord) -> None:
    """Write a set's record beside those of its other parts."""
    parts = {**read_records(folder), record.part: record}
    table = {"format": FORMAT, "parts": {part: asdict(each) for part, each in parts.items()}}
    write_text(folder / RECORD, json.dumps(table, indent=1, ensure_ascii=False) + "\n")


def all_records(out: Path, part: str) -> list[SetRecord]:
    """Read the records of one part of every set in a benchmark's folder, by set."""
    found = [read_records(path.parent).get(part) for path in sorted(out.glob(f"*/{RECORD}"))]
    return [record for record in found if record is not None]
