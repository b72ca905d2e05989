"""What the general model's scores mean, and how good it is, on micrographs that taught it nothing.

Validation asks the diet, in which everything happens that ever could. Calibration asks what people
mostly have, since what a middling score means depends on it: whole molecules of one kind, little
junk, at the dose of most data or at a part of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_unetpick.engine.data.preprocess import preprocess
from napari_unetpick.engine.data.training_set import Item, whole_of
from napari_unetpick.engine.general.job import HELD_OUT
from napari_unetpick.engine.general.processes import in_order
from napari_unetpick.engine.general.render import UNSURE, imaged
from napari_unetpick.engine.nn.unet import UNet
from napari_unetpick.engine.pick.score_map import find_on
from napari_unetpick.engine.train.validation import Pairs, calibrate, score_picks
from napari_unetpick.errors import InputError
from napari_unetpick.evaluation.matching import label_candidates
from napari_unetpick.events import Event, Progress
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.labels import Labels
from napari_unetpick.picking.adaptation import Adaptation, Scored, as_set, fit_adaptation
from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.picking.focus import learn_slope
from napari_unetpick.picking.scale import SAME_PARTICLE, Scale, make_scale
from napari_unetpick.settings import Settings
from napari_unetpick.simulate.micrograph import SimulatedMicrograph, simulate_micrograph
from napari_unetpick.simulate.samples import get_sample

Held = list[tuple[Item, NDArray[np.float32]]]
"""Micrographs with their truth, and their images, preprocessed."""
AtFocus = dict[tuple[int, float], tuple[float, NDArray[np.float64]]]
"""Defocus (A) and scores of the particles by (number of the sample, how far through its range)."""
STAGE = "calibrating"
PAIRS = 25  # of micrographs near and far from focus

TYPICAL = 3000
"""Number of the first sample `random-N` that calibrates."""
DOSES = (1.0, 0.6, 0.33)
NEAR_FAR = (1 / 6, 5 / 6)
"""Through a sample's range of defocus: the middles of its lowest and of its highest third."""
FEWEST = 20  # particles of a micrograph that have a median score
ACROSS, SIDES = 22, (400, 2600)
"""Width of the images in diameters, and its limits in pixels."""


@dataclass(frozen=True, eq=False)
class Typical:
    """A micrograph that calibrates, ready to score, and its mean defocus in A."""

    held: tuple[Item, NDArray[np.float32]]
    defocus: float


def held_out(settings: Settings, count: int) -> Held:
    """Render the first `count` held-out micrographs of the diet, with their truth.

    Those without contrast are left out. The seed is theirs alone, so that every training has the
    same ones.
    """
    numbers = range(HELD_OUT, HELD_OUT + count)
    return prepared((f"diet-{n}", *imaged(settings, 0, n)) for n in numbers)


def typical_one(
    settings: Settings, number: int, third: float | None = None
) -> tuple[str, SimulatedMicrograph, Scale]:
    """Render a micrograph that calibrates, at a defocus drawn or this far through its range."""
    rng = np.random.default_rng([number, 0x747970])
    sample = get_sample(f"random-{number}")
    dose = float(rng.choice(DOSES))
    sample = replace(sample, dose=sample.dose * dose, haze=sample.haze / max(dose, 0.5))
    if third is not None:
        least, most = sample.defocus
        sample = replace(sample, defocus=(least + third * (most - least),) * 2)
    across = sample.diameter_A / sample.pixel_size
    side = int(np.clip(ACROSS * across, *SIDES)) // 16 * 16
    micrograph = simulate_micrograph(sample, 0, shape=(side, side))
    scale = make_scale(
        (side, side),
        micrograph.pixel_size,
        sample.diameter_A * float(np.exp(UNSURE * rng.standard_normal())),
        particle_px=settings.particle_px,
        upsample=settings.upsample,
    )
    return sample.name, micrograph, scale


def learn_calibration(
    network: UNet,
    settings: Settings,
    count: int,
    device: torch.device,
    processes: int = 1,
    check_stop: Callable[[], None] = lambda: None,
) -> Generator[Event, None, dict[str, Any]]:
    """Calibrate a network, ready to score, on simulated micrographs that taught it nothing.

    Each is of a sample `random-N` of its own that serves no benchmark, at all of its dose or a part
    of it and with up to twice the haze. How scores rise with defocus is learned on pairs of them.

    Parameters
    ----------
    processes
        That render; the result doesn't depend on it.

    Yields
    ------
    Progress.

    Returns
    -------
    The card's `calibration`, `adaptation`, `focus` and `validation`.

    Raises
    ------
    EngineError, Cancelled
        As `processes.result_of`.
    """
    numbers = range(TYPICAL, TYPICAL + count)
    thirds = [(n, third) for n in numbers[: min(count, PAIRS)] for third in NEAR_FAR]
    wanted = [*((n, None) for n in numbers), *thirds]
    pairs: Pairs = []
    decoys: Pairs = []
    at_focus: AtFocus = {}
    started = time.monotonic()
    made = in_order(partial(render_typical, settings), wanted, processes, check_stop)
    for done, ((number, third), one) in enumerate(zip(wanted, made, strict=True), 1):
        if one is not None and third is None:
            pairs += find_all(network, [one.held], device)
            decoys += find_all(network, [one.held], device, negative=True)
        elif one is not None and third is not None:
            scores = true_scores(*find_all(network, [one.held], device)[0])
            at_focus[number, third] = one.defocus, scores
        pace = (time.monotonic() - started) / done
        yield Progress(STAGE, done, len(wanted), pace * (len(wanted) - done))
    calibration: Calibration = calibrate(pairs, [])
    figures = score_picks(pairs, calibration, 0.0)
    return {
        "calibration": calibration.to_dict(),
        "adaptation": learn_adaptation(pairs, decoys, calibration.min_distance).to_dict(),
        "focus": round(focus_slope(at_focus), 3),
        "validation": {
            "protocol": "particle",
            "data": f"simulated, random-{numbers.start} to random-{numbers.stop - 1}",
            "micrographs": len(pairs),
            **{name: round(value, 4) for name, value in figures.items()},
        },
    }


def render_typical(settings: Settings, which: tuple[int, float | None]) -> Typical | None:
    """Render one of those that calibrate, or None where it has no contrast."""
    name, micrograph, scale = typical_one(settings, *which)
    held = prepared([(name, micrograph, scale)])
    return Typical(held[0], micrograph.defocus) if held else None


def focus_slope(found: AtFocus) -> float:
    """Learn how scores rise with defocus from those of particles near and far from focus."""
    pairs = []
    for number in dict.fromkeys(number for number, _ in found):
        both = [found[number, third] for third in NEAR_FAR if (number, third) in found]
        if len(both) == 2 and min(len(scores) for _, scores in both) >= FEWEST:
            (near, at_near), (far, at_far) = both
            pairs.append((at_near, at_far, far / near))
    return learn_slope(pairs)


def true_scores(item: Item, found: Candidates) -> NDArray[np.float64]:
    """Return the raw scores of the candidates that are particles."""
    radius = SAME_PARTICLE * found.diameter_px
    true = label_candidates(found.coords, found.raw, item.labels.positives, radius)
    return np.asarray(found.raw[true])


def prepared(micrographs: Iterable[tuple[str, SimulatedMicrograph, Scale]]) -> Held:
    """Preprocess simulated micrographs, each with its name; without those without contrast."""
    found: Held = []
    for number, (name, micrograph, scale) in enumerate(micrographs):
        try:
            image = preprocess(micrograph.image, scale, threads=1)
        except InputError:
            continue
        labels = Labels("full", micrograph.coords)
        item = Item(number, Micrograph(Path(name), name), labels, scale, micrograph.pixel_size)
        found.append((item, image))
    return found


def find_all(
    network: UNet,
    held: Held,
    device: torch.device,
    *,
    negative: bool = False,
) -> Pairs:
    """Return the held-out micrographs, whole, each with its candidates or its negative's."""
    return [
        (
            replace(item, held_out=whole_of(item)),
            find_on(network, -image if negative else image, item.scale, device),
        )
        for item, image in held
    ]


def learn_adaptation(pairs: Pairs, decoys: Pairs, distance: float) -> Adaptation:
    """Learn how the calibration follows from a set's scores; each micrograph is a set.

    Parameters
    ----------
    pairs, decoys
        From `find_all`, of the images and of their negatives.
    distance
        Minimum distance of picks, diameters.
    """
    sets = []
    for (item, found), (_, decoy) in zip(pairs, decoys, strict=True):
        keep = found.distant(distance)
        radius = SAME_PARTICLE * found.diameter_px
        true = label_candidates(found.coords[keep], found.raw[keep], item.labels.positives, radius)
        sets.append((as_set([Scored(found, decoy, item.scale.file_shape)], distance), true))
    return fit_adaptation(sets)
