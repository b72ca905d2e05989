"""Finding candidates: a model over micrographs, several of them at once."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice

import torch

from napari_unetpick.engine.data.preprocess import Prepared, prepare_micrograph
from napari_unetpick.engine.data.preprocess_gpu import preprocess_on
from napari_unetpick.engine.pick.batches import in_batches
from napari_unetpick.engine.pick.doubt import nothing_here
from napari_unetpick.engine.pick.ensemble import Scored, Scorer
from napari_unetpick.engine.pick.find_one import candidates_of, find_one
from napari_unetpick.errors import Cancelled, InputError, UnetPickError
from napari_unetpick.events import Event, Failed, FoundCandidates, Message, Progress
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import tell_count
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.picking.focus import at_usual_defocus

CONTRASTS = ("auto", "dark", "light")
NAMED = 3  # micrographs in a message
MOST = 8  # micrographs at once: each takes some 200 MB
Check = Callable[[], None]
OTHER_DIAMETER = 1.25  # ratio of diameters from which a model is said to be made for another one


@dataclass(frozen=True, kw_only=True)
class FindJob:
    """Where candidates are to be found.

    Parameters
    ----------
    diameter
        A, or None for the model's.
    pixel_size
        A/px, or None to take each micrograph's own.
    threads
        For each micrograph, or None: on a CPU one, or all where there is one micrograph alone. The
        last digits of results depend on it.
    contrast
        Of the particles. "light": the network is shown the negative; "dark" and "auto": the image
        as it is. What "auto" means for a general model is found by `survey` beforehand.
    defocus
        Usual defocus of the set, A: scores become those at it, where the model knows how.
    mapped
        False where files may be written while they are picked: see `read_micrograph`.
    """

    micrographs: list[Micrograph]
    diameter: float | None = None
    pixel_size: float | None = None
    threads: int | None = None
    contrast: str = "auto"
    defocus: float | None = None
    mapped: bool = True

    def __post_init__(self) -> None:
        if self.contrast not in CONTRASTS:
            raise InputError(
                f"contrast {self.contrast}: unknown",
                "give auto, dark or light (--contrast)",
                viewer="choose auto, dark or light",
            )


def find(
    job: FindJob, scorer: Scorer, check_stop: Callable[[], None] = lambda: None
) -> Iterator[Event]:
    """Find the candidates of micrographs; events come in their order.

    Yields
    ------
    FoundCandidates or Failed for each micrograph, each followed by Progress; a Message first
    where the model was made for another diameter.

    Raises
    ------
    InputError
        Neither the job nor the model knows the diameter.
    """
    diameter = job.diameter or scorer.diameter
    if diameter is None:
        raise InputError(
            "the general model does not know the particle's diameter",
            "give --diameter",
            viewer="set the diameter",
        )
    if trained := tell_trained(job, scorer):
        yield trained
    started, total, empty = time.monotonic(), len(job.micrographs), list[str]()
    for number, (micrograph, coming) in enumerate(_worked_on(job, scorer, diameter, check_stop)):
        try:
            found = coming()
            if no_particles(found):
                empty.append(micrograph.path.name)
            yield FoundCandidates(micrograph.key, found)
        except Cancelled:
            raise
        except UnetPickError as error:
            yield Failed(micrograph.name, str(error), error.in_viewer)
        pace = (time.monotonic() - started) / (number + 1)
        yield Progress("picking", number + 1, total, pace * (total - number - 1))
    if empty:
        yield tell_empty(empty, total, diameter)


def _worked_on(
    job: FindJob, scorer: Scorer, diameter: float, check_stop: Check
) -> Iterator[tuple[Micrograph, Callable[[], Candidates]]]:
    """Work on several micrographs at once; yield each, in order, with what waits for its result.

    On a CPU each has a thread of its own for everything, which wastes none of the cores; a GPU gets
    them in batches.
    """
    on_cpu, gpu = (scorer.device.type == name for name in ("cpu", "cuda"))
    workers, threads = share_cores(job) if on_cpu else (0, job.threads or 1)

    def read(micrograph: Micrograph) -> Prepared:
        check_stop()
        return prepare_micrograph(
            micrograph,
            diameter=diameter,
            particle_px=scorer.settings.particle_px,
            upsample=scorer.settings.upsample,
            pixel_size=job.pixel_size,
            threads=threads,
            prepare=partial(preprocess_on, scorer.device) if gpu else None,
            mapped=job.mapped,
        )

    def finish(micrograph: Micrograph, prepared: Prepared, scored: Scored) -> Candidates:
        return find_here(job, scorer, micrograph, prepared, check_stop, scored)

    def whole(micrograph: Micrograph) -> Candidates:
        return find_here(job, scorer, micrograph, read(micrograph), check_stop)

    if not on_cpu:
        yield from in_batches(
            job.micrographs,
            scorer,
            read=read,
            finish=finish,
            negative=job.contrast == "light",
            check_stop=check_stop,
        )
        return
    before = torch.get_num_threads()
    # torch's number of threads is each thread's own
    start = partial(torch.set_num_threads, threads)
    pool, ahead = ThreadPoolExecutor(workers, initializer=start), deque[Future[Candidates]]()
    try:
        todo = iter(job.micrographs)
        for micrograph in job.micrographs:
            for each in islice(todo, workers + 1 - len(ahead)):
                ahead.append(pool.submit(whole, each))
            check_stop()
            yield micrograph, ahead.popleft().result
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(before)  # for threads that come later


def find_here(
    job: FindJob,
    scorer: Scorer,
    micrograph: Micrograph,
    prepared: Prepared,
    check_stop: Check,
    scored: Scored | None = None,
) -> Candidates:
    """Find the candidates of a micrograph that was read, all of them in junk if it holds none.

    `scored` is what the network gives for it, or for its negative; None: it isn't scored yet.
    """
    light = job.contrast == "light"
    if scored is None:
        found = find_one(scorer, prepared, check_stop, negative=light)
    else:
        found = candidates_of(scorer, prepared, scored)
    found = at_usual_defocus(found, scorer.focus, micrograph.defocus, job.defocus)
    doubts = scorer.general and scorer.knows_junk
    if doubts and nothing_here(
        scorer,
        micrograph,
        prepared,
        found,
        negative=light,
        mapped=job.mapped,
        check_stop=check_stop,
    ):
        return found.all_in_junk(prepared.scale.file_shape)
    return found


def share_cores(job: FindJob) -> tuple[int, int]:
    """Return how many micrographs a CPU works on at once, and with how many threads each."""
    cores = torch.get_num_threads()
    threads = job.threads or (cores if len(job.micrographs) == 1 else 1)
    threads = max(min(threads, cores), cores // MOST)
    return cores // threads, threads


def in_diameters(distance: float | None, job: FindJob, scorer: Scorer) -> float | None:
    """Return a distance between picks, given in A, as a fraction of the diameter."""
    diameter = job.diameter or scorer.diameter
    return None if distance is None or diameter is None else distance / diameter


def tell_trained(job: FindJob, scorer: Scorer) -> Message | None:
    """Warn of a model that was made for another diameter."""
    trained = scorer.diameter or job.diameter
    diameter = job.diameter or trained
    if not diameter or not trained:
        return None
    if max(diameter / trained, trained / diameter) < OTHER_DIAMETER:
        return None
    return Message(
        f"the model was trained for particles of {trained:g} A, not "
        f"{diameter:g} A; train one for this diameter if the picks are poor",
        "warning",
    )


def no_particles(found: Candidates) -> bool:
    """Tell whether a micrograph was found to hold no particles at all."""
    return found.junk is not None and not found.junk.usable


def tell_empty(names: list[str], total: int, diameter: float) -> Message:
    """Say in which micrographs nothing is picked, and why."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return Message(
        f"nothing picked in {tell_count(len(names), 'micrograph')} "
        f"({', '.join(names[:NAMED])}{more}): what looks like particles there is noise, or smaller "
        f"than {diameter:g} A (a smaller diameter, or --no-junk, picks it)",
        "warning" if 2 * len(names) > total else "info",
    )
