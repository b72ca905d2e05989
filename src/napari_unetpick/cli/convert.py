"""`unetpick convert`: picks from one program's format to another's."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from napari_unetpick.io.images.micrograph import Micrograph
    from napari_unetpick.io.picks import Picks

Shapes = dict[str, tuple[int, int]]


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
    scale: Annotated[
        float,
        typer.Option(
            help="Factor for coordinates and diameters, for picks made on downsampled images."
        ),
    ] = 1.0,
    flip_y: Annotated[
        bool,
        typer.Option("--flip-y", help="Mirror the rows, for micrographs stored upside down."),
    ] = False,
) -> None:
    """Convert picks between formats; names, scores and fractions of pixels are kept if possible."""
    from napari_unetpick.errors import InputError
    from napari_unetpick.io.assign import assign_picks
    from napari_unetpick.io.formats.read import check_readable, read_picks
    from napari_unetpick.io.formats.topaz import are_probabilities
    from napari_unetpick.io.formats.write import check_writable, write_picks
    from napari_unetpick.io.images.listing import list_micrographs
    from napari_unetpick.io.picks import tell_count
    from napari_unetpick.io.sizes import check_diameter

    if source is not None:
        check_readable(source)
    check_writable(to)
    if not 0 < scale < inf:
        raise InputError(f"a scale of {scale:g} is not possible; give a number above 0")
    if diameter is not None:
        check_diameter(diameter)
    given = [] if micrographs is None else list_micrographs(micrographs)
    shapes = _shapes(given)
    size = _pixel_size(given, pixel_size)
    found = read_picks(picks, source, image_shapes=shapes, pixel_size=size, scale=scale)
    chosen: Mapping[str, Picks] = found
    messages = found.messages
    if given:
        assigned = assign_picks(found, given, shapes)
        chosen, messages = assigned, assigned.messages
    if flip_y:
        chosen = _flip(chosen, shapes, bool(given))
    for message in messages:
        typer.echo(message, err=True)
    box = _box_size(box_size, diameter, size)
    if to == "cbox" and diameter is not None and size is not None:
        chosen = _with_diameters(chosen, diameter / size)
    if to == "relion" and not (micrographs or "").lower().endswith(".star"):
        chosen = _named_for_relion(chosen, given, out)
    if to == "topaz" and not are_probabilities(chosen.values()):
        typer.echo("scores outside 0 to 1 are written unchanged, not as logits", err=True)
    files = write_picks(chosen, out, to, box_size=box)
    count = sum(map(len, chosen.values()))
    note = "" if count else " (PICKS has none)"
    made = "" if len(files) == 1 else f" in {len(files):,} files"
    whole = tell_count(len(chosen), "micrograph")
    typer.echo(f"{tell_count(count, 'pick')}{note} of {whole} written to {out}{made}")


def _shapes(given: list[Micrograph]) -> Shapes:
    """Return (rows, columns) by name; an unreadable micrograph is skipped and reported."""
    from napari_unetpick.errors import InputError
    from napari_unetpick.io.images.image import read_micrograph

    shapes: Shapes = {}
    for micrograph in given:
        try:
            rows, columns = read_micrograph(micrograph.path).data.shape
        except InputError as error:
            typer.echo(f"{error}; its picks are not checked against the image size", err=True)
        else:
            shapes[micrograph.key] = (rows, columns)
    return shapes


def _pixel_size(given: list[Micrograph], override: float | None) -> float | None:
    """Return the user's pixel size, else the micrographs' if they agree, else None."""
    from napari_unetpick.errors import InputError
    from napari_unetpick.io.images.image import MicrographImage, read_micrograph, resolve_pixel_size
    from napari_unetpick.io.sizes import check_pixel_size

    if override is not None:
        return check_pixel_size(override)
    sizes = set()
    for micrograph in given:
        try:
            image: MicrographImage = read_micrograph(micrograph.path)
            sizes.add(round(resolve_pixel_size(micrograph, image), 4))
        except InputError:
            return None
    return sizes.pop() if len(sizes) == 1 else None


def _box_size(box_size: int | None, diameter: float | None, pixel_size: float | None) -> int | None:
    """Return the box in pixels: the user's, else 1.5 diameters, else None (from the picks)."""
    from napari_unetpick.errors import InputError
    from napari_unetpick.io.formats.output_files import BOX_PER_DIAMETER, even_box

    if box_size is not None or diameter is None:
        return box_size
    if pixel_size is None:
        raise InputError(
            "--diameter is in A: also give --pixel-size (A/px), or give --box-size instead"
        )
    return even_box(BOX_PER_DIAMETER * diameter / pixel_size)


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


def _with_diameters(picks: Mapping[str, Picks], diameter_px: float) -> dict[str, Picks]:
    """Give picks without a diameter the user's."""
    from dataclasses import replace

    import numpy as np

    return {
        name: replace(each, diameters=np.full(len(each), diameter_px))
        if each.diameters is None
        else each
        for name, each in picks.items()
    }


def _flip(picks: Mapping[str, Picks], shapes: Shapes, given: bool) -> dict[str, Picks]:
    """Mirror the rows of every micrograph; each height is needed."""
    from napari_unetpick.errors import InputError
    from napari_unetpick.io.formats.cryoppp import flip_rows

    missing = [name for name in picks if name not in shapes]
    if missing:
        todo = (
            ", which cannot be opened; remove it from the list" if given else "; give --micrographs"
        )
        raise InputError(f"--flip-y needs the height of {missing[0]}{todo}")
    return {name: flip_rows(each, shapes[name][0]) for name, each in picks.items()}
