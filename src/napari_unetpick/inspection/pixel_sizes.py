"""Pixel sizes that differ within a set, or that a header only seems to know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from napari_unetpick.inspection.finding import Finding
from napari_unetpick.io.images.micrograph import Micrograph

SPREAD = 1.05  # by so much pixel sizes of one set may differ: calibrations differ by 1 or 2 %
UNSET = 1.0  # A/px: what programs write that don't know it
OFF = 2.0
"""How many times smaller or larger particles must look: of hollow ones the inner wall may be seen,
which is 1.7 times smaller."""
FIX, IN_VIEWER = "give --pixel-size (A/px)", "enter the pixel size in Annotate, under the diameter"


def differing_sizes(
    micrographs: Mapping[str, Micrograph], sizes: Mapping[str, float]
) -> list[Finding]:
    """Report pixel sizes (A/px by key) that differ, unless optics groups tell them apart."""
    groups: dict[int, set[float]] = {}
    for key, size in sizes.items():
        if (group := micrographs[key].optics_group) is not None:
            groups.setdefault(group, set()).add(size)
    known = sum(micrographs[key].optics_group is not None for key in sizes)
    if known == len(sizes) and all(max(own) <= SPREAD * min(own) for own in groups.values()):
        return []
    counts = Counter(round(size, 4) for size in sizes.values()).most_common()
    usual = counts[0][0] if counts else 0.0
    odd = [key for key, size in sizes.items() if not usual / SPREAD <= size <= usual * SPREAD]
    if not odd:
        return []
    others = ", ".join(f"{size:g}" for size in sorted({round(sizes[key], 4) for key in odd})[:3])
    what = (
        f"pixel sizes differ: {usual:g} A/px in most micrographs, {others} in {len(odd):,} of "
        f"{len(sizes):,} (such as {odd[0]}, {sizes[odd[0]]:g})"
    )
    return [Finding("pixel size", what, f"if they are all alike, {FIX}", f"if not, {IN_VIEWER}")]


def unset_sizes(micrographs: Mapping[str, Micrograph], sizes: Mapping[str, float]) -> list[str]:
    """Return the keys of micrographs whose header alone says that a pixel is exactly 1 A wide."""
    return [k for k, size in sizes.items() if size == UNSET and micrographs[k].pixel_size is None]


def contradicted_size(diameter: float, seen_px: float) -> list[Finding]:
    """Report headers of 1 A/px where the particles seen are of another size.

    Parameters
    ----------
    diameter
        A, as the user says.
    seen_px
        Diameter of the particles in the images, pixels.
    """
    size = diameter / seen_px
    if 1 / OFF < size < OFF:
        return []
    return [unset_size(f"particles of {diameter:g} A are about {seen_px:.0f} px wide", size)]


def unset_size(seen: str, size: float) -> Finding:
    """Report headers of exactly 1 A/px where what is seen speaks for another size."""
    what = f"{seen}, and the headers say exactly 1 A/px, as where it is unknown"
    about = f"about {size:.2g} A/px would fit"
    return Finding("pixel size", what, f"{about}: {FIX}", f"{about}: {IN_VIEWER}")
