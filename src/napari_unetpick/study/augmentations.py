"""What training sees: a cut-out of a micrograph, and what augmentation makes of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from napari_unetpick.engine.data.preprocess import preprocess
from napari_unetpick.engine.data.targets import fit_discs, paint_targets
from napari_unetpick.engine.data.transforms import CryoEMAugmentation
from napari_unetpick.errors import InputError
from napari_unetpick.io.assign import assign_picks
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.images.image import open_images, read_micrograph
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.labels import Labels
from napari_unetpick.io.picks import Picks, typical_diameter
from napari_unetpick.io.sizes import check_pixel_size
from napari_unetpick.picking.scale import make_scale
from napari_unetpick.settings import Settings

SAMPLES = 6
PART = 20  # without a diameter the particle counts as this part of the micrograph's width


@dataclass(frozen=True)
class Examples:
    """A cut-out and its augmented versions, the original first.

    Parameters
    ----------
    images, targets
        (1 + SAMPLES, rows, cols) float32; targets are 0 or 1.
    diameter
        Of the particle, in their pixels.
    notes
        What was assumed.
    """

    images: NDArray[np.float32]
    targets: NDArray[np.float32]
    diameter: float
    notes: list[str]


def augment_examples(
    path: Path,
    settings: Settings,
    picks: Path | None = None,
    diameter: float | None = None,
    pixel_size: float | None = None,
) -> Examples:
    """Cut a patch out of a micrograph and augment it, as training does.

    Parameters
    ----------
    picks
        Any supported file; without it `picks.csv` beside the micrograph, or no particles.
    diameter
        A; without it that of the picks, or a twentieth of the micrograph's width.

    Raises
    ------
    InputError
        A file or number cannot be used.
    """
    opened = read_micrograph(path)
    rows, cols = opened.data.shape
    size = opened.pixel_size if pixel_size is None else check_pixel_size(pixel_size)
    notes = [] if size else ["the pixel size is unknown: 1 A/px is assumed"]
    size = size or 1.0
    found = _find_picks(path, picks)
    if diameter is None:
        known = typical_diameter(found)
        diameter = (known or cols / PART) * size
        whose = "the picks'" if known else f"1/{PART} of the width"
        notes.append(f"diameter {diameter:.0f} A ({whose}); change it with --diameter")
    if not len(found):
        notes.append("no picks, so the target map is empty; give --picks")
    scale = make_scale(
        (rows, cols), size, diameter, particle_px=settings.particle_px, name=path.name
    )
    image = preprocess(opened.data, scale, name=path.name)
    centres = scale.to_network(found.coords)
    discs = fit_discs(settings.target, [centres], scale.network_diameter)
    target, _ = paint_targets(Labels("full", found.coords), scale, discs)
    side = min(settings.train.patch_px, *image.shape)
    top, left = _place(centres, image.shape, side)
    cut = (slice(top, top + side), slice(left, left + side))
    original = torch.from_numpy(np.stack([image[cut], (target[cut] > 0).astype(np.float32)]))
    pair = original[:, None, None].repeat(1, SAMPLES, 1, 1, 1)
    augment = CryoEMAugmentation(
        settings.augment.probability,
        scale.network_diameter,
        replace(settings.augment, ice=max(settings.augment.ice, 1 / SAMPLES)),
    )
    generator = torch.Generator().manual_seed(settings.train.seed)
    images, targets = augment(pair[0], pair[1], generator)
    return Examples(
        torch.cat([original[0][None], images[:, 0]]).numpy(),
        torch.cat([original[1][None], targets[:, 0]]).numpy(),
        scale.network_diameter,
        notes,
    )


def _find_picks(path: Path, picks: Path | None) -> Picks:
    beside = path.parent / "picks.csv"
    micrograph = Micrograph(path, path.name)
    shapes = open_images([micrograph]).shapes
    if picks is None:
        if not beside.is_file():
            return Picks(path.name, np.empty((0, 2)))
        picks = beside
    assigned = assign_picks(read_picks(picks, image_shapes=shapes), [micrograph], shapes)
    if micrograph.key not in assigned:
        raise InputError(f"{picks}: has no picks of {path.name}")
    return assigned[micrograph.key]


def _place(centres: NDArray[np.float64], shape: tuple[int, ...], side: int) -> tuple[int, int]:
    """Return the corner of the patch in which most particles lie."""
    rows, cols = shape
    if not len(centres):
        return (rows - side) // 2, (cols - side) // 2
    corners = np.clip(np.round(centres - side / 2), 0, [rows - side, cols - side]).astype(int)
    inside = [
        ((centres >= corner) & (centres <= corner + side)).all(axis=1).sum() for corner in corners
    ]
    top, left = corners[int(np.argmax(inside))]
    return int(top), int(left)
