"""Held-out micrographs of the diet: what the general model's scores mean, and how good it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from napari_unetpick.engine.data.preprocess import preprocess
from napari_unetpick.engine.data.training_set import Item, whole_of
from napari_unetpick.engine.general.job import HELD_OUT
from napari_unetpick.engine.general.render import imaged
from napari_unetpick.engine.nn.unet import UNet
from napari_unetpick.engine.pick.score_map import find_on
from napari_unetpick.engine.train.validation import Pairs
from napari_unetpick.errors import InputError
from napari_unetpick.evaluation.matching import label_candidates
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.labels import Labels
from napari_unetpick.picking.adaptation import Adaptation, Scored, as_set, fit_adaptation
from napari_unetpick.picking.scale import SAME_PARTICLE
from napari_unetpick.settings import Settings

Held = list[tuple[Item, "torch.Tensor"]]


def held_out(settings: Settings, count: int) -> Held:
    """Render the first `count` held-out micrographs of the diet, with their truth.

    Those without contrast are left out. The seed is theirs alone, so that every training has the
    same ones.
    """
    found: Held = []
    for number in range(HELD_OUT, HELD_OUT + count):
        micrograph, scale = imaged(settings, 0, number)
        try:
            image = preprocess(micrograph.image, scale, threads=1)
        except InputError:
            continue
        name = f"diet-{number}"
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
