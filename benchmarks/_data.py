"""Simulated micrographs for the speed benchmarks; made once, kept in `out/`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from _record import OUT

SAMPLE = "barrel"
DIAMETER = 160.0  # A
TRAINING_SIZE = (6, 1024, 4.0)  # micrographs, pixels a side, A/px


def large_micrographs(count: int, shape: tuple[int, int] = (4096, 4096)) -> list[Path]:
    """Return `count` micrographs of `shape` at 1.0 A/px, simulated where they are not there yet.

    float32 (MRC mode 2), as motion correction writes them.
    """
    import mrcfile

    from napari_unetpick.io.atomic import atomic_path
    from napari_unetpick.simulate.micrograph import simulate_micrograph
    from napari_unetpick.simulate.samples import get_sample

    folder = OUT / "micrographs"
    folder.mkdir(parents=True, exist_ok=True)
    sample = get_sample(SAMPLE).sampled(shape, 1.0)
    paths = []
    for seed in range(1, count + 1):
        path = folder / f"{SAMPLE}_{shape[0]}x{shape[1]}_{seed:02d}.mrc"
        if not path.is_file():
            say(f"simulating {path.name}")
            image = simulate_micrograph(sample, seed).image
            with (
                atomic_path(path) as temporary,
                mrcfile.new(temporary, data=image.astype("float32"), overwrite=True) as mrc,
            ):
                mrc.voxel_size = 1.0
        paths.append(path)
    return paths


def training_set() -> Path:
    """Return a folder with six labelled 1024 x 1024 micrographs at 4 A/px, and `picks.csv`."""
    count, size, pixel_size = TRAINING_SIZE
    folder = OUT / "training"
    if not (folder / "picks.csv").is_file():
        say(f"simulating {count} micrographs to train on")
        unetpick(
            *("simulate", folder, "--sample", SAMPLE, "--count", count, "--seed", 1),
            *("--size", size, "--pixel-size", pixel_size),
        )
    return folder


def unetpick(*arguments: object) -> None:
    """Run a command of the command line; end with what it says if it fails."""
    command = [sys.executable, "-m", "napari_unetpick", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")


def say(line: str) -> None:
    """Tell what takes a while, apart from the results."""
    print(line, file=sys.stderr, flush=True)
