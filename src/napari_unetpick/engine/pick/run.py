"""Picking: a model over micrographs; candidates with calibrated scores, and picks among them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.engine.data.preprocess import preprocess
from napari_unetpick.engine.devices import choose_device
from napari_unetpick.engine.pick.ensemble import Scorer, make_scorer
from napari_unetpick.engine.pick.score_map import RIM
from napari_unetpick.errors import Cancelled, InputError, UnetPickError
from napari_unetpick.events import Done, Event, Failed, FoundCandidates, Message, Progress
from napari_unetpick.export.pick_folder import check_folder, part_folder, write_results
from napari_unetpick.io.images.image import check_values, read_micrograph, resolve_pixel_size
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.models import Model
from napari_unetpick.io.picks import Picks
from napari_unetpick.picking.calibration import nearness, select
from napari_unetpick.picking.peaks import find_peaks, sample_scores
from napari_unetpick.picking.scale import Scale, make_scale

OTHER_DIAMETER = 1.25  # ratio of diameters from which a model is said to be made for another one
MOST_ABSURD = 3.0  # ratio of pixel sizes from which something is probably wrong


@dataclass(frozen=True, kw_only=True)
class FindJob:
    """Where candidates are to be found.

    Parameters
    ----------
    diameter
        A, or None for the model's.
    pixel_size
        A/px, or None to take each micrograph's own.
    """

    micrographs: list[Micrograph]
    diameter: float | None = None
    pixel_size: float | None = None
    threads: int = 2


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
    """

    models: list[tuple[str, Model]]
    out: Path
    threshold: float | None = None
    min_distance: float | None = None
    formats: tuple[str, ...] = ("star", "csv")
    device: str = "auto"


@dataclass(frozen=True)
class Picked:
    """Candidates of one micrograph, and which of them are picks."""

    micrograph: Micrograph
    coords: NDArray[np.float64]
    scores: NDArray[np.float64]
    picks: NDArray[np.intp]
    diameter_px: float
    disagreement: NDArray[np.float64] | None = None

    def as_picks(self, only: NDArray[np.intp] | None = None) -> Picks:
        """Return the candidates, or `only` some, as plain data."""
        keep = np.arange(len(self.coords)) if only is None else only
        diameters = np.full(len(keep), self.diameter_px)
        spread = None if self.disagreement is None else self.disagreement[keep]
        return Picks(
            self.micrograph.name,
            self.coords[keep],
            self.scores[keep],
            diameters,
            uncertainties=spread,
        ).made_by("model")


def pick(job: PickJob, check_stop: Callable[[], None] = lambda: None) -> Iterator[Event]:
    """Pick all micrographs and write the results.

    Yields
    ------
    Message, Progress, FoundCandidates, Failed (that micrograph is left out), and Done with counts
    and files.

    Raises
    ------
    Cancelled
        After what was finished has been written: beside the results that OUT holds, if any.
    """
    check_folder(job.out)
    device, why = choose_device(job.device)
    scorer = make_scorer(job.models, device)
    yield Message(f"device: {why}")
    results: list[Picked] = []
    failed: list[Failed] = []
    stopped: Cancelled | None = None
    micrographs = {m.key: m for m in job.micrographs}
    try:
        for event in find(job, scorer, check_stop):
            if isinstance(event, Failed):
                failed.append(event)
            elif isinstance(event, FoundCandidates):
                results.append(choose(job, scorer, micrographs[event.key], event))
            yield event
    except Cancelled as reason:
        stopped = reason
    if stopped is not None and not results:
        raise Cancelled("stopped before a micrograph was done; nothing is written")
    if not results and failed:
        raise InputError(failed[0].reason)
    out = job.out if stopped is None else part_folder(job.out)
    files = write_results(
        out,
        [(r.micrograph, r.as_picks()) for r in results],
        [(r.micrograph, r.as_picks(r.picks)) for r in results],
        job.formats,
    )
    if stopped is not None:
        kept = "" if out == job.out else f"; {job.out} keeps what it held"
        raise Cancelled(
            f"stopped; {len(results)} of {len(job.micrographs)} micrographs are written to "
            f"{out}{kept}"
        )
    count = sum(len(r.picks) for r in results)
    yield from tell_counts(job, scorer, results, count)
    yield Done(
        {
            "micrographs": len(results),
            "picks": count,
            "candidates": sum(len(r.coords) for r in results),
            "failed": [event.micrograph for event in failed],
            "files": [str(file) for file in files],
        }
    )


def tell_counts(
    job: PickJob, scorer: Scorer, results: list[Picked], count: int
) -> Iterator[Message]:
    """Say how many picks there are; none is a message of its own."""
    threshold = scorer.calibration.threshold if job.threshold is None else job.threshold
    candidates = sum(len(r.coords) for r in results)
    if count:
        yield Message(
            f"{count:,} picks in {len(results):,} micrographs at threshold {threshold:.3f} "
            f"({candidates:,} candidates), written to {job.out}"
        )
        return
    best = max((float(r.scores.max()) for r in results if len(r.scores)), default=0.0)
    yield Message(
        f"no picks: of {candidates:,} candidates in {len(results):,} micrographs none reaches the "
        f"threshold {threshold:.3f} (best {best:.3f}); lower --threshold, or check --diameter and "
        "whether the model fits these data",
        "warning",
    )


def find(
    job: FindJob, scorer: Scorer, check_stop: Callable[[], None] = lambda: None
) -> Iterator[Event]:
    """Find the candidates of one micrograph after the other, reading the next one meanwhile.

    Yields
    ------
    FoundCandidates or Failed for each micrograph, each followed by Progress; a Message first
    where the model was made for another diameter.
    """
    diameter = job.diameter or scorer.diameter
    ratio = max(diameter / scorer.diameter, scorer.diameter / diameter)
    if ratio >= OTHER_DIAMETER:
        yield Message(
            f"the model was made for particles of {scorer.diameter:g} A, not {diameter:g} A; "
            "train one for this diameter if the picks disappoint",
            "warning",
        )
    started = time.monotonic()
    total = len(job.micrographs)
    with ThreadPoolExecutor(1) as reader:

        def read(number: int) -> Future[tuple[Scale, NDArray[np.float32]]] | None:
            if number >= total:
                return None
            return reader.submit(load, job, scorer, job.micrographs[number], diameter)

        ahead = read(0)
        for number, micrograph in enumerate(job.micrographs):
            check_stop()
            assert ahead is not None
            current, ahead = ahead, None
            try:
                scale, image = current.result()
                ahead = read(number + 1)
                yield find_one(scorer, micrograph, scale, image, check_stop)
            except Cancelled:
                raise
            except UnetPickError as error:
                yield Failed(micrograph.name, str(error))
            ahead = ahead or read(number + 1)
            pace = (time.monotonic() - started) / (number + 1)
            yield Progress("picking", number + 1, total, pace * (total - number - 1))


def load(
    job: FindJob, scorer: Scorer, micrograph: Micrograph, diameter: float
) -> tuple[Scale, NDArray[np.float32]]:
    """Read and preprocess one micrograph."""
    image = read_micrograph(micrograph.path)
    check_values(image, micrograph.name)
    pixel_size = resolve_pixel_size(micrograph, image, job.pixel_size)
    rows, cols = image.data.shape
    scale = make_scale(
        (rows, cols),
        pixel_size,
        diameter,
        particle_px=scorer.settings.particle_px,
        name=micrograph.name,
    )
    return scale, preprocess(image.data, scale, name=micrograph.name, threads=job.threads)


def find_one(
    scorer: Scorer,
    micrograph: Micrograph,
    scale: Scale,
    image: NDArray[np.float32],
    check_stop: Callable[[], None] = lambda: None,
) -> FoundCandidates:
    """Find the candidates of a preprocessed micrograph."""
    maps = scorer.score(image, check_stop)
    mean = np.tensordot(scorer.weights.astype(np.float32), maps, 1)
    peaks, raw = find_peaks(mean, scale.network_diameter, rim=RIM)
    spread = None
    if len(maps) > 1:
        members = [sample_scores(each, peaks, scale.network_diameter, rim=RIM) for each in maps]
        spread = np.std(members, axis=0)
    coords = scale.to_file(peaks)
    near = nearness(coords, raw, scale.diameter_px)
    return FoundCandidates(
        micrograph.key,
        coords,
        raw,
        near,
        scale.diameter_px,
        calibration=scorer.calibration.to_dict(),
        disagreement=spread,
    )


def choose(job: PickJob, scorer: Scorer, micrograph: Micrograph, found: FoundCandidates) -> Picked:
    """Calibrate the candidates of a micrograph and choose the picks among them."""
    calibration = scorer.calibration
    scores = calibration.apply(found.raw, found.near)
    order = np.argsort(-scores, kind="stable")
    coords, scores = found.coords[order], scores[order]
    spread = None if found.disagreement is None else found.disagreement[order]
    distance = calibration.min_distance * found.diameter_px
    if job.min_distance is not None:
        distance = job.min_distance * found.diameter_px / (job.diameter or scorer.diameter)
    threshold = calibration.threshold if job.threshold is None else job.threshold
    picks = select(coords, scores, threshold, distance)
    return Picked(micrograph, coords, scores, picks, found.diameter_px, spread)
