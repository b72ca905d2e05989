"""Picking a share of a list, as one task of an array job of a queue; the shares have one folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from napari_unetpick.engine.pick.run import (
    PickJob,
    applied,
    find_out,
    not_done,
    open_folder,
    pick_some,
    with_progress,
)
from napari_unetpick.engine.pick.survey import needs_survey
from napari_unetpick.errors import InputError, UnetPickError
from napari_unetpick.events import Done, Event, Message
from napari_unetpick.export.shared_folder import SharedPickFolder
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import tell_count
from napari_unetpick.project.occupied import occupied

SHARD = re.compile(r"(\d{1,9})/(\d{1,9})")


@dataclass(frozen=True)
class Shard:
    """One of `count` shares of a list of micrographs; `number` counts from 1."""

    number: int
    count: int

    def of(self, micrographs: Sequence[Micrograph]) -> list[Micrograph]:
        """Return every `count`-th micrograph by name, from the `number`-th."""
        return sorted(micrographs, key=lambda each: each.name)[self.number - 1 :: self.count]

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def parse_shard(text: str) -> Shard:
    """Read `I/N`.

    Raises
    ------
    InputError
        I is not from 1 to N.
    """
    match = SHARD.fullmatch(text.strip())
    shard = Shard(*map(int, match.groups())) if match else Shard(0, 0)
    if not 1 <= shard.number <= shard.count:
        raise InputError(
            f"--shard {text}: give I/N with I from 1 to N, such as 1/8 (sbatch --array=1-8)"
        )
    return shard


def pick_shard(
    shard: Shard, job: PickJob, check_stop: Callable[[], None] = lambda: None
) -> Iterator[Event]:
    """Pick a share of a job's micrographs; `pick` with `resume` joins all shares to the tables.

    What is found before a picking is found on the same micrographs by each that starts before it is
    known; all use what the first one found.

    Yields
    ------
    As `pick` does; Done has the counts of micrographs alone.

    Raises
    ------
    Cancelled, UnetPickError
        What was done is kept, and can be resumed.
    """
    with occupied(job.out, shared=True):
        yield from _pick_share(shard, job, check_stop)


def _pick_share(shard: Shard, job: PickJob, check_stop: Callable[[], None]) -> Iterator[Event]:
    make = partial(SharedPickFolder, job.out, job.micrographs)
    scorer, folder = yield from open_folder(job, make)
    share = shard.of(job.micrographs)
    left = not_done(share, folder)
    try:
        if left and needs_survey(job, scorer, job.keep):
            found = yield from find_out(job, scorer, folder, check_stop)
            job, scorer = applied(found, job), found.calibrated(scorer)
        failed = yield from pick_some(replace(job, micrographs=left), scorer, folder, check_stop)
    except UnetPickError as error:
        raise with_progress(error, folder) from error
    picked = len(share) - len(failed)
    yield Message(
        f"shard {shard}: {picked:,} of {tell_count(len(share), 'micrograph')} picked; when all "
        "shards have ended, run the command with --resume instead of --shard to write the tables"
    )
    names = [event.micrograph for event in failed]
    yield Done({"micrographs": picked, "failed": names, "folder": str(job.out)})
