"""The checks of a set of picks, one after the other: what seems wrong, one line each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from napari_unetpick.inspection.doubles import merge_doubles
from napari_unetpick.inspection.finding import Finding
from napari_unetpick.inspection.orientation import ORIENTATIONS
from napari_unetpick.inspection.pixel_sizes import (
    contradicted_size,
    differing_sizes,
    unset_sizes,
)
from napari_unetpick.inspection.sample import (
    BETTER,
    CERTAIN,
    CLEAR,
    OpenImage,
    Sample,
    map_image,
    read_sample,
    seen_diameter,
)
from napari_unetpick.inspection.scale import check_scale, too_close
from napari_unetpick.inspection.spacing import USUAL, Spacing, measure_spacing
from napari_unetpick.inspection.stretch import check_stretch
from napari_unetpick.io.images.image import Images
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import Picks, tell_count, typical_diameter

CHANCE = 1.1  # strength that says nothing
FEWEST = 50  # picks that another orientation is told from
MANY = 200  # picks that would show, were there anything to be seen
SEVERAL = 3  # micrographs: on one alone a corner may be all that was picked
NARROW = 20  # diameters across an image, at least, where the diameter is unknown
LIGHT = 5.0  # standard errors


@dataclass(frozen=True)
class Known:
    """What is known of the micrographs that picks are compared with.

    Parameters
    ----------
    micrographs
        By key; those whose images are not among `images` are not read.
    images
        Shapes and pixel sizes.
    diameter
        A, or None.
    diameters
        Pixels by key, where neither `diameter` nor the picks say it.
    pixel_size
        A/px, as the user says, instead of the headers'.
    dark
        Whether the particles should be darker than their surroundings.
    reach
        (rows, cols) that other picks of the same micrographs reach to, where shapes are unknown.
    open_image
        Opens the images that are read.
    """

    micrographs: Mapping[str, Micrograph] = field(default_factory=dict)
    images: Images = field(default_factory=Images)
    diameter: float | None = None
    diameters: Mapping[str, float] = field(default_factory=dict)
    pixel_size: float | None = None
    dark: bool = False
    reach: tuple[float, float] | None = None
    open_image: OpenImage = map_image

    def sizes_of(self, keys: Iterable[str]) -> dict[str, float]:
        """Return the known pixel sizes that the user has not given, A/px by key."""
        sizes = {} if self.pixel_size is not None else self.images.pixel_sizes
        return {key: sizes[key] for key in keys if key in sizes}

    def diameters_of(self, picks: Mapping[str, Picks]) -> dict[str, float]:
        """Return the diameter in pixels by key: the user's, else the picks' own, else another."""
        sizes = self.images.pixel_sizes
        found: dict[str, float] = {}
        for key, each in picks.items():
            size = sizes.get(key, self.pixel_size)
            if self.diameter is not None and size is not None:
                found[key] = self.diameter / size
            elif (own := typical_diameter(each) or self.diameters.get(key)) is not None:
                found[key] = own
        return found


def inspect_picks(
    picks: Mapping[str, Picks], known: Known, name: str = "", *, sizes: bool = False
) -> tuple[dict[str, Picks], list[Finding]]:
    """Merge doubles of a set of picks, and check it against the images and the diameter.

    At most 16 micrographs are read. At a wrong scale no doubles are merged: neighbours look like
    them.

    Parameters
    ----------
    picks
        By micrograph key, pixels of the file; those outside the images among them.
    name
        What options of the command line call these picks: "truth", or a method's name.
    sizes
        Whether pixel sizes and diameter are checked, too. A program's candidates may lie closer
        than particles do.

    Returns
    -------
    The picks, and what was found.
    """
    say = f"{name}=" if name else ""
    diameters = known.diameters_of(picks)
    shapes = {key: shape for key, shape in known.images.shapes.items() if key in picks}
    single, findings = merge_doubles(picks, diameters)
    spacing = measure_spacing(single, diameters, shapes, None if shapes else known.reach)
    seen = {key: known.micrographs[key] for key in shapes if key in known.micrographs}
    sample = read_sample(
        single, seen, diameters or _guess(single, shapes, spacing), known.open_image
    )
    odd = differing_sizes(known.micrographs, known.sizes_of(known.micrographs)) if sizes else []
    if wrong := check_scale(spacing, sample, say, alone=len(picks) >= SEVERAL):
        return dict(picks), odd + wrong
    unset = unset_sizes(seen, known.sizes_of(seen))
    if spacing.close and (sizes or sample.strength() < CLEAR):  # else they are candidates
        return dict(picks), odd + [too_close(spacing, say, len(unset))]
    if sizes and unset and not odd and known.diameter is not None:
        width = seen_diameter({key: single[key] for key in unset}, seen, known.open_image)
        odd = [] if width is None else contradicted_size(known.diameter, width)
    turned = _check_orientation(sample, spacing, say, bool(diameters))
    if known.dark and not turned and sample.count >= FEWEST and sample.contrast() > LIGHT:
        turned = [_light(sample)]
    return single, findings + odd + turned


def _check_orientation(sample: Sample, spacing: Spacing, say: str, sized: bool) -> list[Finding]:
    as_read = sample.strength()
    if sample.count < FEWEST or as_read >= CERTAIN:
        enough = sample.count >= FEWEST
        stretched = check_stretch(sample, spacing, say) if enough else []
        return stretched or (_strangers(sample) if sized else [])
    others = {each: sample.strength(each) for each in ORIENTATIONS[1:]}
    best = max(others, key=lambda each: others[each])
    if others[best] >= max(CLEAR, BETTER * as_read):
        if not best.swap_xy and (odd := check_stretch(sample, spacing, say, 1.0, best)):
            return odd
        what = (
            f"picks fit the images better {best.words} (evidence {others[best]:.1f} against "
            f"{as_read:.1f}; chance is below 1)"
        )
        fix = f"give --orientation {say}{best}"
        viewer = f"convert the file with --orientation {best} first"
        return [Finding("orientation", what, fix, viewer, orientation=best)]
    if stretched := check_stretch(sample, spacing, say):
        return stretched
    if as_read < CHANCE and sample.count >= MANY and sized:
        what = (
            f"{sample.count:,} picks on {tell_count(len(sample.seen), 'micrograph')} differ from "
            f"the background no more than chance does (evidence {as_read:.1f}; chance is below 1)"
        )
        fix = "do they belong to these micrographs, at this alignment and pixel size?"
        return [Finding("chance", what, fix)]
    return _strangers(sample) if sized else []


def _strangers(sample: Sample) -> list[Finding]:
    """Report single micrographs whose picks seem to belong to another one."""
    each = {seen.key: Sample((seen,)) for seen in sample.seen if len(seen.coords) >= MANY / 2}
    strengths = {key: one.strength() for key, one in each.items()}
    lost = [key for key, value in strengths.items() if value < CHANCE]
    if not lost or float(np.median(list(strengths.values()))) < CERTAIN:
        return []
    what = (
        f"picks of {len(lost)} of {tell_count(len(strengths), 'micrograph')} checked differ from "
        f"the background no more than chance does (such as {lost[0]}, evidence "
        f"{strengths[lost[0]]:.1f} where {np.median(list(strengths.values())):.1f} is usual)"
    )
    return [Finding("chance", what, "do they belong to these micrographs?")]


def _light(sample: Sample) -> Finding:
    what = (
        f"particles are lighter than their surroundings ({sample.contrast():.0f} standard errors)"
        ", and the general model has seen dark ones"
    )
    return Finding(
        "contrast",
        what,
        "invert the micrographs, or give --start scratch",
        "invert the micrographs, or train from scratch",
    )


def _guess(
    picks: Mapping[str, Picks], shapes: Mapping[str, tuple[int, int]], spacing: Spacing
) -> dict[str, float]:
    """Return diameters in pixels to look for where none is known: the picks' distance, at most."""
    apart = measure_spacing(picks, dict.fromkeys(picks, 1.0), {}).neighbour
    if apart is None:
        return {}
    width = apart / USUAL * (spacing.largest_scale or 1.0)
    return {key: min(width, min(shape) / NARROW) for key, shape in shapes.items()}
