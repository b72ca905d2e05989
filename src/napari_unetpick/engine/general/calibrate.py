"""What the general model's scores mean, and how good it is, on micrographs that taught it nothing.

Validation asks the diet, in which everything happens that ever could. Calibration asks what people
mostly have, since what a middling score means depends on it: whole molecules of one kind, little
junk, at the dose of most data or at a part of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from napari_unetpick.engine.data.preprocess import preprocess
from napari_unetpick.engine.data.training_set import Item, whole_of
from napari_unetpick.engine.general.job import HELD_OUT
from napari_unetpick.engine.general.render import UNSURE, imaged
from napari_unetpick.engine.nn.unet import UNet
from napari_unetpick.engine.pick.score_map import find_on
from napari_unetpick.engine.train.validation import Pairs
from napari_unetpick.errors import InputError
from napari_unetpick.evaluation.matching import label_candidates
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.labels import Labels
from napari_unetpick.picking.adaptation import Adaptation, Scored, as_set, fit_adaptation
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.picking.focus import learn_slope
from napari_unetpick.picking.scale import SAME_PARTICLE, Scale, make_scale
from napari_unetpick.settings import Settings
from napari_unetpick.simulate.micrograph import SimulatedMicrograph, simulate_micrograph
from napari_unetpick.simulate.samples import get_sample

Held = list[tuple[Item, "torch.Tensor"]]

TYPICAL = 3000
"""Number of the first sample `random-N` that calibrates."""
DOSES = (1.0, 0.6, 0.33)
NEAR_FAR = (1 / 6, 5 / 6)
"""Through a sample's range of defocus: the middles of its lowest and of its highest third."""
FEWEST = 20  # particles of a micrograph that have a median score
ACROSS, SIDES = 22, (400, 2600)
"""Width of the images in diameters, and its limits in pixels."""


def held_out(settings: Settings, count: int) -> Held:
    """Render the first `count` held-out micrographs of the diet, with their truth.

    Those without contrast are left out. The seed is theirs alone, so that every training has the
    same ones.
    """
    numbers = range(HELD_OUT, HELD_OUT + count)
    return prepared((f"diet-{n}", *imaged(settings, 0, n)) for n in numbers)


def typical(settings: Settings, count: int) -> Held:
    """Render `count` micrographs of samples `random-N` that serve no benchmark, with their truth.

    Each is of a sample of its own, at all of its dose or a part of it and with as much more haze.
    """
    return prepared(typical_one(settings, n) for n in range(TYPICAL, TYPICAL + count))


def typical_one(
    settings: Settings, number: int, third: float | None = None
) -> tuple[str, SimulatedMicrograph, Scale]:
    """Render one of those, at a defocus drawn, or this far through its sample's range."""
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


def focus_slope(network: UNet, settings: Settings, count: int, device: torch.device) -> float:
    """Learn how scores rise with defocus on `count` pairs of micrographs, near and far."""
    pairs = []
    for number in range(TYPICAL, TYPICAL + count):
        both = [typical_one(settings, number, third) for third in NEAR_FAR]
        raw = [true_scores(*pair) for pair in find_all(network, prepared(both), device)]
        if len(raw) == 2 and min(map(len, raw)) >= FEWEST:
            near, far = (micrograph.defocus for _, micrograph, _ in both)
            pairs.append((raw[0], raw[1], far / near))
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
        found.append((item, torch.from_numpy(image)))
    return found


def find_all(
    network: UNet,
    held: Sequence[tuple[Item, torch.Tensor]],
    device: torch.device,
    *,
    negative: bool = False,
) -> Pairs:
    """Return the held-out micrographs, whole, each with its candidates or its negative's."""
    return [
        (
            replace(item, held_out=whole_of(item)),
            find_on(network, (-image if negative else image).numpy(), item.scale, device),
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
