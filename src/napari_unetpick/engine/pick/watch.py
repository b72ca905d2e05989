"""Picking micrographs as they arrive: a picking whose list grows until nothing more comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from napari_unetpick.engine.pick.ensemble import Scorer
from napari_unetpick.engine.pick.run import (
    HEADERS,
    PickJob,
    applied,
    conclude,
    find_out,
    open_folder,
    pick_some,
    tell_counts,
    with_progress,
)
from napari_unetpick.engine.pick.survey import needs_survey
from napari_unetpick.engine.pick.windows import SURVEYED, open_some
from napari_unetpick.errors import Cancelled, InputError, UnetPickError
from napari_unetpick.events import Event, Failed, FoundCandidates, Message, Progress
from napari_unetpick.export.live_folder import LivePickFolder
from napari_unetpick.io.images.arrivals import Arrivals
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.project.occupied import occupied

STEP = 0.1
"""Seconds asleep between two looks at the clock and at Stop."""
BATCH = 4.0
"""Seconds that a batch takes, about; then RELION's list is written again."""
MOST = 500
"""Micrographs in a batch."""
SETTLE = 60.0
"""Seconds without a new micrograph after which fewer than `SURVEYED` are enough to start on."""
WRITING = 10
"""The pause after the tables were written is at least so many times as long as that took."""

Check = Callable[[], None]
Events = Generator[Event, None, None]


@dataclass(frozen=True)
class Watch:
    """What is watched, and for how long.

    Parameters
    ----------
    sources
        Folders and globs.
    idle
        Seconds without a new micrograph after which the picking ends; None: only when stopped.
    rename
        Names micrographs as the list is to have them.
    """

    sources: tuple[str, ...]
    idle: float | None = None
    rename: Callable[[list[Micrograph]], list[Micrograph]] = lambda micrographs: micrographs


def watch(job: PickJob, watched: Watch, check_stop: Check = lambda: None) -> Iterator[Event]:
    """Pick micrographs as they arrive; tables and RELION's list are written after each batch.

    What is found before a picking (contrast, diameter, threshold) is found on the first `SURVEYED`
    micrographs. Each is picked once, when it is whole. The micrographs of the job itself are not
    used.

    Yields
    ------
    As `pick` does, Progress with a note.

    Raises
    ------
    Cancelled, UnetPickError
        What was done is kept, and can be resumed.
    """
    with occupied(job.out):
        scorer, folder = yield from open_folder(job, partial(LivePickFolder, job.out))
        yield from Watcher(job, watched, scorer, folder, check_stop).run()


class Watcher:
    """A picking that waits for its micrographs."""

    def __init__(
        self, job: PickJob, watched: Watch, scorer: Scorer, folder: LivePickFolder, check: Check
    ) -> None:
        self.job = replace(job, mapped=False)
        self.watched, self.scorer, self.folder = watched, scorer, folder
        self.check = check
        self.arrivals = Arrivals(watched.sources, folder.keys)
        self.failed: dict[str, Failed] = {}  # by path
        self.unlisted: set[str] = set()  # paths of those that no list can name
        self.sample: list[Micrograph] = []
        self.pace = 1.0  # micrographs a second
        self.unpublished = False
        self.publish_at = self.progress_at = 0.0
        self.trouble = ""

    def run(self) -> Events:
        """Pick until nothing more comes."""
        try:
            yield from self._pick_all()
            failed = {*self.failed} - self.unlisted
            names = [self.failed[path].micrograph for path in failed]
            counts = self.folder.close(names + [e.micrograph for e in self._incomplete()])
        except UnetPickError as error:
            if isinstance(error, Cancelled):
                self.folder.publish()
                yield from self._incomplete()
            raise with_progress(error, self.folder) from error
        yield from self._incomplete()
        if counts.micrographs:
            yield tell_counts(self.job, self.scorer, counts)
        else:
            yield Message("no micrographs were picked", "warning")
        job = replace(self.job, micrographs=self.sample)
        yield from conclude(job, counts, [*self.failed.values(), *self._incomplete()])

    def _pick_all(self) -> Events:
        yield from self._look()
        first: list[Micrograph] = []
        if needs_survey(self.job, self.scorer, self.job.keep):
            first = yield from self._gather()
            if not first:
                return
            job = replace(self.job, micrographs=first)
            found = yield from find_out(job, self.scorer, self.folder, self.check)
            self.job, self.scorer = applied(found, self.job), found.calibrated(self.scorer)
        batch = first
        while batch or not self._is_over():
            if batch:
                yield from self._pick(batch)
            else:
                yield from self._wait()
            batch = yield from self._take(max(1, min(MOST, round(self.pace * BATCH))))

    def _gather(self) -> Generator[Event, None, list[Micrograph]]:
        """Wait for the micrographs that tell contrast, diameter and threshold."""
        first: list[Micrograph] = []
        enough = 1 if self.folder.found else SURVEYED
        settle = min(SETTLE, self.watched.idle or SETTLE)
        while len(first) < enough and not (first and self._quiet() >= settle):
            if not first and self._is_over():
                break
            for each in (yield from self._take(enough - len(first))):
                if each in first:  # it has changed
                    continue
                try:
                    open_some([each], self.job.pixel_size, mapped=False)
                    first.append(each)
                except InputError as error:
                    yield from self._refuse(each, Failed(each.name, str(error), error.in_viewer))
            yield from self._wait()
        return first

    def _take(self, most: int) -> Generator[Event, None, list[Micrograph]]:
        """Return whole micrographs that were not given out."""
        paths, refused = self.arrivals.take(most)
        for path, reason in refused:
            yield from self._tell_failed(path, reason)
        return self.watched.rename([Micrograph(path, str(path)) for path in paths])

    def _pick(self, batch: list[Micrograph]) -> Events:
        """Pick some micrographs; what is said of all of them is said of the first batch alone."""
        began, is_first = time.monotonic(), not self.sample
        todo = self.folder.extend(batch)
        for each in batch:
            if each not in todo:
                self.arrivals.finish(each.path)
        by_key, by_name = {m.key: m.path for m in batch}, {m.name: m for m in batch}
        job = replace(self.job, micrographs=todo)
        for event in pick_some(job, self.scorer, self.folder, self.check, self._is_unchanged):
            if isinstance(event, Failed):
                yield from self._refuse(by_name[event.micrograph], event)
            elif isinstance(event, FoundCandidates):
                self.arrivals.finish(by_key[event.key])
                self.failed.pop(str(by_key[event.key]), None)
                yield event
            elif isinstance(event, Progress):
                yield from self._progress()
            elif is_first:
                yield event
            yield from self._look()
        if todo:
            self.sample = (self.sample + todo)[:HEADERS]
            self.pace = len(todo) / max(time.monotonic() - began, 1e-3)
        self.unpublished = True
        self._write()

    def _write(self) -> None:
        """Write RELION's list; the tables too, unless that would take much of the time."""
        began = time.monotonic()
        if began < self.publish_at:
            self.folder.list_picked()
            return
        self.folder.publish()
        self.unpublished = False
        self.publish_at = time.monotonic() + WRITING * (time.monotonic() - began)

    def _wait(self) -> Events:
        if self.unpublished and time.monotonic() >= self.publish_at:
            self._write()
        self.check()
        time.sleep(STEP)
        yield from self._look()
        yield from self._progress()

    def _look(self) -> Events:
        for path, reason in self.arrivals.look():
            self.unlisted.add(path)
            yield from self._tell_failed(path, reason)
        if self.arrivals.trouble and not self.trouble:
            yield Message(f"{self.arrivals.trouble}; waiting for it", "warning")
        self.trouble = self.arrivals.trouble

    def _is_unchanged(self, micrograph: Micrograph) -> bool:
        return self.arrivals.unchanged(micrograph.path)

    def _refuse(self, micrograph: Micrograph, event: Failed) -> Events:
        """Set a micrograph aside until it changes; a warning the first time, unless it is gone."""
        path = str(micrograph.path)
        if self.arrivals.refuse(micrograph.path, event.reason) and path not in self.failed:
            self.failed[path] = event
            yield event

    def _tell_failed(self, path: str, reason: str) -> Events:
        if path not in self.failed:
            self.failed[path] = Failed(self._name(path), reason)
            yield self.failed[path]

    def _name(self, path: str) -> str:
        return self.watched.rename([Micrograph(Path(path), path)])[0].name

    def _incomplete(self) -> list[Failed]:
        """Return the files that end too early and were not reported."""
        return [
            Failed(self._name(path), reason)
            for path, reason in self.arrivals.incomplete
            if path not in self.failed
        ]

    def _quiet(self) -> float:
        """Return the seconds without news."""
        return time.monotonic() - self.arrivals.changed

    def _is_over(self) -> bool:
        idle = self.watched.idle
        return idle is not None and self._quiet() >= idle and not self.arrivals.settling

    def _progress(self) -> Events:
        """Say how far it is, once a second."""
        if time.monotonic() < self.progress_at:
            return
        self.progress_at = time.monotonic() + 1.0
        picked, waiting, failed = len(self.folder.picked), self.arrivals.waiting, len(self.failed)
        note = f"{picked:,} picked, {waiting:,} waiting, {failed:,} failed"
        yield Progress("watching", picked, picked + waiting + failed, note=note)
