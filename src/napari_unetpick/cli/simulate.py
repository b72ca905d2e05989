"""`unetpick simulate`: simulate micrographs with known particles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def simulate(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Output folder.")],
    sample: Annotated[
        str,
        typer.Option(
            help="Sample: barrel, cage, rod, globule, tetramer, ribosome, contaminated, "
            "random-N, or diet-N (what the general model learns from)."
        ),
    ] = "barrel",
    count: Annotated[int, typer.Option(help="Number of micrographs.")] = 10,
    seed: Annotated[
        int, typer.Option(help="Random seed; the same seed gives the same files.")
    ] = 42,
    pixel_size: Annotated[
        float | None, typer.Option(help="Pixel size in A/px. Default: the sample's.")
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="Width and height in pixels. Default: the sample's.")
    ] = None,
) -> None:
    """Simulate micrographs of a sample, with known particle positions, poses and defocus."""
    from napari_unetpick.cli.progress import run_job
    from napari_unetpick.simulate.samples import get_sample
    from napari_unetpick.simulate.write import simulate_set

    shape = None if size is None else (size, size)
    run_job(simulate_set(get_sample(sample), out, count, seed, shape=shape, pixel_size=pixel_size))
