"""Finding candidates: a model over micrographs, reading ahead while the network works."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.engine.data.preprocess import preprocess
from napari_unetpick.engine.pick.ensemble import Scorer
from napari_unetpick.engine.pick.score_map import RIM
from napari_unetpick.errors import Cancelled, UnetPickError
from napari_unetpick.events import Event, Failed, FoundCandidates, Message, Progress
from napari_unetpick.io.images.image import check_values, read_micrograph, resolve_pixel_size
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.picking.calibration import nearness
from napari_unetpick.picking.peaks import find_peaks, sample_scores
from napari_unetpick.picking.scale import Scale, make_scale

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
        Of the preprocessing, or None for all cores.
    """

    micrographs: list[Micrograph]
    diameter: float | None = None
    pixel_size: float | None = None
    threads: int | None = None


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
