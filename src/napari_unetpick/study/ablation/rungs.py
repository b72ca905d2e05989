"""From run records to a table's rows: mean and spread over seeds, differences with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_unetpick.evaluation.intervals import Difference, Spread, paired_difference, spread
from napari_unetpick.evaluation.metrics import Score, macro, pool
from napari_unetpick.evaluation.protocols import POOLING, PROTOCOLS, Protocol
from napari_unetpick.study.ablation.budget import fit_budget
from napari_unetpick.study.ablation.ladder import Rung, ladder, leave_one_out
from napari_unetpick.study.ablation.plan import read_plan
from napari_unetpick.study.ablation.records import RunRecord, read_records
from napari_unetpick.study.ablation.run import RECORDS, refuse_others

SEED = 42  # of the bootstrap


@dataclass(frozen=True)
class Figures:
    """A rung by one protocol, over seeds, and its difference from another rung.

    Parameters
    ----------
    difference
        Of F1, paired over micrographs with the seeds that both have; None where there is nothing
        to compare with, or a single micrograph.
    """

    precision: Spread
    recall: Spread
    f1: Spread
    difference: Difference | None


@dataclass(frozen=True)
class RungResult:
    """A rung as it was recorded.

    Parameters
    ----------
    minutes, parameters
        Of one model, or of all members of an ensemble.
    rejected
        How many rounds of self-training were not accepted, and of how many.
    """

    name: str
    seeds: tuple[int, ...]
    figures: Mapping[Protocol, Figures]
    minutes: float
    parameters: int
    rejected: tuple[int, int]


@dataclass(frozen=True)
class Ladder:
    """All rungs that are recorded, those that are not, and how many micrographs tested.

    Parameters
    ----------
    gains
        F1 over the first rung's: of everything from scratch, and of that from the general model.
    """

    rungs: tuple[RungResult, ...]
    without: tuple[RungResult, ...]
    missing: tuple[str, ...]
    gains: Mapping[str, Mapping[Protocol, Difference | None]]
    micrographs: int
    batches: int


def read_ladder(out: Path) -> Ladder | None:
    """Read what an ablation's folder holds; None where nothing is recorded.

    Raises
    ------
    InputError
        A file is damaged, or all records are of other settings.
    """
    records = list(read_records(out / RECORDS).values())
    plan = read_plan(out)
    if not records or plan is None:
        return None
    by_key: dict[str, list[RunRecord]] = {}
    for record in records:
        by_key.setdefault(record.key, []).append(record)

    def recorded(rungs: list[Rung]) -> list[tuple[Rung, list[RunRecord]]]:
        keyed = [(rung, fit_budget(rung, plan.batches).key) for rung in rungs]
        return [(rung, by_key[key]) for rung, key in keyed if key in by_key]

    rungs, left_out = [rung for rung in ladder() if rung.start is None], leave_one_out()
    started = [rung for rung in ladder() if rung.start is not None]
    found, without = recorded(rungs), recorded(left_out)
    missing = _names(rungs) - _names(rung for rung, _ in found)
    if missing == {rungs[-1].name}:  # no ensemble, as with one seed: models are compared with one
        without = recorded([replace(rung, ensemble=False) for rung in left_out[:-1]])
        if {own[0].key for _, own in without} <= {own[0].key for _, own in found}:
            without = []  # rungs of the ladder, called otherwise: none was asked for
    elif missing:
        without = []
    whole = found[-1][1] if found else []
    more = recorded(started) or recorded([replace(rung, ensemble=False) for rung in started])
    ends = [*found[-1:], *more[-1:]]
    found += more
    refuse_others(out, records, {record.key for _, own in (*found, *without) for record in own})
    named = {rung.name for rung, _ in found}
    before: list[RunRecord] = []
    results = []
    for rung, own in found:
        results.append(_result(rung, own, before))
        before = own
    return Ladder(
        tuple(results),
        tuple(_result(rung, own, whole) for rung, own in without),
        tuple(rung.name for rung in (*rungs, *started) if rung.name not in named),
        {
            rung.name: {tag: _difference(tag, own, found[0][1]) for tag in PROTOCOLS}
            for rung, own in ends
            if rung is not found[0][0]
        },
        len(next(iter(records[0].scores.values()))),
        plan.batches,
    )


def _names(rungs: Iterable[Rung]) -> set[str]:
    return {rung.name for rung in rungs}


def _result(rung: Rung, recorded: list[RunRecord], before: list[RunRecord]) -> RungResult:
    own = _largest(recorded)
    verdicts = [verdict for record in own for verdict in record.verdicts]
    return RungResult(
        rung.name,
        tuple(sorted(_seeds(own))),
        {tag: _figures(tag, own, _difference(tag, recorded, before)) for tag in PROTOCOLS},
        float(np.mean([record.minutes for record in own])),
        own[0].parameters,
        (sum(verdict in ("refused", "undecided") for verdict in verdicts), len(verdicts)),
    )


def _largest(records: list[RunRecord]) -> list[RunRecord]:
    """Return the ensembles of the most seeds: one of fewer is what an earlier call made."""
    most = max((len(record.seeds) for record in records), default=0)
    return [record for record in records if len(record.seeds) == most]


def _figures(tag: Protocol, own: list[RunRecord], difference: Difference | None) -> Figures:
    heads = [
        (pool if POOLING[tag] == "pooled" else macro)(list(record.scores[tag].values()))
        for record in own
    ]
    return Figures(
        spread([head.precision for head in heads]),
        spread([head.recall for head in heads]),
        spread([head.f1 for head in heads]),
        difference,
    )


def _difference(tag: Protocol, own: list[RunRecord], before: list[RunRecord]) -> Difference | None:
    """Compare two rungs by the seeds they share; an ensemble with its members."""
    common = _seeds(own) & _seeds(before)
    first, second = (
        _largest([r for r in records if common.issuperset(r.seeds)]) or _largest(records)
        for records in (before, own)
    )
    if not first or len(first[0].scores[tag]) < 2:
        return None
    keys = sorted(first[0].scores[tag])
    return paired_difference(
        _over_seeds(tag, first, keys),
        _over_seeds(tag, second, keys),
        np.random.default_rng(SEED),
        pooling=POOLING[tag],
    )


def _seeds(records: list[RunRecord]) -> set[int]:
    return {seed for record in records for seed in record.seeds}


def _over_seeds(tag: Protocol, records: Sequence[RunRecord], keys: Sequence[str]) -> list[Score]:
    """Return one score a micrograph, over all seeds: counts added up, or figures averaged."""
    scores = []
    for key in keys:
        each = [record.scores[tag][key] for record in records]
        total = pool(each)
        if POOLING[tag] != "pooled":
            mean = macro(each)
            total = Score(
                mean.precision,
                mean.recall,
                mean.f1,
                total.n_picks,
                total.n_truth,
                total.n_matched,
            )
        scores.append(total)
    return scores
