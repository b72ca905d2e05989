"""`unetpick classes`: picks sorted by quick 2D classes, or by those of another program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_unetpick.cli.options import PixelSize

if TYPE_CHECKING:
    from napari_unetpick.classes.table import Classes
    from napari_unetpick.io.images.image import Images
    from napari_unetpick.io.images.micrograph import Micrograph


def classes(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the classes.")],
    micrographs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MICROGRAPHS]...",
            help="Micrograph files, a folder, a glob, a micrographs STAR or cryoSPARC's exposures "
            "(.cs). Not needed for classes that are there already.",
        ),
    ] = None,
    picks: Annotated[
        Path | None, typer.Option(metavar="PICKS", help="Picks to sort into quick classes.")
    ] = None,
    diameter: Annotated[
        float | None,
        typer.Option(metavar="A", help="Particle diameter in Angstrom. Default: the picks'."),
    ] = None,
    pixel_size: PixelSize = None,
    count: Annotated[
        int, typer.Option("--classes", metavar="N", min=2, max=200, help="Number of classes.")
    ] = 20,
    max_picks: Annotated[
        int,
        typer.Option(
            metavar="N", min=10, max=10_000, help="Most picks to sort, of whole micrographs."
        ),
    ] = 2000,
    seed: Annotated[int, typer.Option(metavar="S", min=0, help="Random seed.")] = 42,
    reject: Annotated[
        str | None,
        typer.Option(
            metavar="N,N,...",
            help="Numbers of the classes to reject: writes picks.csv (kept, recentred), "
            "and negatives.csv (rejected), for `unetpick train --picks DIR/picks.csv`.",
        ),
    ] = None,
    accepted: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Accepted particles of another program: RELION's particles.star of a Select job, "
            "or cryoSPARC's particles_selected.cs.",
        ),
    ] = None,
    rejected_from: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What the accepted particles were selected from: RELION's run_itNNN_data.star of "
            "the Class2D job; or cryoSPARC's particles_excluded.cs.",
        ),
    ] = None,
    after: Annotated[
        Path | None,
        typer.Option(
            metavar="PICKS",
            help="Picks of a later picking: print how many picks of each class are picked again.",
        ),
    ] = None,
) -> None:
    """Sort picks by 2D classes; reject classes as negatives for the next training.

    Quick classes are for sorting, not for publication. Writes classes.png, classes.mrcs and
    particles.csv (class, shift and correlation of each pick).
    """
    from napari_unetpick.classes.labels import write_class_labels
    from napari_unetpick.classes.table import read_classes, write_classes
    from napari_unetpick.errors import InputError
    from napari_unetpick.io.formats.output_files import refuse_file
    from napari_unetpick.io.sizes import check_sizes

    check_sizes(diameter, pixel_size)
    refuse_file(out)
    if (accepted is None) != (rejected_from is None):
        raise InputError("--accepted and --rejected-from are given together")
    if accepted is not None and (picks is not None or reject is not None):
        raise InputError("--accepted takes the place of --picks and --reject; give one of them")
    numbers = None if reject is None else _numbers(reject)
    if after is not None:
        _print_changes(out, picks, after)
        return
    if accepted is not None and rejected_from is not None:
        found = _from_outside(accepted, rejected_from, micrographs or [], diameter, pixel_size)
        write_classes(out, found)
    elif picks is not None:
        if not micrographs:
            raise InputError("missing argument 'MICROGRAPHS': the micrographs of the picks")
        found = _sort(micrographs, picks, diameter, pixel_size, count, max_picks, seed)
        _write(out, found)
        _copy_states(picks, out)
    else:
        found = read_classes(out)
        if numbers is None:
            raise InputError("give --picks to make classes, --reject to reject some, or --after")
    if numbers is not None:
        found = found.reject(numbers)
        write_classes(out, found)
    if found.rejected:
        typer.echo(write_class_labels(out, *found.split()))


def _numbers(text: str) -> list[int]:
    from napari_unetpick.errors import InputError

    try:
        return [int(part) for part in text.replace(",", " ").split()]
    except ValueError:
        raise InputError(f"--reject {text}: give numbers of classes, such as 3,7,12") from None


def _images(sources: list[str], pixel_size: float | None) -> tuple[list[Micrograph], Images]:
    from napari_unetpick.io.images.image import open_images
    from napari_unetpick.io.images.listing import list_micrographs

    given = list_micrographs(sources) if sources else []
    images = open_images(given, pixel_size)
    for error in images.failed.values():
        typer.echo(f"{error}; its picks are skipped", err=True)
    return given, images


def _sort(
    sources: list[str],
    picks: Path,
    diameter: float | None,
    pixel_size: float | None,
    count: int,
    most: int,
    seed: int,
) -> Classes:
    """Read the picks of the micrographs and sort them."""
    from napari_unetpick.classes.sorting import ToSort, diameters_px, sort_picks
    from napari_unetpick.cli.progress import StopSwitch, Terminal
    from napari_unetpick.events import Progress
    from napari_unetpick.io.assign import assign_picks
    from napari_unetpick.io.formats.read import read_picks

    given, images = _images(sources, pixel_size)
    shapes = images.shapes
    found = read_picks(
        picks, image_shapes=shapes, pixel_size=pixel_size, pixel_sizes=images.pixel_sizes
    )
    assigned = assign_picks(found, given, shapes)
    for message in assigned.messages:
        typer.echo(message, err=True)
    readable = {key: each for key, each in assigned.items() if key in shapes}
    sizes = diameters_px(readable, diameter, images.pixel_sizes)
    by_key = {each.key: each for each in given}
    terminal = Terminal()
    with StopSwitch("nothing was written") as switch:

        def step(stage: str, done: int, total: int) -> None:
            switch.check()
            terminal.show(Progress(stage, done, total))

        sets = [ToSort(by_key[key], each, sizes[key]) for key, each in readable.items()]
        try:
            made, messages = sort_picks(sets, step, count=count, most=most, seed=seed)
        finally:
            terminal.close()
    for message in messages:
        typer.echo(message, err=True)
    return made


def _copy_states(picks: Path, out: Path) -> None:
    """Keep what a `labels.csv` beside the picks says: which micrographs are partly labelled."""
    from napari_unetpick.io.atomic import write_text
    from napari_unetpick.io.formats.read import LABELS_FILE, holds_states

    source = (picks if picks.is_dir() else picks.parent) / LABELS_FILE
    if source.is_file() and holds_states(source):
        write_text(out / LABELS_FILE, source.read_text(encoding="utf-8"))
    else:
        (out / LABELS_FILE).unlink(missing_ok=True)


def _write(out: Path, found: Classes) -> None:
    from napari_unetpick.classes.table import write_classes
    from napari_unetpick.io.atomic import atomic_path
    from napari_unetpick.io.picks import tell_count
    from napari_unetpick.report.figures.canvas import to_png
    from napari_unetpick.report.figures.classes import draw_classes

    write_classes(out, found)
    with atomic_path(out / "classes.png") as path:
        path.write_bytes(to_png(draw_classes(found)))
    whole = tell_count(len(found), "pick")
    typer.echo(f"{whole} in {found.count} classes: {out / 'classes.png'}")


def _from_outside(
    accepted: Path,
    rejected_from: Path,
    sources: list[str],
    diameter: float | None,
    pixel_size: float | None,
) -> Classes:
    """Read another program's classes as two: accepted and rejected."""
    from napari_unetpick.classes.outside import as_classes, read_outside
    from napari_unetpick.io.assign import assign_picks
    from napari_unetpick.io.picks import ReadOptions

    given, images = _images(sources, pixel_size)
    shapes = images.shapes
    options = ReadOptions(shapes, pixel_size, pixel_sizes=images.pixel_sizes)
    found = read_outside(accepted, rejected_from, options)
    parts = (found.kept, found.rejected)
    if given:
        parts = tuple(assign_picks(part, given, shapes) for part in parts)
    for message in dict.fromkeys(message for part in parts for message in part.messages):
        typer.echo(message, err=True)
    sizes = images.pixel_sizes
    known = {} if diameter is None else {key: diameter / size for key, size in sizes.items()}
    return as_classes(parts[0], parts[1], known)


def _print_changes(out: Path, before: Path | None, after: Path) -> None:
    from napari_unetpick.classes.changes import changes
    from napari_unetpick.classes.table import read_classes
    from napari_unetpick.io.formats.read import read_picks
    from napari_unetpick.report.tables.classes import change_table
    from napari_unetpick.report.tables.evaluation import plain_table

    earlier = None if before is None else read_picks(before)
    rows = changes(read_classes(out), earlier, read_picks(after))
    typer.echo(plain_table(change_table(rows, before is not None)))
