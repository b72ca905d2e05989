"""`unetpick demo`: the main job on sample data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write to.")] = Path("demo"),
    view: Annotated[
        bool, typer.Option("--view", help="Open a picked micrograph in napari at the end.")
    ] = False,
) -> None:
    """Sample data, train, pick, evaluate, report: the main job, in a few minutes."""
    from napari_unetpick.cli.progress import run_stoppable
    from napari_unetpick.demo import demo as run_demo

    run_stoppable(lambda check: run_demo(out, check), "run the command again to go on")
    if view:
        import subprocess
        import sys

        star = sorted((out / "picks").glob("*_autopick.star"))[0]
        micrograph = out / "data" / star.name.replace("_autopick.star", ".mrc")
        subprocess.run([sys.executable, "-m", "napari", str(micrograph), str(star)], check=False)
