"""`unetpick demo`: the whole workflow on simulated micrographs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Output folder.")] = Path("demo"),
    view: Annotated[
        bool, typer.Option("--view", help="Open a micrograph with its picks in napari at the end.")
    ] = False,
) -> None:
    """Pick simulated micrographs with the general model, fine-tune it, pick again, and report."""
    from napari_unetpick.cli.progress import run_stoppable
    from napari_unetpick.demo import demo as run_demo

    run_stoppable(lambda check: run_demo(out, check), "run the command again to resume")
    if view:
        import subprocess
        import sys

        star = sorted((out / "picks").glob("*_autopick.star"))[0]
        micrograph = out / "data" / star.name.replace("_autopick.star", ".mrc")
        subprocess.run([sys.executable, "-m", "napari", str(micrograph), str(star)], check=False)
