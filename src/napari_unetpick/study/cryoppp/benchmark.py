"""The CryoPPP benchmark: train, pick and evaluate on the sets as users download them.

Every set is dealt by micrograph into training, validation and test. What is scored is the
validation part, or, once and for all, the test part (`final`). One set after the other is
finished and recorded, so that a stopped benchmark can be resumed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from napari_unetpick.errors import Cancelled, InputError, UnetPickError
from napari_unetpick.events import Done, Event, Failed, Message, Progress
from napari_unetpick.io.picks import tell_count
from napari_unetpick.study.cryoppp.job import Benchmark
from napari_unetpick.study.cryoppp.record import add_record, read_records
from napari_unetpick.study.cryoppp.run import (
    Trained,
    pick_and_score,
    tell,
    train_on_published,
    train_on_set,
)
from napari_unetpick.study.cryoppp.sets import CryoPPPSet, read_set


@dataclass
class Clock:
    """The budget: asks whoever can stop the job, then the clock."""

    check_stop: Callable[[], None]
    minutes: float | None
    started: float = field(default_factory=time.monotonic)
    spent: bool = False

    def check(self) -> None:
        """Raise `Cancelled` if the job was stopped or its time is over."""
        self.check_stop()
        if self.minutes is not None and self.seconds > 60 * self.minutes:
            self.spent = True
            raise Cancelled(f"the budget of {self.minutes:g} minutes is spent")

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self.started


def benchmark(job: Benchmark, check_stop: Callable[[], None] = lambda: None) -> Iterator[Event]:
    """Benchmark the sets one after the other; a bad one is skipped and reported.

    Parameters
    ----------
    check_stop
        Called between steps; raises `Cancelled` to stop. The benchmark can then be resumed.

    Yields
    ------
    The events of its steps, Failed for each set and micrograph that was left out, and Done with
    `finished` (ids), `failed` (why, by set), `left` (sets that the budget did not reach) and
    `untrained` (why a set or micrograph was left out of the model that all sets share).

    Raises
    ------
    Cancelled
        By `check_stop`.
    InputError
        No set could be scored.
    """
    clock = Clock(check_stop, job.budget)
    failed: dict[str, str] = {}
    finished: list[str] = []
    open_sets = [name for name in job.sets if job.part not in read_records(job.out / name)]
    for name in job.sets:
        if name not in open_sets:
            finished.append(name)
            yield Message(
                f"{name}: its {job.part} micrographs are already scored; the record is kept"
            )
    shared: Trained | None = None
    try:
        if job.train_on == "published" and open_sets:
            shared = yield from train_on_published(job, clock.check)
        started = clock.seconds
        for number, name in enumerate(open_sets, 1):
            clock.check()
            yield Message(f"{name} ({number} of {len(open_sets)})")
            try:
                yield from _run_set(job, name, shared, clock.check)
                finished.append(name)
            except Cancelled:
                raise
            except UnetPickError as error:
                failed[name] = str(error)
                yield Failed(name, str(error))
            pace = (clock.seconds - started) / number
            yield Progress("sets", number, len(open_sets), pace * (len(open_sets) - number))
    except Cancelled:
        if not clock.spent:
            raise
    if failed and not finished:
        raise InputError(next(iter(failed.values())))
    left = [name for name in open_sets if name not in (*finished, *failed)]
    if left:
        yield Message(
            f"the budget of {job.budget:g} minutes is spent; left: {', '.join(left)} (run "
            "the same command with --resume to continue)",
            "warning",
        )
    untrained = shared.failed if shared is not None else {}
    yield Done({"finished": finished, "failed": failed, "left": left, "untrained": untrained})


def _run_set(
    job: Benchmark, name: str, shared: Trained | None, check_stop: Callable[[], None]
) -> Iterator[Event]:
    """Train (where each set has its own model), pick and score one set, and record it."""
    folder = job.out / name
    if shared is not None and name in shared.sets:
        found = shared.sets[name]
    else:
        found = read_set(name, job.folders[name], job.seed)
    yield from tell(found)
    trained = shared
    if trained is None:
        trained = yield from train_on_set(job, found, folder, check_stop)
    keys = scored_keys(found, trained, job.part)
    leaks = find_leaks(found, trained, keys)
    for leak in leaks:
        yield Message(f"{name}: leak: {leak}", "warning")
    record = yield from pick_and_score(job, found, trained, keys, folder, check_stop)
    add_record(folder, replace(record, leaks=leaks))


def scored_keys(found: CryoPPPSet, trained: Trained, part: str) -> list[str]:
    """Return which micrographs are scored.

    Of a set that the model has not seen, the test part is all that is not validation.
    """
    if part == "validation":
        return found.keys("validation")
    return found.keys("test") if found.id in trained.sets else found.keys("train", "test")


def find_leaks(found: CryoPPPSet, trained: Trained, keys: list[str]) -> list[str]:
    """Say why a set is not unseen by a model that was trained on several sets."""
    if not trained.pooled:
        return []
    leaks = []
    if found.id in trained.sets:
        leaks.append(
            f"{found.id} is a training set: other micrographs of it were used for training, "
            "so this score cannot be compared with published scores on unseen sets"
        )
    for name, other in trained.sets.items():
        same = set(keys) & set(other.keys("train", "validation")) if name != found.id else set()
        if same:
            leaks.append(
                f"{tell_count(len(same), 'micrograph')} with the name of a training "
                f"micrograph of set {name} (such as {min(same)})"
            )
    return leaks
