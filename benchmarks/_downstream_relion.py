"""RELION's commands on the picks of a simulated set: extract, classify, reconstruct.

RELION 3.1 (Debian: `apt install relion`), run as programs in the folder of the micrographs.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
from _downstream_maps import read_map
from _record import THREAD_VARIABLES, THREADS

from napari_unetpick.io.star import Block, format_loop, read_star

CLASSES, ITERATIONS = 10, 12
COARSE = 32  # pixels a side of the boxes that are classified
LAST = f"run_it{ITERATIONS:03d}_{{}}.star"
POSE = ("AngleRot", "AngleTilt", "AnglePsi", "OriginXAngst", "OriginYAngst")


def relion(folder: Path, program: str, **options: object) -> None:
    """Run a program of RELION in a folder; end with what it says if it fails.

    True stands for an option without a value.
    """
    words = [f"relion_{program}"]
    for name, value in options.items():
        words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, "1")
    done = subprocess.run(
        words,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def extract(folder: Path, job: str, out: str, box: int, share: float, scale: int = -1) -> None:
    """Cut boxes of `box` pixels around the picks in `JOB/coords`; write `OUT/particles.star`.

    `share` of the box's side is the radius of the particle; boxes are reduced to `scale` pixels.
    """
    relion(
        folder,
        "preprocess",
        i="micrographs.star",
        coord_dir=f"{job}/coords/",
        coord_suffix="_autopick.star",
        part_star=f"{out}/particles.star",
        part_dir=f"{out}/",
        extract=True,
        extract_size=box,
        scale=scale,
        norm=True,
        bg_radius=round(share * (box if scale < 0 else scale)),
        invert_contrast=True,
    )


def classify(
    folder: Path, job: str, box: int, pixel_size: float, share: float, chosen: np.ndarray
) -> None:
    """Classify the chosen picks in 2D, boxes reduced to `COARSE` pixels, into `JOB/class2d`."""
    here = f"{job}/class2d"
    if (folder / here / LAST.format("data")).is_file():
        return
    (folder / here).mkdir(exist_ok=True)
    extract(folder, job, here, box, share, scale=COARSE)
    optics, particles = blocks(folder / here / "particles.star")
    write_particles(folder / here / "chosen.star", optics, particles, chosen)
    relion(
        folder,
        "refine",
        i=f"{here}/chosen.star",
        o=f"{here}/run",
        K=CLASSES,
        iter=ITERATIONS,
        tau2_fudge=2,
        ctf=True,
        ctf_intact_first_peak=True,
        particle_diameter=round(2 * share * box * pixel_size),
        flatten_solvent=True,
        zero_mask=True,
        psi_step=12,
        offset_range=2,
        offset_step=1,
        oversampling=0,
        norm=True,
        scale=True,
        pad=1,
        preread_images=True,
        pool=30,
        j=THREADS,
        random_seed=1,
    )


def read_classes(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the averages (K, rows, cols) and the class of each pick (N,), from 0 on."""
    _, particles = blocks(folder / LAST.format("data"))
    averages = read_map(folder / LAST.format("classes").replace(".star", ".mrcs"))
    return averages, particles.numbers("rlnClassNumber").astype(int) - 1


def blocks(path: Path) -> tuple[Block, Block]:
    """Read the optics groups and the particles."""
    found = {block.name: block for block in read_star(path)}
    return found["optics"], found["particles"]


def write_particles(path: Path, optics: Block, particles: Block, chosen: np.ndarray) -> None:
    """Write the chosen rows of a particles STAR."""
    text = ""
    for block, rows in ((optics, None), (particles, chosen)):
        lines = [" ".join(row) for row in zip(*block.columns.values(), strict=True)]
        kept = lines if rows is None else [lines[row] for row in rows]
        text += f"\n# version 30001\n\n{format_loop(block.name, list(block.columns), kept)}"
    path.write_text(text, encoding="utf-8")


def with_poses(particles: Block, poses: np.ndarray) -> Block:
    """Add poses (N, 5): angles in degrees and origins in A, as RELION names them."""
    columns = {f"rln{name}": tuple(f"{v:.4f}" for v in poses[:, n]) for n, name in enumerate(POSE)}
    return Block(particles.name, particles.source, {**particles.columns, **columns})


def euler_angles(rotations: np.ndarray) -> np.ndarray:
    """Return RELION's (rot, tilt, psi), degrees, of rotations (N, 3, 3).

    A rotation turns the molecule's (x, y, z) into (column, row, beam): with RELION's ZYZ angles
    it is Z(psi) Y(tilt) Z(rot), whose last row is the beam in the molecule,
    (sin tilt cos rot, sin tilt sin rot, cos tilt), and whose last column is
    (-sin tilt cos psi, sin tilt sin psi, cos tilt).
    """
    rot = np.arctan2(rotations[:, 2, 1], rotations[:, 2, 0])
    tilt = np.arccos(np.clip(rotations[:, 2, 2], -1, 1))
    psi = np.arctan2(rotations[:, 1, 2], -rotations[:, 0, 2])
    return np.rad2deg(np.column_stack([rot, tilt, psi]))
