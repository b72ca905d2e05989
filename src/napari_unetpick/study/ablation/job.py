"""An ablation from what a user gives: who is labelled, who teaches, who is scored."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_unetpick.engine.inputs import make_train_job
from napari_unetpick.engine.pick.shard import Shard
from napari_unetpick.engine.train.job import TrainJob
from napari_unetpick.errors import InputError
from napari_unetpick.evaluation.inputs.truth import Areas, fully_labelled, read_exclusions
from napari_unetpick.io.assign import assign_picks
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.images.image import open_images
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.labels import Labels, labels_hash, states_beside
from napari_unetpick.io.picks import Picks, tell_count
from napari_unetpick.io.splits import read_split
from napari_unetpick.project.evaluations import log_folder, read_evaluations
from napari_unetpick.study.ablation.units import AblateJob

HOUR = 60.0  # minutes
TEST_SHARE = 0.4  # of the labelled micrographs, where no split is given


def make_ablate_job(
    *,
    micrographs: list[str],
    picks: Path,
    diameter: float,
    out: Path,
    pixel_size: float | None = None,
    split: Path | None = None,
    labelled: int | None = None,
    partial: bool = False,
    truth: Path | None = None,
    border: float = 0.0,
    seeds: int = 3,
    budget: float | None = None,
    batches: int | None = None,
    shard: Shard | None = None,
    leave_one_out: bool = False,
    device: str = "auto",
) -> tuple[AblateJob, list[str]]:
    """Check what `unetpick ablate` was given.

    Parameters
    ----------
    split
        CSV `micrograph,split`; without it two fifths of the labelled micrographs test. Those that
        it does not name train.
    labelled
        How many of the training micrographs keep their labels; the others are unlabelled.
    truth
        Of the test micrographs, where the picks are not that (`partial`).
    seeds
        42 and those after it.
    budget
        Minutes; None is an hour, or no limit where the `batches` of an epoch are given.
    shard
        Which of the runs to make, where several calls share them; needs `batches`.

    Returns
    -------
    The job, and what the user should be told first.

    Raises
    ------
    InputError
        Something cannot be used, or nothing is left to train or test on.
    """
    if shard is not None and batches is None:
        raise InputError("--shard: give --batches as well, the same for all shards")
    if budget is None:
        budget = HOUR if batches is None else math.inf
    job, messages = make_train_job(
        micrographs=micrographs,
        picks=picks,
        diameter=diameter,
        run=out / "runs",
        pixel_size=pixel_size,
        partial=partial,
        start="scratch",
        recipe="baseline",
        device=device,
    )
    source, names = truth or picks, [m.name for m in job.micrographs]
    known = set(job.labels)
    if truth is not None:
        known = set(assign_picks(read_picks(truth), job.micrographs, {}))
    known = fully_labelled(known, states_beside(source, names), source, messages)
    parts = choose_parts(split, job.micrographs, sorted(known))
    test = [m for m in job.micrographs if parts.get(m.key) == "test" and m.key in known]
    given = [m for m in job.micrographs if parts.get(m.key, "train") == "train"]
    keep = [m.key for m in given if m.key in job.labels and len(job.labels[m.key].positives)]
    if not test or not keep:
        raise InputError(
            f"{split or picks}: {tell_count(len(keep), 'labelled micrograph')} for training and "
            f"{len(test)} for testing; an ablation needs both"
        )
    if labelled is not None and labelled < len(keep):
        keep = sorted(np.random.default_rng(42).choice(keep, labelled, replace=False))
    own = set(keep)
    validates = choose_validation(job, parts)
    labels = {key: job.labels[key] for key in (*keep, *validates)}
    learn = [m for m in given if m.key not in own]
    messages.append(
        f"{len(keep)} labelled and {len(learn)} unlabelled micrographs for training, "
        + (f"{len(validates)} for validation, " if validates else "")
        + f"{len(test)} for testing"
    )
    if split is not None:
        used = {*labels, *(m.key for m in test)}
        messages += tell_split(split, job.micrographs, parts, used)
    if not learn:
        messages.append(
            "no unlabelled micrographs, so no self-training; --labelled K uses the labels "
            "of K micrographs only"
        )
    groups = sorted(own), sorted(m.key for m in learn), sorted(m.key for m in test)
    looks = log_folder(micrographs, job.micrographs, out)
    read_evaluations(looks)  # a damaged file is better found now
    true = read_test(source, test, pixel_size)
    excluded = read_exclusions(source, names, set(groups[-1]), messages)
    sizes = {k: each.diameters.tolist() for k, each in true.items() if each.diameters is not None}
    fingerprint = truth_hash(true, excluded)
    data: list[object] = [
        labels_hash(job.labels),
        float(diameter),
        pixel_size,
        float(border),
        *groups,
    ]
    data += [fingerprint, sizes, sorted(parts.items())]
    ready = AblateJob(
        train=replace(
            job,
            micrographs=[m for m in job.micrographs if m.key in labels],
            labels=labels,
            validation=frozenset(validates) or None,
        ),
        learn=learn,
        test=test,
        truth=source,
        truth_hash=fingerprint,
        evaluations_folder=looks,
        border=border,
        out=out,
        data=_hash(data),
        seeds=tuple(range(42, 42 + seeds)),
        budget=budget,
        leave_one_out=leave_one_out,
        batches=batches,
        shard=shard,
    )
    return ready, messages


def choose_validation(job: TrainJob, parts: Mapping[str, str]) -> list[str]:
    """Return the keys of those marked 'validation' that can: precision needs full labels."""
    keys = [m.key for m in job.micrographs if parts.get(m.key) == "validation"]
    return [key for key in keys if key in job.labels and job.labels[key].state == "full"]


def tell_split(
    split: Path, micrographs: list[Micrograph], parts: Mapping[str, str], used: set[str]
) -> list[str]:
    """Say which micrographs are left out (not in `used`), and which train without being named."""
    groups = {
        "marked 'validation' but not fully labelled: skipped": "validation",
        "marked 'test' but without truth: skipped": "test",
        f"not in {split.name}: used for training": None,
    }
    messages = []
    for text, part in groups.items():
        found = [m for m in micrographs if parts.get(m.key) == part]
        names = [m.key for m in found if part is None or m.key not in used]
        if names:
            count = tell_count(len(names), "micrograph")
            messages.append(f"{count} (such as {names[0]}) {text}")
    return messages


def read_test(truth: Path, test: list[Micrograph], pixel_size: float | None) -> dict[str, Picks]:
    """Read the truth of the test micrographs, by key."""
    images = open_images(test, pixel_size)
    found = read_picks(
        truth,
        image_shapes=images.shapes,
        pixel_size=pixel_size,
        pixel_sizes=images.pixel_sizes,
    )
    return assign_picks(found, test, images.shapes)


def truth_hash(true: Mapping[str, Picks], excluded: Areas) -> str:
    """Return a fingerprint of a truth's places and excluded areas."""
    labels = {
        key: Labels("full", each.coords, exclusions=excluded.get(key, ()))
        for key, each in true.items()
    }
    return labels_hash(labels)


def _hash(what: list[object]) -> str:
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:12]


def choose_parts(
    split: Path | None, micrographs: list[Micrograph], truth: list[str]
) -> dict[str, str]:
    """Return the part of each micrograph, from the file or drawn."""
    if split is not None:
        return dict(read_split(split, micrographs))
    count = round(TEST_SHARE * len(truth))
    test = np.random.default_rng(42).choice(truth, count, replace=False)
    return dict.fromkeys(test, "test")
