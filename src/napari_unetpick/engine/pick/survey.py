"""What is found out before a picking, on a few micrographs: contrast, diameter, threshold."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from napari_unetpick.engine.data.preprocess import prepare_micrograph
from napari_unetpick.engine.pick.ensemble import Scorer
from napari_unetpick.engine.pick.evidence import (
    Looks,
    best_diameter,
    choose_contrast,
    coarse_diameters,
    estimate_diameter,
    fine_diameters,
)
from napari_unetpick.engine.pick.find import FindJob, in_diameters
from napari_unetpick.engine.pick.find_one import find_one
from napari_unetpick.engine.pick.findings import (
    Findings,
    calibration_in_words,
    contrast_in_words,
    diameter_in_words,
)
from napari_unetpick.engine.pick.windows import Opened, look, open_some, spread, thinned
from napari_unetpick.errors import InputError, UnetPickError
from napari_unetpick.events import Event, Message, Progress
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import tell_count
from napari_unetpick.picking.adaptation import Scored, as_set
from napari_unetpick.picking.focus import at_usual_defocus, usual_defocus
from napari_unetpick.picking.operating_point import Keep, OperatingPoint, operating_point

Check = Callable[[], None]
Looking = Generator[Event, None, None]
STAGE = "calibrating"


def needs_survey(job: FindJob, scorer: Scorer, keep: Keep | None = None) -> bool:
    """Tell whether a job leaves anything open that is to be found out."""
    adapts = scorer.adaptation is not None
    return keep is not None or adapts or _looks_around(job, scorer)


def survey(
    job: FindJob,
    scorer: Scorer,
    keep: Keep | None = None,
    min_distance: float | None = None,
    check_stop: Check = lambda: None,
) -> Generator[Event, None, Findings]:
    """Find out what a job leaves open, on some of its micrographs; return it.

    Contrast and diameter are looked for with a general model alone, whose calibration adapts to the
    micrographs; the threshold where an operating point is wanted.

    Parameters
    ----------
    min_distance
        A between picks, or None for the model's.

    Raises
    ------
    InputError
        The scores are no probabilities, so that an operating point cannot be known; none of the
        micrographs can be used.
    """
    check_keep(scorer, keep)
    chosen = spread(job.micrographs)
    found = Findings()
    if _looks_around(job, scorer):
        found = yield from _look_around(job, scorer, chosen, check_stop)
    if scorer.focus:
        found = replace(found, defocus=usual_defocus(each.defocus for each in job.micrographs))
    if keep is None and scorer.adaptation is None:
        return found
    now = found.applied_to(job)
    scored = yield from _score(now, scorer, chosen, check_stop)
    if scorer.adaptation is not None:
        usual = scorer.calibration
        own = scorer.adaptation.calibrate(as_set(scored, usual.min_distance), usual)
        found = replace(found, calibration=own.to_dict())
        scorer = found.calibrated(scorer)
        if keep is None:
            yield calibration_in_words(own, len(scored))
    if keep is None:
        return found
    distance = in_diameters(min_distance, now, scorer)
    scores = [thinned(each.candidates, scorer, distance) for each in scored]
    point = operating_point(np.concatenate(scores), keep)
    yield _point_in_words(point, keep, len(scores))
    return replace(found, threshold=point.threshold)


def check_keep(scorer: Scorer, keep: Keep | None) -> None:
    """Raise InputError where an operating point is wanted and the scores are no probabilities."""
    if keep is not None and scorer.calibration.kind == "rank":
        raise InputError(
            f"--keep {keep} needs calibrated scores, and this model's are not: partial labels do "
            "not tell which picks are false",
            "give --threshold, or label one micrograph completely and train again",
        )


def _looks_around(job: FindJob, scorer: Scorer) -> bool:
    return scorer.general and (job.contrast == "auto" or job.diameter is None)


def _look_around(
    job: FindJob, scorer: Scorer, chosen: Sequence[Micrograph], check_stop: Check
) -> Generator[Event, None, Findings]:
    """Find the contrast, and the diameter where it is not given."""
    opened = open_some(chosen, job.pixel_size, mapped=job.mapped)
    contrasts = ("dark", "light") if job.contrast == "auto" else (job.contrast,)
    diameters = coarse_diameters(opened) if job.diameter is None else [job.diameter]
    looks: Looks = {}
    yield from _look(scorer, opened, list(product(contrasts, diameters)), looks, check_stop)
    found = Findings()
    contrast = contrasts[0]
    if job.contrast == "auto":
        contrast, told = choose_contrast(looks)
        found = replace(found, contrast=contrast)
        yield contrast_in_words(contrast, told, len(opened))
    if job.diameter is not None:
        return found
    finer = fine_diameters(best_diameter(looks, contrast), opened)
    yield from _look(scorer, opened, [(contrast, each) for each in finer], looks, check_stop)
    estimate = estimate_diameter(looks, contrast)
    yield diameter_in_words(estimate, len(opened))
    return replace(
        found,
        diameter=round(estimate.diameter, 1),
        low=round(estimate.low, 1),
        high=round(estimate.high, 1),
        sure=estimate.sure,
    )


def _look(
    scorer: Scorer,
    opened: Sequence[Opened],
    wanted: Sequence[tuple[str, float]],
    looks: Looks,
    check_stop: Check,
) -> Looking:
    """Look at all micrographs with each (contrast, diameter)."""
    for number, (contrast, diameter) in enumerate(wanted):
        looks[contrast, diameter] = [
            look(scorer, each, diameter, negative=contrast == "light", check_stop=check_stop)
            for each in opened
        ]
        yield Progress(STAGE, number + 1, len(wanted))


def _score(
    job: FindJob, scorer: Scorer, chosen: Sequence[Micrograph], check_stop: Check
) -> Generator[Event, None, list[Scored]]:
    """Find the candidates of some micrographs and of their negatives."""
    diameter = job.diameter or scorer.diameter
    assert diameter is not None
    found, failure, light = [], "", job.contrast == "light"
    for number, micrograph in enumerate(chosen):
        try:
            prepared = prepare_micrograph(
                micrograph,
                diameter=diameter,
                particle_px=scorer.settings.particle_px,
                upsample=scorer.settings.upsample,
                pixel_size=job.pixel_size,
                threads=job.threads,
                mapped=job.mapped,
            )
        except UnetPickError as error:
            failure = failure or str(error)
            continue
        decoys = candidates = find_one(scorer, prepared, check_stop, negative=light)
        if scorer.adaptation is not None:  # nothing else asks for decoys
            decoys = find_one(scorer, prepared, check_stop, negative=not light)
        candidates, decoys = (
            at_usual_defocus(each, scorer.focus, micrograph.defocus, job.defocus)
            for each in (candidates, decoys)
        )
        found.append(Scored(candidates, decoys, prepared.scale.file_shape))
        yield Progress(STAGE, number + 1, len(chosen))
    if not found:
        raise InputError(failure)
    return found


def _point_in_words(point: OperatingPoint, keep: Keep, count: int) -> Message:
    """Say what an operating point gives, found on `count` micrographs: how many come is open."""
    if point.precision is None:
        return Message(f"--keep {keep}: no candidate is so likely to be a particle", "warning")
    return Message(
        f"--keep {keep}: threshold {point.threshold:.3f}, about "
        f"{tell_count(round(point.count / count), 'pick')} a micrograph, expected precision "
        f"{point.precision:.2f}"
    )
