"""`unetpick evaluate`: score picks against truth, under a stated protocol."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_unetpick.cli.options import NamedOrientations, NamedScales

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unetpick.evaluation.inputs.load import Inputs
    from napari_unetpick.evaluation.results import Evaluation


def evaluate(
    picks: Annotated[
        Path, typer.Argument(metavar="PICKS", help="Picks file, or output folder of pick.")
    ],
    truth: Annotated[
        Path, typer.Option(metavar="PICKS", help="True particles; their micrographs are scored.")
    ],
    micrographs: Annotated[
        str | None,
        typer.Option(
            metavar="M", help="Micrographs (file, folder, glob or STAR), for figures and --border."
        ),
    ] = None,
    diameter: Annotated[
        float | None,
        typer.Option(metavar="A", help="Particle diameter in Angstrom, if the truth has none."),
    ] = None,
    pixel_size: Annotated[
        float | None,
        typer.Option(metavar="A/px", help="Pixel size, instead of the one in the headers."),
    ] = None,
    scale: NamedScales = None,
    orientation: NamedOrientations = None,
    border: Annotated[
        float, typer.Option(metavar="A", help="Exclude a border of this width (A) from scoring.")
    ] = 0.0,
    protocol: Annotated[
        str,
        typer.Option(help="Evaluation protocol of the main figures: particle, iou0.6 or pixel."),
    ] = "particle",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write tables, curves, figures and a report to this folder."
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print the results as one JSON object only.")
    ] = False,
) -> None:
    """Score picks against truth: precision, recall, F1, curves and calibration."""
    from dataclasses import replace

    from napari_unetpick.errors import InputError
    from napari_unetpick.evaluation.inputs.load import PICKS, load_inputs
    from napari_unetpick.evaluation.protocols import PROTOCOLS
    from napari_unetpick.inspection.correction import TRUTH, read_corrections
    from napari_unetpick.io.formats.output_files import check_folder

    chosen = next((tag for tag in PROTOCOLS if tag == protocol), None)
    if chosen is None:
        raise InputError(f"--protocol {protocol}: give one of {', '.join(PROTOCOLS)}")
    if out is not None:
        check_folder(out, "choose another --out")
    inputs = load_inputs(
        picks,
        truth,
        micrographs,
        diameter=diameter,
        pixel_size=pixel_size,
        border=border,
        corrections=read_corrections(scale or (), orientation or (), (TRUTH, PICKS)),
    )
    found = inputs.evaluate(chosen)
    failed = [f"{key} was skipped: {reason}" for key, reason in inputs.failed.items()]
    found = replace(found, notes=(*failed, *inputs.messages, *found.notes))
    if out is not None:
        _write(out, found, inputs, f"{picks.name} against {truth.name}", quiet=json)
    if json:
        _print_json(found)
    else:
        _print_text(found, out)
    if inputs.failed:
        raise typer.Exit(3)


def _write(out: Path, found: Evaluation, inputs: Inputs, subtitle: str, quiet: bool) -> None:
    from napari_unetpick.io.images.image import read_micrograph
    from napari_unetpick.report.pages.write import write_evaluation

    def images(key: str) -> Any:
        return read_micrograph(inputs.micrographs[key].path).data

    write_evaluation(
        out,
        found,
        images if inputs.micrographs else None,
        subtitle=subtitle,
        pixel_sizes=inputs.pixel_sizes,
        on_progress=None if quiet else _make_progress(),
    )


def _make_progress() -> Callable[[int, int, str], None]:
    """Make a progress bar on stderr, so that stdout stays for results."""
    from napari_unetpick.cli.progress import Terminal
    from napari_unetpick.events import Progress

    terminal = Terminal()
    return lambda done, total, _key: terminal.show(Progress("drawing", done, total))


def _print_json(found: Evaluation) -> None:
    import json

    print(json.dumps(found.to_dict(), indent=2, allow_nan=False))


def _print_text(found: Evaluation, out: Path | None) -> None:
    from napari_unetpick.report.tables.evaluation import detail_table, plain_table, protocol_table

    table = protocol_table(found)
    print(plain_table(table))
    print(f"({table.caption})\n")
    print(plain_table(detail_table(found)))
    for note in found.notes:
        print(f"note: {note}")
    if out is not None:
        print(f"written: {out / 'report.html'}")
