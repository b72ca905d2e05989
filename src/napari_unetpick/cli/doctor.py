"""`unetpick doctor`: what is installed, what computes and draws, and what is missing."""

from __future__ import annotations

import typer

PACKAGES = ("numpy", "scipy", "scikit-image", "mrcfile", "torch", "napari", "magicgui", "npe2")
BINDINGS = ("PySide6", "PyQt6")


def doctor() -> None:
    """Check the installation; the exit code is 2 if a required package is missing."""
    import os
    import platform
    import sys
    from importlib.metadata import PackageNotFoundError, version

    from napari_unetpick.version import __version__

    def installed(name: str) -> str | None:
        try:
            return version(name)
        except PackageNotFoundError:
            return None

    missing = []
    typer.echo(f"napari-unetpick {__version__}, Python {platform.python_version()}, {sys.platform}")
    for name in PACKAGES:
        found = installed(name)
        typer.echo(f"{name:14} {found or 'MISSING'}")
        if found is None:
            missing.append(name)
    bindings = [f"{name} {found}" for name in BINDINGS if (found := installed(name))]
    typer.echo(
        f"{'Qt binding':14} {', '.join(bindings) or 'none: pip install napari-unetpick[all]'}"
    )
    if "torch" not in missing:
        from napari_unetpick.engine.devices import choose_device, list_gpus, visible_words

        _, why = choose_device("auto")
        typer.echo(f"{'device':14} {why}")
        gpus = list_gpus()
        for number, name in enumerate(gpus):
            typer.echo(f"{'GPU ' + str(number):14} {name}: --device cuda:{number}")
        if gpus or "CUDA_VISIBLE_DEVICES" in os.environ:
            typer.echo(f"{'':14} {visible_words()}")
    typer.echo(f"{'CPU cores':14} {os.cpu_count()}")
    if bindings and "napari" not in missing:
        from napari_unetpick.cli.renderer import find_renderer

        renderer = find_renderer()
        typer.echo(f"{'renderer':14} {renderer}")
        if renderer.advice:
            typer.echo(f"{'':14} {renderer.advice}")
    if missing:
        typer.echo(f"missing: {', '.join(missing)}; pip install {' '.join(missing)}", err=True)
        raise typer.Exit(2)
    typer.echo("all required packages are installed")
