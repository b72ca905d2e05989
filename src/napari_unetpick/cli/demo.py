"""`unetpick demo`: the main job on sample data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write to.")] = Path("demo"),
) -> None:
    """Sample data, train, pick, evaluate, report."""
    from napari_unetpick.cli.progress import run_stoppable
    from napari_unetpick.demo import demo as run_demo

    run_stoppable(lambda check: run_demo(out, check))
