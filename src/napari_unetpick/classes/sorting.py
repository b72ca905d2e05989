"""Quick classes: picks are cut out, aligned and averaged, for sorting, not for publication."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.classes.alignment import Alignment, align
from napari_unetpick.classes.averages import centred, class_averages, particle_sign
from napari_unetpick.classes.images import SIDE, WIDTH, Floats, cut_stack
from napari_unetpick.classes.table import Classes
from napari_unetpick.errors import InputError, UnetPickError
from napari_unetpick.io.images.image import read_micrograph
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import Picks

COUNT = 20
MOST = 2000
FEWEST = 5  # picks for each class
READERS = 2  # micrographs at a time
Step = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ToSort:
    """The picks of one micrograph, keyed by its name, and their diameter, pixels."""

    micrograph: Micrograph
    picks: Picks
    diameter: float


def sort_picks(
    given: Sequence[ToSort],
    step: Step,
    *,
    count: int = COUNT,
    most: int = MOST,
    seed: int = 42,
) -> tuple[Classes, list[str]]:
    """Sort picks into about `count` classes.

    Parameters
    ----------
    given
        Picks by micrograph.
    step
        Is told (stage, done, total); it may raise `Cancelled`.
    count
        Classes; fewer where there are few picks.
    most
        Picks; of more, those of some micrographs are chosen, all of each: their labels are then
        complete.

    Returns
    -------
    The classes, and messages for the user.

    Raises
    ------
    InputError
        There are too few picks, or no micrograph can be read.
    """
    total = sum(len(each.picks) for each in given)
    if total < 2 * FEWEST:
        raise InputError(f"{total} picks are too few to sort; pick at least {2 * FEWEST}")
    chosen = choose(given, most, seed)
    parts, messages = _cut(chosen, step)
    stack = np.concatenate([images for _, images in parts])
    if len(stack) < 2 * FEWEST:
        raise InputError(messages[0] if messages else "no picks are left to sort")
    if len(stack) < total:
        messages.append(
            f"{len(stack):,} of {total:,} picks are sorted, on {len(parts):,} of {len(given):,} "
            "micrographs"
        )
    count = max(2, min(count, len(stack) // FEWEST))
    diameter = SIDE / WIDTH
    found = align(stack, diameter, count, lambda i, n: step("aligning", i, n), seed)
    return _finish([each for each, _ in parts], stack, found, count), messages


def choose(given: Sequence[ToSort], most: int, seed: int) -> list[ToSort]:
    """Choose micrographs at random with at most `most` picks together, but at least one."""
    some = [each for each in given if len(each.picks)]
    chosen: list[int] = []
    left = most
    for index in np.random.default_rng(seed).permutation(len(some)):
        if len(some[index].picks) <= left or not chosen:
            chosen.append(index)
            left -= len(some[index].picks)
    return [some[index] for index in sorted(chosen)]


def _cut(chosen: Sequence[ToSort], step: Step) -> tuple[list[tuple[ToSort, Floats]], list[str]]:
    """Cut the images of all picks; micrographs that cannot be read are skipped and reported."""
    parts: list[tuple[ToSort, Floats]] = []
    messages: list[str] = []
    with ThreadPoolExecutor(READERS) as pool:
        work = [pool.submit(_cut_one, each) for each in chosen]
        try:
            for number, (each, future) in enumerate(zip(chosen, work, strict=True)):
                step("cutting", number, len(chosen))
                try:
                    parts.append((each, future.result()))
                except UnetPickError as error:
                    messages.append(f"{error.in_viewer}; its picks are skipped")
        finally:
            pool.shutdown(cancel_futures=True)
    if not parts:
        raise InputError(messages[0] if messages else "no picks are left to sort")
    return parts, messages


def _cut_one(each: ToSort) -> Floats:
    image = read_micrograph(each.micrograph.path, mapped=False).data
    return cut_stack(image, each.picks.coords, each.diameter)


def _finish(parts: Sequence[ToSort], stack: Floats, found: Alignment, count: int) -> Classes:
    """Average the classes, centre them, and number them by size."""
    diameter = SIDE / WIDTH
    sizes = np.bincount(found.classes, minlength=count)
    averages = class_averages(stack, found, count)
    sign = particle_sign(averages, sizes, diameter)
    found = centred(found, averages, sign, diameter)
    order = [number for number in np.argsort(-sizes, kind="stable") if sizes[number]]
    numbers = np.zeros(count, np.intp)
    numbers[order] = np.arange(1, len(order) + 1)
    lengths = [len(each.picks) for each in parts]
    diameters = np.repeat([each.diameter for each in parts], lengths)
    return Classes(
        np.repeat([each.micrograph.name for each in parts], lengths),
        np.concatenate([each.picks.coords for each in parts]),
        diameters,
        numbers[found.classes],
        found.shifts * (diameters * WIDTH / SIDE)[:, None],
        np.degrees(found.angles),
        found.correlations,
        sign * class_averages(stack, found, count)[order],
    )


def diameters_px(
    picks: Mapping[str, Picks], diameter: float | None, pixel_sizes: Mapping[str, float]
) -> dict[str, float]:
    """Return the diameter in pixels by key: the user's (A), else the median of the picks' own.

    Raises
    ------
    InputError
        None is known, or the pixel size that the user's needs.
    """
    if diameter is not None:
        missing = [key for key in picks if key not in pixel_sizes]
        if missing:
            raise InputError(
                f"{missing[0]}: no valid pixel size in its header or its list",
                "give --pixel-size (A/px)",
                viewer="enter it in Annotate, under the diameter",
            )
        return {key: diameter / pixel_sizes[key] for key in picks}
    known: list[NDArray[np.float64]] = [
        each.diameters for each in picks.values() if each.diameters is not None
    ]
    every = np.concatenate([np.empty(0), *known])
    every = every[np.isfinite(every)]
    if not len(every):
        raise InputError("the picks have no diameter", "give --diameter (A)")
    return dict.fromkeys(picks, float(np.median(every)))
