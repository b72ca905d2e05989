"""`unetpick simulate`: micrographs with known truth, from physics."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def simulate(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write to.")],
    sample: Annotated[
        str,
        typer.Option(
            help="What is imaged: barrel, cage, rod, globule, tetramer, ribosome, contaminated."
        ),
    ] = "barrel",
    count: Annotated[int, typer.Option(help="Number of micrographs.")] = 10,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 42,
    pixel_size: Annotated[
        float | None, typer.Option(help="A/px; the sample's own if left out.")
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="Pixels a side; the sample's own if left out.")
    ] = None,
) -> None:
    """Simulate micrographs of a named sample, with picks, poses and defocus known."""
    from napari_unetpick.cli.progress import run_job
    from napari_unetpick.simulate.samples import get_sample
    from napari_unetpick.simulate.write import simulate_set

    shape = None if size is None else (size, size)
    run_job(simulate_set(get_sample(sample), out, count, seed, shape=shape, pixel_size=pixel_size))
