"""One run of an ablation: what is begun, gone on with, and how long it took."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pytest
import tomli_w

from napari_unetpick.engine.pick.shard import Shard
from napari_unetpick.engine.self_train.job import SelfTrainJob
from napari_unetpick.engine.self_train.run import NoConfidentPicksError
from napari_unetpick.engine.train.job import TrainJob
from napari_unetpick.engine.train.run import config_of
from napari_unetpick.errors import Cancelled, InputError
from napari_unetpick.evaluation.metrics import score_counts
from napari_unetpick.evaluation.protocols import PROTOCOLS
from napari_unetpick.events import Done, Event, Message, Metrics, Progress
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.settings import RECIPES
from napari_unetpick.study.ablation import run, units
from napari_unetpick.study.ablation.budget import Costs, fit_budget
from napari_unetpick.study.ablation.ladder import ladder
from napari_unetpick.study.ablation.plan import Plan, write_plan
from napari_unetpick.study.ablation.records import RunRecord, key_of, write_record
from napari_unetpick.study.ablation.source import source_commit
from napari_unetpick.study.ablation.units import (
    AblateJob,
    Unit,
    minutes_of,
    supervised_key,
    supervised_part,
    timed,
    trained,
)

NETWORKS = {rung.settings.network for rung in ladder()}
COSTS = Costs(dict.fromkeys(NETWORKS, 1.0), dict.fromkeys(NETWORKS, 0.0), 1, 1, 0, 1)


def go_on() -> None:
    """Never stop."""


@pytest.fixture
def job(tmp_path: Path) -> AblateJob:
    train = TrainJob([], {}, 175.0, tmp_path)
    truth = tmp_path / "truth.csv"
    return AblateJob(train, [], [], truth, 0.0, tmp_path, "d", "t", tmp_path)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[TrainJob]:
    """What would be trained."""
    seen: list[TrainJob] = []

    def train(job: TrainJob, check_stop) -> Iterator[Event]:
        seen.append(job)
        yield from ()

    monkeypatch.setattr(units, "train", train)
    return seen


@pytest.mark.parametrize("version, resumed", [(None, True), ("0.0.1", False)])
def test_a_run_that_another_version_began_is_begun_anew(
    job: AblateJob, asked: list[TrainJob], version: str | None, resumed: bool
):
    rung = ladder()[0]
    folder = job.out / "runs" / f"{supervised_key(rung)}_42"
    begun = TrainJob([], {}, 175.0, folder, supervised_part(rung.settings))
    config = config_of(begun) | ({"version": version} if version else {})
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(tomli_w.dumps(config))
    (folder / "checkpoint.pt").touch()
    events = list(trained(job, rung, 42, go_on))
    assert [each.resume for each in asked] == [resumed]
    assert (folder / "checkpoint.pt").is_file() is resumed
    assert [type(each) for each in events] == ([] if resumed else [Message])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds, moved by the tests."""
    now = [1000.0]
    monkeypatch.setattr(units, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def work(clock: list[float], seconds: float, end: type[Exception] | None) -> Iterator[Event]:
    """Take so many seconds, half before an epoch's end."""
    clock[0] += seconds / 2
    yield Metrics(1)
    clock[0] += seconds / 2
    if end is not None:
        raise end("stopped")
    yield Done({})


def test_minutes_add_up_over_interruptions(tmp_path: Path, clock: list[float]):
    for seconds in (120.0, 60.0):
        with pytest.raises(Cancelled):
            list(timed(tmp_path, 4.0, work(clock, seconds, Cancelled)))
        assert not (tmp_path / units.MINUTES).exists()  # which would say that it is done
    list(timed(tmp_path, 4.0, work(clock, 30.0, None)))
    assert minutes_of(tmp_path) == pytest.approx(4 + 2 + 1 + 0.5)
    assert [path.name for path in tmp_path.iterdir()] == [units.MINUTES]


def test_a_killed_run_has_noted_its_epochs(tmp_path: Path, clock: list[float]):
    def killed() -> Iterator[Event]:
        yield from work(clock, 120.0, None)
        noted.append(minutes_of(tmp_path, units.SO_FAR))
        yield Progress("more", 1, 1)

    noted: list[float] = []
    next(timed(tmp_path, 0.0, killed()))
    assert noted == pytest.approx([1.0])


def test_minutes_of_a_self_training_that_was_sure_of_nothing_count(
    job: AblateJob, clock: list[float], monkeypatch: pytest.MonkeyPatch
):
    """The teacher had to score all micrographs to find that out."""

    def train(job: TrainJob, check_stop) -> Iterator[Event]:
        (job.run / "labels").mkdir(parents=True)
        for name in ("config.toml", "checkpoint.pt", "metrics.jsonl", "model.safetensors"):
            (job.run / name).touch()
        yield from work(clock, 60.0, None)

    monkeypatch.setattr(units, "train", train)
    own = SelfTrainJob(job.train, [], Path("s"))
    monkeypatch.setattr(units, "make_self_train_job", lambda **_: (own, []))
    monkeypatch.setattr(units, "self_train", lambda *_: work(clock, 30.0, NoConfidentPicksError))
    job = replace(job, learn=[Micrograph(Path("m.mrc"), "m.mrc")])
    for _ in trained(job, ladder()[0], 42, go_on):
        pass
    (folder,) = (job.out / "runs").glob("*_self")
    assert minutes_of(folder) == pytest.approx(1.5)


def test_records_of_other_settings_beside_fitting_ones_are_told(job: AblateJob):
    settings = [fit_budget(rung, 2).settings for rung in ladder()[:2]]
    score = {tag: {"mic": score_counts(1, 1, 1)} for tag in PROTOCOLS}
    for key in (key_of(settings[0]), "0123456789ab"):
        record = RunRecord(key, (42,), {}, "d", {}, 1.0, 1, (), score)
        write_record(job.out / run.RECORDS, record)
    write_plan(job.out, Plan("d", 2))

    first, second = islice(run.ablate(replace(job, seeds=(42,))), 2)
    assert first.text.startswith(
        "1 record (such as 0123456789ab_42) with settings of another version"
    )
    assert second.text.startswith("9 runs (10 rungs), 1 recorded")


def made(job: AblateJob, monkeypatch: pytest.MonkeyPatch) -> list[Unit]:
    """Return what a call makes, as if trained at once."""
    units_made: list[Unit] = []
    score = {tag: {"mic": score_counts(1, 1, 1)} for tag in PROTOCOLS}

    def make(job: AblateJob, unit: Unit, check_stop) -> Iterator[Event]:
        units_made.append(unit)
        yield from ()
        return RunRecord(unit.key, unit.seeds, {}, "d", {}, 1.0, 1, (), score)

    monkeypatch.setattr(run, "make", make)
    monkeypatch.setattr(run, "costs_of", lambda job: COSTS)
    list(run.ablate(job))
    return units_made


def test_hours_are_told_before_a_ladder_without_a_limit(
    job: AblateJob, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(run, "costs_of", lambda job: COSTS)
    job = replace(job, batches=40, budget=math.inf, seeds=(42, 43))
    texts = [event.text for event in islice(run.ablate(job), 2) if isinstance(event, Message)]
    # three trainings of 50 epochs and five of 100, of 40 steps of a second, with each seed
    hours = 2 * (3 * 50 + 5 * 100) * 40 / 3600
    assert texts[1] == f"at most about {hours:.1f} h on this machine"


def test_shards_make_all_single_models_and_a_last_call_the_ensembles(
    job: AblateJob, monkeypatch: pytest.MonkeyPatch
):
    job = replace(job, batches=40, budget=math.inf)
    shares = [made(replace(job, shard=Shard(n, 3)), monkeypatch) for n in (1, 2, 3)]
    assert all(shares)
    assert all(len(unit.seeds) == 1 for share in shares for unit in share)
    assert [unit.rung.name for unit in made(job, monkeypatch)] == ["+ ensemble", "+ general model"]
    assert not made(job, monkeypatch)
    trained = {unit.rung.settings.train.patches_per_epoch for share in shares for unit in share}
    assert trained == {40 * RECIPES["baseline"].train.batch}


def test_an_ablation_keeps_its_batches(job: AblateJob):
    write_plan(job.out, Plan("d", 2))
    assert run.settle(replace(job, batches=2)) == 2
    with pytest.raises(InputError, match="with 2 batches per epoch; leave --batches out"):
        run.settle(replace(job, batches=40))


def test_a_checkout_tells_its_commit_and_changes_and_nothing_else_does(tmp_path: Path):
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    own = tmp_path / "module.py"
    own.write_text("1")
    assert source_commit(own) == {}
    git("init", "-q")
    assert source_commit(own) == {}  # as in an environment within somebody's checkout
    git("add", "module.py")
    git("commit", "-qm", "first")
    assert source_commit(own) == {"commit": git("rev-parse", "--short=12", "HEAD")}
    own.write_text("2")
    assert source_commit(own) == {"commit": git("rev-parse", "--short=12", "HEAD") + "+"}
