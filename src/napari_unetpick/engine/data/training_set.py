"""A training set: labelled micrographs, preprocessed once, split into training and validation."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.engine.data.patches import BYTES_A_PIXEL, PatchSource
from napari_unetpick.engine.data.preprocess import open_micrograph, preprocess
from napari_unetpick.engine.data.targets import paint_targets
from napari_unetpick.errors import InputError, UnetPickError
from napari_unetpick.events import Event, Failed, Progress
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.labels import Labels
from napari_unetpick.picking.scale import Scale
from napari_unetpick.settings import Settings, TargetSettings

Floats = NDArray[np.float64]
VALIDATION_FRACTION = 0.2
AREA_FRACTION = 1 / 3  # of each micrograph, where there are too few to set whole ones aside


@dataclass(frozen=True)
class Region:
    """The part of a micrograph that validates: rows [top, bottom) and all columns, file pixels."""

    top: float
    bottom: float

    def holds(self, coords: Floats) -> NDArray[np.bool_]:
        """Tell which of (N, 2) lie in the region."""
        return np.asarray((coords[:, 0] >= self.top) & (coords[:, 0] < self.bottom))


@dataclass(frozen=True)
class Item:
    """One labelled micrograph of a training set.

    Parameters
    ----------
    index
        Its number in the `PatchSource`.
    held_out
        The part kept for validation: None (all of it trains) or a region.
    """

    index: int
    micrograph: Micrograph
    labels: Labels
    scale: Scale
    pixel_size: float
    held_out: Region | None = None

    @property
    def trains(self) -> bool:
        """Whether any of it trains."""
        return self.held_out != whole_of(self)


def whole_of(item: Item) -> Region:
    """Return the region that is all of a micrograph."""
    return Region(0, item.scale.file_shape[0])


def prepare(
    micrographs: list[Micrograph],
    labels: dict[str, Labels],
    *,
    diameter: float,
    pixel_size: float | None,
    settings: Settings,
    source: PatchSource,
    threads: int | None,
    check_stop: Callable[[], None],
) -> Generator[Event, None, tuple[list[Item], list[Failed]]]:
    """Preprocess every labelled micrograph into `source`; return them and what failed.

    One bad micrograph is reported and left out; all bad is an error.

    Raises
    ------
    InputError
        No labelled micrograph could be read; or the source cannot be written to.
    EngineError
        The disk is full.
    """
    wanted = [m for m in micrographs if m.key in labels and labels[m.key].state != "none"]
    items: list[Item] = []
    failed: list[Failed] = []
    last: UnetPickError | None = None
    for index, micrograph in enumerate(wanted):
        check_stop()
        try:
            scale, size, image = open_micrograph(
                micrograph,
                diameter=diameter,
                particle_px=settings.particle_px,
                upsample=settings.upsample,
                pixel_size=pixel_size,
            )
            known = source.has_image(index)
            ready = (
                None if known else preprocess(image, scale, name=micrograph.name, threads=threads)
            )
        except UnetPickError as error:
            last = error
            failed.append(Failed(micrograph.name, str(error), error.in_viewer))
            yield failed[-1]
        else:  # what cannot be stored is no fault of the micrograph
            if ready is not None:
                source.put_image(index, ready)
            items.append(Item(index, micrograph, labels[micrograph.key], scale, size))
        yield Progress("preparing", index + 1, len(wanted))
    if not items:
        raise last or InputError("no micrograph has labels; give picks of these micrographs")
    return items, failed


def disk_needed(scales: list[Scale]) -> int:
    """Bytes that the preprocessed micrographs take while training."""
    return sum(s.network_shape[0] * s.network_shape[1] for s in scales) * BYTES_A_PIXEL


def split(
    items: list[Item], rng: np.random.Generator, fraction: float = VALIDATION_FRACTION
) -> list[Item]:
    """Set fully labelled micrographs aside for validation: `fraction` of them, at least one.

    With one or two, the last third of the rows of each is set aside instead. Partly labelled
    ones never validate: precision cannot be measured there.
    """
    full = [item for item in items if item.labels.state == "full"]
    chosen: dict[int, Region] = {}
    if 0 < len(full) <= 2:
        for item in full:
            rows = item.scale.file_shape[0]
            chosen[item.index] = Region(rows * (1 - AREA_FRACTION), rows)
    elif full:
        count = max(1, round(fraction * len(full)))
        for number in rng.permutation(len(full))[:count]:
            item = full[int(number)]
            chosen[item.index] = whole_of(item)
    return [replace(item, held_out=chosen.get(item.index)) for item in items]


def split_by_names(items: list[Item], validation: set[str]) -> list[Item]:
    """Set the named micrographs (keys) aside for validation."""
    return [
        replace(item, held_out=whole_of(item)) if item.micrograph.key in validation else item
        for item in items
    ]


def training_centres(item: Item) -> Floats:
    """Particles of the training part, (N, 2) network pixels."""
    positives = item.labels.positives
    if item.held_out is not None:
        positives = positives[~item.held_out.holds(positives)]
    return item.scale.to_network(positives)


def store_targets(
    item: Item,
    source: PatchSource,
    settings: TargetSettings,
    ignored: Floats | None = None,
    junk: NDArray[np.bool_] | None = None,
) -> None:
    """Paint a micrograph's targets into the source; what is held out weighs nothing."""
    planes = paint_targets(item.labels, item.scale, settings, ignored, junk)
    if item.held_out is not None:
        top, bottom = (
            round(r / item.scale.ratio[0]) for r in (item.held_out.top, item.held_out.bottom)
        )
        planes[:2, top:bottom] = 0
    source.put_targets(item.index, planes)
