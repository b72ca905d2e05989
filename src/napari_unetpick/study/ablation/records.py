"""Run records: what a training was, and what it scored, without weights; tables come from these."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from napari_unetpick.errors import InputError
from napari_unetpick.evaluation.metrics import Score
from napari_unetpick.evaluation.protocols import PROTOCOLS, Protocol
from napari_unetpick.evaluation.results import Evaluation
from napari_unetpick.io.atomic import write_text
from napari_unetpick.renamed_keys import DROPPED, RENAMED, carry_over
from napari_unetpick.settings import ABSENT, Settings, to_dict

Scores = Mapping[Protocol, Mapping[str, Score]]
KEYED = {
    "": "particle_px",
    "network": "attention width depth stride",
    "target": "disc_radius ignore_radius unknown_weight",
    "augment": "probability rotation flip scale elastic noise contrast blur ice",
    "loss": "kind focal_weight dice_weight focal_gamma focal_alpha pu_prior",
    "train": "epochs patience patches_per_epoch batch patch_px learning_rate weight_decay schedule "
    "restart_epochs restart_factor smallest_rate snapshots average_decay learn_unmarked balanced",
    "self_train": "rounds epochs limits positive_quantile ignore_quantile positive_score "
    "negative_score last_positive_score last_negative_score gate",
}
"""Settings that are in every key. One that came later is in it only where it differs from what it
was before, mostly its default: a new setting orphans no record. So this table does not grow."""


@dataclass(frozen=True)
class RunRecord:
    """One run on the test micrographs.

    Parameters
    ----------
    key
        Of the settings without the seed, and of whether it is an ensemble; see `key_of`.
    seeds
        One, or those of an ensemble's members.
    data
        Hash of labels, micrographs and truth.
    minutes
        Of training and self-training, all members together.
    parameters
        Trainable ones, all members together.
    verdicts
        Result of the acceptance test of each round.
    scores
        By protocol and micrograph key, at the automatic threshold.
    """

    key: str
    seeds: tuple[int, ...]
    settings: dict[str, Any]
    data: str
    versions: dict[str, str]
    minutes: float
    parameters: int
    verdicts: tuple[str, ...]
    scores: Scores

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return record_name(self.key, self.seeds)

    @property
    def scored(self) -> set[str]:
        """The keys of the micrographs."""
        return set(self.scores["particle"])


KINDS: dict[str, Callable[[Any], Any]] = {
    "key": str,
    "seeds": lambda seeds: tuple(map(int, seeds)),
    "minutes": float,
    "parameters": int,
    "verdicts": lambda verdicts: tuple(map(str, verdicts)),
}


def record_name(key: str, seeds: tuple[int, ...]) -> str:
    """Return the name that the record of these settings and seeds has."""
    return f"{key}_{'-'.join(map(str, seeds))}"


def key_of(settings: Settings, ensemble: bool = False, start: str | None = None) -> str:
    """Return twelve characters that tell settings apart, whatever their seed and recipe name.

    `start` names the data of a model to start from; None is from scratch.

    Of settings that are not in `KEYED`, only those that differ from what they were before count;
    those that were renamed or dropped since count as they did.
    """
    own, usual = _flat(settings), _flat(Settings())
    usual |= {
        f"{part} {name}": value for part, new in ABSENT.items() for name, value in new.items()
    }
    keyed = {f"{section} {name}" for section, names in KEYED.items() for name in names.split()}
    told = {name: value for name, value in own.items() if name in keyed or value != usual[name]}
    text = json.dumps([told, ensemble, *filter(None, [start])], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _flat(settings: Settings) -> dict[str, Any]:
    """Return `section name` to value; no seed, no recipe name, and 0 is 0.0."""
    table = to_dict(replace(settings, train=replace(settings.train, seed=0)))
    del table["recipe"]
    alone = {name: table.pop(name) for name in [*table] if not isinstance(table[name], dict)}
    sections = {"": alone, **table}
    flat = {
        f"{section} {name}": value
        for section, values in sections.items()
        for name, value in values.items()
    }
    flat |= {_spaced(name): value for name, value in DROPPED["settings"].items()}
    for old, new in RENAMED["settings"].items():
        flat[_spaced(old)] = flat.pop(_spaced(new))
    return {name: float(value) if type(value) is int else value for name, value in flat.items()}


def _spaced(name: str) -> str:
    section, _, key = name.rpartition(".")
    return f"{section} {key}"


def scores_of(evaluation: Evaluation) -> Scores:
    """Return an evaluation's scores by protocol and micrograph."""
    return {tag: {row.key: row.scores[tag] for row in evaluation.micrographs} for tag in PROTOCOLS}


def write_record(folder: Path, record: RunRecord) -> Path:
    """Write a record as JSON."""
    table = asdict(record)
    path = folder / f"{record.name}.json"
    write_text(path, json.dumps(table, indent=1, sort_keys=True) + "\n")
    return path


def read_records(folder: Path) -> dict[str, RunRecord]:
    """Read all records of a folder, by name; none where there is no folder.

    Raises
    ------
    InputError
        A file is damaged.
    """
    records: dict[str, RunRecord] = {}
    scored: set[str] = set()
    for path in sorted(folder.glob("*.json")):
        record = _read(path)
        scored = scored or record.scored
        if record.scored != scored:
            raise InputError(
                f"{path}: scores other micrographs than the records before it; delete the "
                "incomplete record to repeat its run"
            )
        records[record.name] = record
    return records


def _read(path: Path) -> RunRecord:
    try:
        table = carry_over(json.loads(path.read_text(encoding="utf-8")), "record")
        rows = table.pop("scores")
        record = RunRecord(
            **table | {name: kind(table[name]) for name, kind in KINDS.items()},
            scores={tag: {key: _score(each) for key, each in rows[tag].items()} for tag in rows},
        )
        if {*rows} != {*PROTOCOLS} or any({*rows[tag]} != record.scored for tag in rows):
            raise ValueError("scores are missing")
        return record
    except (OSError, ValueError, OverflowError, TypeError, LookupError, AttributeError) as error:
        raise InputError(
            f"{path}: not a run record ({error}); delete it to repeat the run"
        ) from error


def _score(table: dict[str, Any]) -> Score:
    score = Score(**table)
    if not all(isinstance(value, int | float) for value in table.values()):
        raise ValueError("a score is no number")
    return score
