"""What the benchmark keeps of each set: figures by every protocol, in `DIR/<set>/record.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from napari_unetpick.errors import InputError
from napari_unetpick.evaluation.intervals import RESAMPLES, Interval, bootstrap
from napari_unetpick.evaluation.metrics import Macro, Score, centring_errors
from napari_unetpick.evaluation.results import Evaluation, MicrographResult
from napari_unetpick.io.atomic import write_text

RECORD = "record.json"
FORMAT = 1
DIGITS = 4
LEVEL = 0.95
RATIOS = ("precision", "recall", "f1")

Value = tuple[float, float | None, float | None]
"""A figure with its interval, whose ends are None where too few micrographs give none."""
Figures = dict[str, Value]
"""By `<row>.<ratio>`, such as `particle.f1`; see `figures_of`."""


@dataclass(frozen=True)
class Record:
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


def figures_of(evaluation: Evaluation) -> Figures:
    """Give every figure with its 95 % interval over micrographs.

    Rows are `particle` (pooled), `particle_macro` (mean of the micrographs'), `iou0.6` (pooled),
    `pixel` (mean) and `quarter` (pooled, within a quarter of the diameter), each with precision,
    recall and f1; and `centring.median`, the median centring error of matched picks in diameters.
    """
    rows = evaluation.micrographs
    half = [row.scores["particle"] for row in rows]
    quarter = [row.quarter for row in rows]

    def resample(scores: Sequence[Score], pooling: Any = "pooled") -> dict[str, Interval] | None:
        return bootstrap(scores, np.random.default_rng(evaluation.seed), pooling=pooling)

    protocols = evaluation.protocols
    found: Figures = {}
    for name, score, intervals in (
        ("particle", protocols["particle"].pooled, protocols["particle"].intervals),
        ("particle_macro", protocols["particle"].macro, resample(half, "mean")),
        ("iou0.6", protocols["iou0.6"].pooled, protocols["iou0.6"].intervals),
        ("pixel", protocols["pixel"].macro, protocols["pixel"].intervals),
        ("quarter", evaluation.quarter, resample(quarter)),
    ):
        found |= {f"{name}.{ratio}": _value(score, ratio, intervals) for ratio in RATIOS}
    if evaluation.centring is not None:
        low, high = centring_interval(rows, np.random.default_rng(evaluation.seed))
        found["centring.median"] = (round(evaluation.centring, DIGITS), low, high)
    return found


def centring_interval(
    rows: Sequence[MicrographResult], rng: np.random.Generator
) -> tuple[float | None, float | None]:
    """Bootstrap the median centring error over micrographs; (None, None) for fewer than two.

    A draw of micrographs gives each of them a weight; the median is where the weights of the
    sorted errors reach half their sum.
    """
    parts = [
        centring_errors(row.pair.picks, row.pair.truth, row.matches.matched, row.pair.diameters)
        for row in rows
    ]
    if len(parts) < 2:
        return None, None
    errors = np.concatenate(parts)
    owner = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    order = np.argsort(errors, kind="stable")
    errors, owner = errors[order], owner[order]
    medians = []
    for draw in rng.integers(0, len(parts), size=(RESAMPLES, len(parts))):
        weights = np.bincount(draw, minlength=len(parts))[owner].cumsum()
        if len(weights) and weights[-1]:
            medians.append(errors[np.searchsorted(weights, weights[-1] / 2)])
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(medians, [tail, 1.0 - tail])
    return round(float(low), DIGITS), round(float(high), DIGITS)


def _value(score: Score | Macro, ratio: str, intervals: Any) -> Value:
    value = round(float(getattr(score, ratio)), DIGITS)
    if intervals is None:
        return value, None, None
    return value, round(intervals[ratio].low, DIGITS), round(intervals[ratio].high, DIGITS)


def read_records(folder: Path) -> dict[str, Record]:
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
        names = {each.name for each in fields(Record)}
        return {
            part: Record(
                **{key: value for key, value in row.items() if key in names and key != "figures"},
                figures={key: (v[0], v[1], v[2]) for key, v in row["figures"].items()},
            )
            for part, row in table["parts"].items()
        }
    except (OSError, LookupError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a record of a benchmark ({error}); remove it") from error


def add_record(folder: Path, record: Record) -> None:
    """Write a set's record beside those of its other parts."""
    parts = {**read_records(folder), record.part: record}
    table = {"format": FORMAT, "parts": {part: asdict(each) for part, each in parts.items()}}
    write_text(folder / RECORD, json.dumps(table, indent=1, ensure_ascii=False) + "\n")


def all_records(out: Path, part: str) -> list[Record]:
    """Read the records of one part of every set in a benchmark's folder, by set."""
    found = [read_records(path.parent).get(part) for path in sorted(out.glob(f"*/{RECORD}"))]
    return [record for record in found if record is not None]
