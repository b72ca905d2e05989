"""The steps of the CryoPPP benchmark, each a job of its own: training, picking, scoring."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path

import numpy as np

from napari_unetpick.engine.inputs import make_pick_job, make_train_job
from napari_unetpick.engine.pick.run import pick
from napari_unetpick.engine.train.job import TrainJob
from napari_unetpick.engine.train.run import train
from napari_unetpick.errors import InputError, UnetPickError
from napari_unetpick.evaluation.figures import figures_of
from napari_unetpick.evaluation.inputs.load import load_inputs
from napari_unetpick.events import Event, Failed, Message
from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.formats.csv_picks import write_csv
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.labels import Labels
from napari_unetpick.io.models import load_model
from napari_unetpick.io.names import micrograph_key
from napari_unetpick.io.picks import tell_count
from napari_unetpick.io.splits import PARTS
from napari_unetpick.io.text import escape
from napari_unetpick.study.cryoppp.job import Benchmark, begin
from napari_unetpick.study.cryoppp.published import TRAINING_SETS
from napari_unetpick.study.cryoppp.record import SetRecord
from napari_unetpick.study.cryoppp.sets import CryoPPPSet, read_set
from napari_unetpick.study.relay import relay

SHARED = "published"  # folder of the model that all sets share
Check = Callable[[], None]


@dataclass(frozen=True)
class Trained:
    """A model and what it was trained on.

    Parameters
    ----------
    run
        Its run folder.
    sets
        The sets whose training and validation parts it has seen, by id.
    pooled
        Whether it is one model for several sets, with lengths in particle diameters (see
        `pool_jobs`).
    failed
        Why a micrograph, or a whole set, was left out of training, by name.
    """

    run: Path
    sets: dict[str, CryoPPPSet]
    pooled: bool = False
    failed: dict[str, str] = field(default_factory=dict)


def tell(found: CryoPPPSet) -> Iterator[Event]:
    """Say what a set holds and what was left out of it."""
    counts = ", ".join(f"{len(found.keys(part))} {part}" for part in PARTS)
    yield Message(
        f"{found.id}: {tell_count(len(found.micrographs), 'micrograph')} ({counts}), particle "
        f"{found.diameter:.0f} A ({found.diameter_px:g} px at {found.pixel_size:g} A/px)"
    )
    for name, reason in found.failed.items():
        yield Failed(f"{found.id}/{name}", reason)
    for note in found.notes:
        yield Message(f"{found.id}: {note}", "warning")


def train_on_set(
    job: Benchmark, found: CryoPPPSet, folder: Path, check_stop: Check
) -> Generator[Event, None, Trained]:
    """Train a model on a set's training part."""
    work = _train_job(job, found, folder, folder / "run")
    begin(job)
    failed = yield from relay(train(work, check_stop), found.id)
    return Trained(folder / "run", {found.id: found}, failed=failed)


def train_on_published(job: Benchmark, check_stop: Check) -> Generator[Event, None, Trained]:
    """Train one model on the training parts of the published training sets that are there."""
    folder = job.out / SHARED
    sets: dict[str, CryoPPPSet] = {}
    jobs: dict[str, TrainJob] = {}
    there = [name for name in TRAINING_SETS if name in job.folders]
    yield Message(
        f"training on {len(there)} of the {len(TRAINING_SETS)} published training sets: "
        f"{', '.join(there)}"
    )
    failed: dict[str, str] = {}
    for name in there:
        check_stop()
        try:
            found = read_set(name, job.folders[name], job.seed)
            jobs[name] = _train_job(job, found, folder / name, folder / "run")
        except UnetPickError as error:
            failed[name] = str(error)
            yield Failed(name, str(error))
            continue
        sets[name] = found
        failed |= {f"{name}/{file}": reason for file, reason in found.failed.items()}
        yield from tell(found)
    if not jobs:
        raise InputError(f"no usable training set: {next(iter(failed.values()))}")
    work = pool_jobs(jobs, sets)
    begin(job)
    failed |= yield from relay(train(work, check_stop), SHARED)
    return Trained(folder / "run", sets, pooled=True, failed=failed)


def pool_jobs(jobs: dict[str, TrainJob], sets: dict[str, CryoPPPSet]) -> TrainJob:
    """Put the training jobs of several sets into one.

    A job has one diameter, but each set has its own. The network sees every particle at the same
    width in any case, so the pooled job measures lengths in diameters: its diameter is the median
    one, and a micrograph's pixel size is what makes its particles that large. Names get their set
    in front, since sets may share names.
    """
    diameter = float(np.median([found.diameter for found in sets.values()]))
    micrographs: list[Micrograph] = []
    labels: dict[str, Labels] = {}
    validation: set[str] = set()
    for name, old in in_turn({name: job.micrographs for name, job in jobs.items()}):
        renamed = f"{name}_{old.path.name}"
        size = diameter / sets[name].diameter_px
        micrographs.append(replace(old, name=renamed, pixel_size=size))
        key = micrograph_key(renamed)
        labels[key] = jobs[name].labels[old.key]
        if old.key in sets[name].keys("validation"):
            validation.add(key)
    return replace(
        next(iter(jobs.values())),
        micrographs=micrographs,
        labels=labels,
        diameter=diameter,
        pixel_size=None,
        validation=frozenset(validation),
    )


def in_turn(lists: dict[str, list[Micrograph]]) -> Iterator[tuple[str, Micrograph]]:
    """Deal out one of each list in turn.

    An epoch is validated on the first few validation micrographs: so they are of several sets.
    """
    for row in zip_longest(*([(name, m) for m in each] for name, each in lists.items())):
        yield from (pair for pair in row if pair is not None)


def pick_and_score(
    job: Benchmark,
    found: CryoPPPSet,
    trained: Trained,
    keys: list[str],
    folder: Path,
    check_stop: Check,
) -> Generator[Event, None, SetRecord]:
    """Pick some micrographs of a set and score the picks against its truth."""
    model = load_model(trained.run)
    size = found.pixel_size
    if trained.pooled:
        size = float(model.card["diameter"]) / found.diameter_px
    paths = {key: str(found.micrographs[key].path) for key in keys}
    chosen = make_pick_job(
        micrographs=list(paths.values()),
        models=[trained.run],
        out=folder / f"picks-{job.part}",
        pixel_size=size,
        formats="csv",
        device=job.device,
        unfinished="restart",
    )
    failed = yield from relay(pick(chosen, check_stop), found.id)
    usable = [key for key in keys if Path(paths[key]).name not in failed]
    truth = folder / f"truth-{job.part}.csv"
    write_truth(truth, found, usable)
    inputs = load_inputs(chosen.out, truth, [paths[key] for key in usable], pixel_size=size)
    score = inputs.evaluate(seed=job.seed)
    validated = model.card["validation"]["f1"]
    return SetRecord(
        id=found.id,
        part=job.part,
        training=sum(len(each.keys("train", "validation")) for each in trained.sets.values()),
        micrographs=len(score.micrographs),
        particles=score.half.n_truth,
        picks=score.half.n_picks,
        diameter_px=found.diameter_px,
        pixel_size=found.pixel_size,
        threshold=float(model.card["calibration"]["threshold"]),
        figures=figures_of(score),
        selected=None if trained.pooled else validated,
        failed={**found.failed, **({} if trained.pooled else trained.failed), **failed},
        notes=[*found.notes, *inputs.messages],
    )


def write_truth(path: Path, found: CryoPPPSet, keys: Iterable[str]) -> None:
    """Write the truth of some micrographs as `micrograph,x,y,diameter`, upright.

    One without particles has a row without coordinates: it is known to be empty.
    """
    chosen = list(keys)
    named = [replace(found.truth[k], micrograph=found.micrographs[k].path.name) for k in chosen]
    write_csv(path, [each for each in named if len(each)])
    empty = [f"{escape(each.micrograph)},," for each in named if not len(each)]
    if empty:
        write_text(path, path.read_text(encoding="utf-8") + "\n".join(empty) + "\n")


def _train_job(job: Benchmark, found: CryoPPPSet, folder: Path, run: Path) -> TrainJob:
    """Make the job that `unetpick train` would make of a set's training and validation parts."""
    files = {part: folder / f"truth-{part}.csv" for part in PARTS[:2]}
    for part, path in files.items():
        write_truth(path, found, found.keys(part))
    work, _ = make_train_job(
        micrographs=[str(found.micrographs[key].path) for key in found.keys("train", "validation")],
        picks=files["train"],
        diameter=found.diameter,
        run=run,
        pixel_size=found.pixel_size,
        validation=str(files["validation"]),
        start="scratch",
        recipe=job.recipe,
        seed=job.seed,
        device=job.device,
        resume=job.resume,
    )
    return work
