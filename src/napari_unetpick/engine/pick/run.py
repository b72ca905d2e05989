"""Picking: candidates with calibrated scores, picks among them, and their files."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch

from napari_unetpick.engine.devices import choose_device
from napari_unetpick.engine.pick.ensemble import Scorer, make_scorer
from napari_unetpick.engine.pick.find import FindJob, find, in_diameters
from napari_unetpick.engine.pick.findings import Findings
from napari_unetpick.engine.pick.survey import check_keep, needs_survey, survey
from napari_unetpick.errors import Cancelled, InputError, UnetPickError
from napari_unetpick.events import Done, Event, Failed, FoundCandidates, Message
from napari_unetpick.export.pick_folder import Advice, PickCounts, PickFolder, Unfinished
from napari_unetpick.export.pick_tables import Outcome
from napari_unetpick.inspection.pixel_sizes import unset_sizes
from napari_unetpick.io.images.image import open_images
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.models import Model, digest
from napari_unetpick.io.names import micrograph_key
from napari_unetpick.io.picks import tell_count
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.picking.operating_point import Keep, check_choice
from napari_unetpick.picking.outlying import tell_outlying
from napari_unetpick.project.occupied import occupied

Finder = Callable[[FindJob, Scorer, Callable[[], None]], Iterator[Event]]
"""Finds the candidates of a job's micrographs, as `find` does."""
FEW = 10  # picks per micrograph, on average: there may be something wrong with the size
HEADERS = 20  # that are read again then
Folder = TypeVar("Folder", bound=PickFolder)


@dataclass(frozen=True, kw_only=True)
class PickJob(FindJob):
    """What is to be picked and written.

    Parameters
    ----------
    models
        (name, model) of each member.
    out
        Folder of the results.
    threshold
        Score from which a candidate is a pick, or None for the model's.
    min_distance
        A between picks, or None for the model's.
    unfinished
        What is done about an unfinished picking in `out`: refuse to start, resume it (or do what
        is missing of a finished one), or restart from the first micrograph.
    advice
        What the user is told about that.
    keep
        The operating point that the threshold is chosen for, or None for `threshold`.
    max_picks
        On a micrograph, the best ones; None is no limit.
    junk
        Whether there are no picks in areas that the model sees as junk.
    thorough
        Whether scores are averaged over the eight orientations of a micrograph.

    Raises
    ------
    InputError
        Some of it cannot be.
    """

    models: list[tuple[str, Model]]
    out: Path
    threshold: float | None = None
    min_distance: float | None = None
    formats: tuple[str, ...] = ("star", "csv")
    device: str = "auto"
    unfinished: Unfinished = "refuse"
    advice: Advice = Advice()  # noqa: RUF009
    keep: Keep | None = None
    max_picks: int | None = None
    junk: bool = True
    thorough: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self.keep, self.threshold, self.max_picks)


def pick(
    job: PickJob, check_stop: Callable[[], None] = lambda: None, finder: Finder | None = None
) -> Iterator[Event]:
    """Pick all micrographs; the files of each are written as it is done, the tables at the end.

    Parameters
    ----------
    finder
        Finds the candidates instead of `find`, as on a cluster.

    Yields
    ------
    Message, Progress, FoundCandidates, Failed (that micrograph is left out), and Done with counts
    and the folder.

    Raises
    ------
    Cancelled, UnetPickError
        What was done is kept, and can be resumed.
    """
    with occupied(job.out):
        yield from _pick(job, check_stop, finder)


def _pick(job: PickJob, check_stop: Callable[[], None], finder: Finder | None) -> Iterator[Event]:
    scorer, folder = yield from open_folder(job, partial(PickFolder, job.out, job.micrographs))
    left = not_done(job.micrographs, folder)
    failed: list[Failed] = []
    try:
        joins = folder.started and bool(folder.found)  # all is there but for the tables
        if (left or joins) and needs_survey(job, scorer, job.keep):
            found = yield from find_out(job, scorer, folder, check_stop)
            job, scorer = applied(found, job), found.calibrated(scorer)
        job_left = replace(job, micrographs=left)
        failed = yield from pick_some(job_left, scorer, folder, check_stop, finder=finder)
        if failed and not folder.any_done():
            raise InputError(failed[0].reason)
        counts = folder.finish()
    except UnetPickError as error:
        if job.unfinished == "restart":  # by a job that has its own way to continue
            raise
        raise with_progress(error, folder) from error
    if folder.started:  # else there is nothing new
        yield tell_counts(job, scorer, counts)
    yield from conclude(job, counts, failed)


def open_folder(
    job: PickJob, make: Callable[[dict[str, Any], Advice], Folder]
) -> Generator[Event, None, tuple[Scorer, Folder]]:
    """Return what scores a job's micrographs, and the folder of its results, open.

    Parameters
    ----------
    make
        Makes the folder of the options and the advice.

    Raises
    ------
    InputError
        The folder holds another picking, the device is not there, or the models do not fit
        together or the job.
    """
    device, why = choose_device(job.device)
    scorer = make_scorer(job.models, device, junk=job.junk, thorough=job.thorough)
    check_keep(scorer, job.keep)
    folder = make(options_of(job, device), job.advice)
    messages = folder.open(job.unfinished)
    yield Message(f"device: {why}")
    yield from map(Message, messages)
    return scorer, folder


def not_done(micrographs: Sequence[Micrograph], folder: PickFolder) -> list[Micrograph]:
    """Return those micrographs that the folder lacks."""
    todo = {micrograph_key(name) for name in folder.todo()}
    return [each for each in micrographs if each.key in todo]


def pick_some(
    job: PickJob,
    scorer: Scorer,
    folder: PickFolder,
    check_stop: Callable[[], None],
    accept: Callable[[Micrograph], bool] = lambda _: True,
    finder: Finder | None = None,
) -> Generator[Event, None, list[Failed]]:
    """Pick a job's micrographs into a folder that is open; return those that failed.

    Parameters
    ----------
    accept
        Asked before a micrograph's files are written; False leaves it undone, without a word.
    """
    if not job.micrographs:
        return []
    micrographs = {m.key: m for m in job.micrographs}
    failed: list[Failed] = []
    alike = replace(job, threads=job.threads or 1)  # however many are left: the same bytes
    for event in (finder or find)(alike, scorer, check_stop):
        if isinstance(event, Failed):
            failed.append(event)
        elif isinstance(event, FoundCandidates):
            if not accept(micrographs[event.key]):
                continue
            folder.add(choose(job, scorer, micrographs[event.key], event.candidates))
        yield event
    return failed


def with_progress(error: UnetPickError, folder: PickFolder) -> UnetPickError:
    """Return the error with how much is done and how to resume."""
    reason = "stopped" if isinstance(error, Cancelled) else str(error)
    return type(error)(f"{reason}; {folder.progress()}")


def conclude(job: PickJob, counts: PickCounts, failed: list[Failed]) -> Iterator[Event]:
    """Warn of what is unusual in the counts, and end the job."""
    if counts.picks < FEW * counts.micrographs and unset_headers(job):
        yield Message(
            "few picks, and the headers say exactly 1 A/px, as where it is unknown; if a pixel has "
            "another size, give --pixel-size (A/px)",
            "warning",
        )
    if counts.in_junk:
        yield tell_junk(counts)
    if outlying := tell_outlying(counts.each):
        yield Message(outlying, "warning")
    yield Done(
        {
            "micrographs": counts.micrographs,
            "picks": counts.picks,
            "candidates": counts.candidates,
            "failed": [event.micrograph for event in failed],
            "folder": str(job.out),
        }
    )


def find_out(
    job: PickJob, scorer: Scorer, folder: PickFolder, check_stop: Callable[[], None]
) -> Generator[Event, None, Findings]:
    """Return what the picking in the folder found out before, or find it out and keep it there."""
    if folder.found:
        found = Findings.read(folder.found)
        yield Message(f"as found before: {found}")
        return found
    found = yield from survey(job, scorer, job.keep, job.min_distance, check_stop)
    folder.keep_found(found.to_table())
    return Findings.read(folder.found)  # another process may have been faster


def applied(found: Findings, job: PickJob) -> PickJob:
    """Return the job with what was found, where nothing was given."""
    job = found.applied_to(job)
    return job if found.threshold is None else replace(job, threshold=found.threshold, keep=None)


def options_of(job: PickJob, device: torch.device) -> dict[str, Any]:
    """Return what changes the files of a picking; a resumed one must have the same."""
    more = {"contrast": job.contrast, "keep": job.keep, "max_picks": job.max_picks}
    more |= {"junk": None if job.junk else "kept", "thorough": job.thorough or None}
    return {
        "models": [digest(model) for _, model in job.models],
        "diameter": job.diameter or "auto",
        "pixel_size": job.pixel_size or "auto",
        "threshold": "auto" if job.threshold is None else job.threshold,
        "min_distance": "auto" if job.min_distance is None else job.min_distance,
        "formats": sorted({*job.formats} - {"csv"}),  # which is always written
        "device": device.type,
        **{name: value for name, value in more.items() if value not in (None, "auto")},
    }


def unset_headers(job: PickJob) -> bool:
    """Tell whether headers alone give the pixel size, and say what programs write for none."""
    looked_at = {m.key: m for m in job.micrographs[:HEADERS]}
    sizes = {} if job.pixel_size else open_images(looked_at.values()).pixel_sizes
    return bool(sizes) and len(unset_sizes(looked_at, sizes)) == len(sizes)


def tell_counts(job: PickJob, scorer: Scorer, counts: PickCounts) -> Message:
    """Say how many picks there are; none is a message of its own."""
    threshold = scorer.calibration.threshold if job.threshold is None else job.threshold
    micrographs = tell_count(counts.micrographs, "micrograph")
    candidates = tell_count(counts.candidates, "candidate")
    if counts.picks:
        return Message(
            f"{tell_count(counts.picks, 'pick')} in {micrographs} at threshold {threshold:.3f} "
            f"({candidates}), written to {job.out}"
        )
    if counts.in_junk:
        return Message(
            f"no picks: {tell_count(counts.in_junk, 'candidate')} at or above the threshold "
            f"{threshold:.3f}, all in junk; add --no-junk if they are particles",
            "warning",
        )
    return Message(
        f"no picks: of {candidates} in {micrographs} none reaches the threshold {threshold:.3f} "
        f"(best {counts.best or 0:.3f}); lower --threshold, or check "
        "--diameter and whether the model fits these data",
        "warning",
    )


def tell_junk(counts: PickCounts) -> Message:
    """Say how many picks there would be in junk."""
    assert counts.usable is not None
    return Message(
        f"{tell_count(counts.in_junk, 'candidate')} in junk (ice, carbon, edges) left out; usable "
        f"area {counts.usable:.2f} in the mean"
    )


def choose(job: PickJob, scorer: Scorer, micrograph: Micrograph, found: Candidates) -> Outcome:
    """Return all candidates of a micrograph with their scores, and the picks among them."""
    name, calibration = micrograph.name, scorer.calibration
    distance = in_diameters(job.min_distance, job, scorer)
    return Outcome(
        found.scored(calibration, micrograph=name),
        found.picks(calibration, job.threshold, distance, most=job.max_picks, micrograph=name),
        None if found.junk is None else found.junk.usable,
        len(found.picks_in_junk(calibration, job.threshold, distance)),
    )
