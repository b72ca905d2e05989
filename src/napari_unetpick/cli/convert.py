"""`unetpick convert`: picks from one program's format to another's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_unetpick.cli.options import OrientationOption, Scale

if TYPE_CHECKING:
    from napari_unetpick.io.images.image import Images
    from napari_unetpick.io.images.micrograph import Micrograph
    from napari_unetpick.io.picks import Picks

Shapes = dict[str, tuple[int, int]]
WITH_BOXES = ("box", "cbox")


def convert(
    picks: Annotated[Path, typer.Argument(metavar="PICKS", help="File or folder of picks.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Output file or folder.")],
    to: Annotated[
        str,
        typer.Option(help="Output format: csv, star, relion, box, cbox, eman, topaz or cryosparc."),
    ],
    source: Annotated[
        str | None,
        typer.Option("--from", help="Format of PICKS, if it is not recognised correctly."),
    ] = None,
    micrographs: Annotated[
        str | None,
        typer.Option(
            metavar="MICROGRAPHS",
            help="Micrographs (file, folder, glob or STAR). Their names are written, and picks "
            "outside them are dropped.",
        ),
    ] = None,
    diameter: Annotated[
        float | None,
        typer.Option(
            metavar="A", help="Particle diameter in Angstrom; a box is 1.5 times as wide."
        ),
    ] = None,
    pixel_size: Annotated[
        float | None, typer.Option(metavar="A/PX", help="Pixel size of the micrographs (A/px).")
    ] = None,
    box_size: Annotated[
        int | None,
        typer.Option(metavar="PX", help="Box size in pixels (even), instead of --diameter."),
    ] = None,
    scale: Scale = 1.0,
    orientation: OrientationOption = "none",
    flip_y: Annotated[
        bool, typer.Option("--flip-y", help="The same as --orientation flip-y.")
    ] = False,
    exposures: Annotated[
        Path | None,
        typer.Option(
            metavar="CS",
            help="Exposures of cryoSPARC (.cs): picks are named as these are, with their uids. "
            "Needed to write a .cs.",
        ),
    ] = None,
) -> None:
    """Convert picks between formats; names, scores and fractions of pixels are kept if possible."""
    from napari_unetpick.export.cs_particles import (
        name_as_exposures,
        read_names,
        write_cryosparc,
    )
    from napari_unetpick.inspection.assign_inspected import assign_inspected
    from napari_unetpick.inspection.correction import make_correction, read_corrected
    from napari_unetpick.inspection.inspect_picks import Known, inspect_picks
    from napari_unetpick.io.formats.read import check_readable
    from napari_unetpick.io.formats.topaz import are_probabilities
    from napari_unetpick.io.formats.write import check_writable, write_picks
    from napari_unetpick.io.images.listing import list_micrographs
    from napari_unetpick.io.picks import tell_count
    from napari_unetpick.io.sizes import check_sizes

    if source is not None:
        check_readable(source)
    check_writable(to)
    correction = make_correction(scale, "flip-y" if flip_y else orientation)
    check_sizes(diameter, pixel_size)
    given = [] if micrographs is None else list_micrographs(micrographs)
    images = _open(given, pixel_size)
    shapes, common = images.shapes, _one_size(images, given, pixel_size)
    found = read_corrected(picks, correction, images, pixel_size, source)
    known = Known(images=images, diameter=diameter, pixel_size=pixel_size)
    chosen: Mapping[str, Picks]
    if given:
        assigned = assign_inspected(found, given, known)
        chosen, messages = assigned, assigned.messages
    else:
        chosen, wrong = inspect_picks(found, known)
        messages = [*found.messages, *map(str, wrong)]
    listed = None if exposures is None else read_names(exposures)
    if listed is not None:
        named = name_as_exposures(chosen, listed, shapes)
        chosen, messages = named, list(dict.fromkeys([*messages, *named.messages]))
    for message in messages:
        typer.echo(message, err=True)
    widths = {} if diameter is None else _widths(chosen, diameter, images, common)
    boxes = _boxes(chosen, box_size, diameter, widths)
    if to == "cbox":
        chosen = _with_diameters(chosen, widths)
    if boxes is not None or to in WITH_BOXES:
        for message in _describe_boxes(chosen, boxes, shapes):
            typer.echo(message, err=True)
    if to == "relion" and not (micrographs or "").lower().endswith(".star"):
        chosen = _named_for_relion(chosen, given, out)
    if to == "topaz" and not are_probabilities(chosen.values()):
        typer.echo("scores outside 0 to 1 are written unchanged, not as logits", err=True)
    if to == "cryosparc" and out.suffix.lower() == ".cs":
        files = write_cryosparc(out, list(chosen.values()), listed or [])
    else:
        files = write_picks(chosen, out, to, box_size=boxes)
    count = sum(map(len, chosen.values()))
    note = "" if count else " (PICKS has none)"
    made = "" if len(files) == 1 else f" in {len(files):,} files"
    whole = tell_count(len(chosen), "micrograph")
    typer.echo(f"{tell_count(count, 'pick')}{note} of {whole} written to {out}{made}")


def _open(given: list[Micrograph], pixel_size: float | None) -> Images:
    """Open the micrographs for their sizes; an unreadable one is reported."""
    from napari_unetpick.io.images.image import open_images

    images = open_images(given, pixel_size)
    for error in images.failed.values():
        typer.echo(f"{error}; its picks are not checked against the image size", err=True)
    return images


def _one_size(images: Images, given: list[Micrograph], override: float | None) -> float | None:
    """Return the user's pixel size, else the micrographs' if all have one and agree, else None."""
    if override is not None:
        return override
    sizes = {round(size, 4) for size in images.pixel_sizes.values()}
    return sizes.pop() if len(sizes) == 1 and len(images.pixel_sizes) == len(given) else None


def _widths(
    picks: Mapping[str, Picks], diameter: float, images: Images, common: float | None
) -> dict[str, float]:
    """Return the diameter in pixels by micrograph name, where the pixel size is known."""
    from napari_unetpick.io.names import micrograph_key

    names = [each.micrograph for each in picks.values()]
    sizes = {name: common or images.pixel_sizes.get(micrograph_key(name)) for name in names}
    return {name: diameter / size for name, size in sizes.items() if size is not None}


def _boxes(
    picks: Mapping[str, Picks],
    box_size: int | None,
    diameter: float | None,
    widths: Mapping[str, float],
) -> int | dict[str, int] | None:
    """Return the user's box in pixels, else 1.5 diameters by name, else None (from the picks)."""
    from napari_unetpick.errors import InputError
    from napari_unetpick.io.formats.box_size import BOX_PER_DIAMETER, good_box, say_sizes

    if box_size is not None or diameter is None:
        return box_size
    if len(widths) < len(picks):
        raise InputError(
            "--diameter is in A: also give --pixel-size (A/px), or give --box-size instead"
        )
    boxes = {name: good_box(BOX_PER_DIAMETER * width) for name, width in widths.items()}
    if len({*boxes.values()}) > 1:
        typer.echo(f"pixel sizes differ: boxes of {say_sizes(boxes.values())}", err=True)
    return boxes


def _describe_boxes(
    picks: Mapping[str, Picks], boxes: int | Mapping[str, int] | None, shapes: Shapes
) -> list[str]:
    """Say how many boxes cross an edge or overlap a neighbour."""
    from napari_unetpick.io.formats.box_size import box_size_for, describe_boxes
    from napari_unetpick.io.names import micrograph_key

    def size(each: Picks) -> int:
        if boxes is None:
            return box_size_for(each)
        return boxes if isinstance(boxes, int) else boxes[each.micrograph]

    return describe_boxes(
        (each, size(each), shapes.get(micrograph_key(each.micrograph))) for each in picks.values()
    )


def _named_for_relion(
    picks: Mapping[str, Picks], given: list[Micrograph], out: Path
) -> dict[str, Picks]:
    """Name micrographs that no STAR names as RELION would, and report doubtful names."""
    from dataclasses import replace

    from napari_unetpick.io.formats.relion_list import project_names

    files = {m.name: m.path for m in given}
    names, doubts = project_names(
        {each.micrograph: files.get(each.micrograph) for each in picks.values()},
        out,
        "give --micrographs CtfFind/jobNNN/micrographs_ctf.star",
    )
    for doubt in doubts:
        typer.echo(doubt, err=True)
    return {k: replace(each, micrograph=names[each.micrograph]) for k, each in picks.items()}


def _with_diameters(picks: Mapping[str, Picks], widths: Mapping[str, float]) -> dict[str, Picks]:
    """Give picks without a diameter the user's."""
    from dataclasses import replace

    import numpy as np

    return {
        name: replace(each, diameters=np.full(len(each), widths[each.micrograph]))
        if each.diameters is None and each.micrograph in widths
        else each
        for name, each in picks.items()
    }
