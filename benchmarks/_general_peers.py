"""Other pickers that need no labels, on the sets of general.py; each in a process of its own.

What a peer found on a set is kept in `out/peers/` and found again by the content of the
micrographs, so that a run with another model of ours does not run the peers again.

- Topaz's pretrained network: `preprocess` and `extract` in Topaz's own environment, at three
  downsamplings.
- RELION's Laplacian-of-Gaussian picker, `relion_autopick --LoG`, found on PATH, at three
  thresholds.
- ASPIRE's APPLE picker, in ASPIRE's own environment, at four settings. Its picks have no scores.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from _data import say
from _general_scores import diameters_px
from _record import OUT, THREADS, Worker

from napari_unetpick.io.atomic import atomic_path
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.images.image import read_micrograph

if TYPE_CHECKING:
    from general import Set

THREADS_EACH = int(os.environ.get("OMP_NUM_THREADS") or THREADS)
WIDEST = 40  # pixels a particle that Topaz is to see, about, where a file has more
REDUCTIONS = (1, 2, 3)  # times that
LOWEST = -10.0  # logit down to which Topaz's peaks are extracted
LOG_THRESHOLDS = (-1, 0, 1)
LOG_RANGE = (0.9, 1.1)  # of the diameter
SIZES = (0.5, 0.7)  # of the diameter, as APPLE's particle size; it drops what touches
NOISE = (0.3, 0.55)  # share of windows that APPLE does not learn as noise; 0.3 is its default
Found = dict[str, list[np.ndarray]]
"""By setting: (N, 3) row, col, score of each micrograph."""


@dataclass(frozen=True)
class Peer:
    """A picker: what it is called and how it runs.

    Parameters
    ----------
    program
        Its program or interpreter; None where it is not installed.
    pick
        Picks the micrographs `names` (in a folder) of a set with that program.
    choices
        What the results depend on beside the micrographs.
    """

    name: str
    program: Path | None
    pick: Callable[[Path, Set, Path, list[str]], Found]
    choices: tuple[object, ...]

    def picks(self, one: Set) -> Found | None:
        """Return what it finds on a set, from the earlier run if there was one."""
        name = f"{self.name}_{slug(one)}_{digest(one, self.choices)}.npz"
        path = OUT / "peers" / name
        if path.is_file():
            return read_found(path, len(one.files))
        if self.program is None:
            return None
        say(f"{one.name}: {self.name} picks")
        with micrograph_folder(one) as (folder, names):
            found = self.pick(self.program, one, folder, names)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary, open(temporary, "wb") as handle:
            arrays = {f"{s}|{n}": rows for s, each in found.items() for n, rows in enumerate(each)}
            np.savez_compressed(handle, **arrays)
        return found


def slug(one: Set) -> str:
    """Name a set in file names."""
    return re.sub(r"[^\w.]+", "-", one.name).strip("-")


def digest(one: Set, choices: tuple[object, ...]) -> str:
    """Tell micrographs, sizes and settings apart; dates and headers of files do not count."""
    found = hashlib.sha256(repr((one.diameter, one.pixel_size, choices)).encode())
    for path, _ in one.files:
        found.update(np.ascontiguousarray(read_micrograph(path).data).tobytes())
    return found.hexdigest()[:12]


def read_found(path: Path, count: int) -> Found:
    """Read what a peer found earlier."""
    with np.load(path, allow_pickle=False) as arrays:
        settings = dict.fromkeys(key.rpartition("|")[0] for key in arrays.files)
        return {s: [arrays[f"{s}|{n}"] for n in range(count)] for s in settings}


@contextmanager
def micrograph_folder(one: Set) -> Iterator[tuple[Path, list[str]]]:
    """Write the micrographs as 32-bit MRC, which every program reads, under plain names.

    A 16-bit unsigned micrograph of apoferritin gave RELION 3.1.3 F1 0.05, as 32-bit 0.81.
    """
    with tempfile.TemporaryDirectory() as folder:
        names = [f"m{number:03d}" for number in range(len(one.files))]
        for name, (path, _) in zip(names, one.files, strict=True):
            write_mrc(Path(folder) / f"{name}.mrc", read_micrograph(path).data)
        yield Path(folder), names


def write_mrc(path: Path, image: np.ndarray) -> None:
    """Write a micrograph without a pixel size, which ASPIRE would want to be told again."""
    import mrcfile

    with mrcfile.new(path, data=image.astype(np.float32)):
        pass


def pick_topaz(
    python: Path,
    one: Set,
    folder: Path,
    names: list[str],
    reductions: tuple[int, ...] = REDUCTIONS,
) -> Found:
    """Reduce, extract, and write the peaks in pixels of the files."""
    worker = Worker(python, "_topaz_train_worker.py", threads=THREADS_EACH)
    files = sorted(map(str, folder.iterdir()))
    shapes = [np.array(read_micrograph(path).data.shape) for path, _ in one.files]
    diameter = float(np.median(diameters_px(one)))
    found: Found = {}
    for scale in (max(1, round(diameter / WIDEST)) * times for times in reductions):
        out = folder / f"x{scale}"
        log, device = str(folder / "topaz.log"), ["-d", "-1", "-j", str(THREADS_EACH)]
        given = ["-s", str(scale), "-o", f"{out}/", *device, *files]
        worker.ask(do="preprocess", arguments=given, log=log)
        reduced = [str(out / Path(file).name) for file in files]
        radius = max(1, round(diameter / 2 / scale))
        given = ["-r", str(radius), "-t", str(LOWEST), "-o", f"{out}.txt", *device, *reduced]
        worker.ask(do="extract", arguments=["-m", "resnet16_u64", *given], log=log)
        peaks: dict[str, list[tuple[float, ...]]] = {name: [] for name in names}
        with open(f"{out}.txt", newline="", encoding="utf-8") as handle:
            for row in csv.DictReader(handle, delimiter="\t"):
                place = (float(row[key]) for key in ("y_coord", "x_coord", "score"))
                peaks[row["image_name"]].append(tuple(place))
        found[f"1/{scale}"] = [
            np.array(peaks[name]).reshape(-1, 3) * [*(shape / (shape // scale)), 1]
            for name, shape in zip(names, shapes, strict=True)
        ]
    worker.close()
    return found


def pick_relion(program: Path, one: Set, folder: Path, names: list[str]) -> Found:
    """Pick at each threshold; the score is the figure of merit."""
    pixel_size = one.diameter / diameters_px(one)[0]
    low, high = (share * one.diameter for share in LOG_RANGE)
    found: Found = {}
    for threshold in LOG_THRESHOLDS:
        given = ["--i", "*.mrc", "--odir", f"t{threshold}/", "--angpix", pixel_size, "--LoG"]
        given += ["--LoG_diam_min", low, "--LoG_diam_max", high, "--shrink", 0, "--lowpass", 20]
        given += ["--LoG_adjust_threshold", threshold]
        done = subprocess.run(
            [program, *map(str, given)], cwd=folder, capture_output=True, text=True, check=False
        )  # without Ghostscript it can't make a PDF, and goes on
        found[f"threshold {threshold}"] = each = []
        for name in names:
            path = folder / f"t{threshold}" / f"{name}_autopick.star"
            if not path.is_file():
                raise SystemExit(f"{program} wrote no {path.name}:\n{done.stdout}{done.stderr}")
            picks = next(iter(read_picks(path).values()))
            each.append(np.column_stack([picks.coords, picks.scores]).reshape(-1, 3))
    return found


def pick_apple(python: Path, one: Set, folder: Path, names: list[str]) -> Found:
    """Pick the middle square, all that ASPIRE takes, at each setting; every pick scores 1."""
    worker = Worker(python, "_apple_worker.py", threads=THREADS_EACH)
    settings = {f"{size:g} d, {noise:g}": (size, noise) for size in SIZES for noise in NOISE}
    found: Found = {setting: [] for setting in settings}
    for name, (path, _), diameter in zip(names, one.files, diameters_px(one), strict=True):
        image = read_micrograph(path).data
        side = min(image.shape)
        row, col = ((length - side) // 2 for length in image.shape)
        square = folder / f"{name}_square.mrc"
        write_mrc(square, image[row : row + side, col : col + side])
        for setting, (size, noise) in settings.items():
            answer = worker.ask(path=str(square), particle_size=size * diameter, noise=noise)
            coords = np.array(answer["coords"], float).reshape(-1, 2) + (row, col)
            found[setting].append(np.column_stack([coords, np.ones(len(coords))]))
    worker.close()
    return found


PEERS = {
    "topaz": (pick_topaz, (WIDEST, REDUCTIONS, LOWEST)),
    "relion": (pick_relion, (LOG_THRESHOLDS, LOG_RANGE)),
    "apple": (pick_apple, (SIZES, NOISE)),
}


def find_peers(names: list[str], interpreters: dict[str, Path]) -> list[Peer]:
    """Return the named peers; one that is not installed has earlier results alone."""
    if unknown := set(names) - PEERS.keys():
        raise SystemExit(f"no peer {', '.join(sorted(unknown))}: there are {', '.join(PEERS)}")
    programs = interpreters | {"relion": Path(shutil.which("relion_autopick") or "relion_autopick")}
    found = []
    for name in names:
        program = programs[name] if programs[name].is_file() else None
        if program is None:
            say(f"{name} is left out but for earlier results: {programs[name]} is not installed")
        found.append(Peer(name, program, *PEERS[name]))
    return found


def default_cut(name: str, settings: list[str]) -> tuple[str, float]:
    """Return the setting and the threshold that stand for a peer where there are no particles."""
    if name == "topaz":
        return settings[1], 0.0  # the middle reduction, at a probability of one half
    return {"relion": "threshold 0", "apple": "0.7 d, 0.3"}[name], -np.inf
