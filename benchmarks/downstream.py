"""What reaches the map: picks of ours and of others, through RELION to a reconstruction.

Two simulated sets whose poses are known. Picked by the general model without a click and after
thirty, by Topaz's pretrained network and by RELION's LoG picker; the true particles stand for
perfect picks. All are exported by `unetpick convert --to relion`, extracted and classified in 2D
by RELION 3.1 and reconstructed with true poses; a pick that is no particle has a random pose.

Maps are made of equal numbers of picks, drawn at random (see `SETS`; as many as the picker with the
fewest has where that is less).
FSC is that with the noise-free map within a soft sphere, mean of three draws. In 2D there are 500
picks of each; one survives in a class whose average is like some view of the molecule (correlation
of at least `LIKE`, any shift and turn). Which picks are particles does not enter.

The peers have the setting, the distance and the threshold that are best on the set itself, an upper
bound; ours is at its automatic threshold.

    python benchmarks/downstream.py [--sets tetramer,random-23-low] [--topaz-python PYTHON]

Everything is kept in `out/downstream/`; an interrupted run is resumed.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from _data import say, unetpick
from _downstream_figures import draw_classes, draw_curves
from _downstream_maps import (
    MARGIN,
    crossing,
    likeness,
    molecule_map,
    projections,
    read_map,
    shell_correlation,
)
from _downstream_relion import (
    COARSE,
    blocks,
    classify,
    euler_angles,
    extract,
    read_classes,
    relion,
    with_poses,
    write_particles,
)
from _general_peers import find_peers
from _general_scores import best_setting, thin
from _record import OUT, report, table
from accuracy import read_rows, sample_of
from general import Set
from recall import bins_of, fine_tuned, worst_tenth

from napari_unetpick.evaluation.matching import match_particles
from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.formats.box_size import good_box
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.formats.write import write_picks
from napari_unetpick.io.models import GENERAL
from napari_unetpick.io.picks import Picks
from napari_unetpick.simulate.molecules.catalogue import build_molecule
from napari_unetpick.simulate.molecules.poses import random_quaternions, rotation_matrices
from napari_unetpick.simulate.sample import Sample
from napari_unetpick.simulate.write import simulate_set

SETS = {"tetramer": (4, 1000), "random-23-low": (5, 500)}  # micrographs, picks for a map
SEED, CLICKS, DRAWS = 31, 30, 3
CLASSIFIED = 500  # picks of each in 2D
LIKE = 0.75
PICKERS = {
    "truth": "true particles",
    "zero-shot": "ours, zero-shot",
    "clicks": "ours, thirty clicks",
    "topaz": "Topaz, pretrained",
    "relion": "RELION LoG",
}
SHARES = (
    *("particles among them", "recall", "worst tenth of views"),
    *("survive 2D", "of the particles", "of the others"),
)
COMPARED = (0.5, "all picks", "survivors")
COLUMNS = (
    *("picks of", "picks", *SHARES, "FSC .5, A (shells from truth)", "FSC .143, A"),
    *("all picks: FSC .5", "survivors of 500: FSC .5"),
)


@dataclass(frozen=True)
class Case:
    """A simulated set in a folder, with its list of micrographs.

    `truth` has the particles of each micrograph, (M, 2) row, col, and `rotations` their poses,
    (M, 3, 3).
    """

    name: str
    folder: Path
    sample: Sample
    truth: dict[str, np.ndarray]
    rotations: dict[str, np.ndarray]

    @property
    def diameter_px(self) -> float:
        """Longest axis of the particle, pixels."""
        return self.sample.diameter_A / self.sample.pixel_size

    @property
    def box(self) -> int:
        """Side of the boxes, pixels."""
        return good_box(1.5 * self.diameter_px)

    @property
    def share(self) -> float:
        """Radius of the particle with a margin, of the box's side."""
        return 0.55 * self.diameter_px / self.box

    def as_set(self) -> Set:
        """Return the micrographs as the peers take them."""
        files = [(self.folder / name, truth) for name, truth in self.truth.items()]
        return Set(self.name, files, self.sample.diameter_A, None, 0.0)


def make_case(name: str) -> Case:
    """Simulate a set, or find it."""
    folder, sample = OUT / "downstream" / name, sample_of(name)
    if not (folder / "micrographs.star").is_file():
        say(f"{name}: simulating")
        for _ in simulate_set(sample, folder, SETS[name][0], SEED):
            pass
    rows: dict[str, list[list[float]]] = {}
    for row in read_rows(folder / "truth.csv"):
        values = [float(row[key]) for key in ("y", "x", "qw", "qx", "qy", "qz")]
        rows.setdefault(row["micrograph"], []).append(values)
    known = {key: np.array(each) for key, each in rows.items()}
    coords = {key: each[:, :2] for key, each in known.items()}
    turns = {key: rotation_matrices(each[:, 2:]) for key, each in known.items()}
    return Case(name, folder, sample, coords, turns)


def pick_truth(case: Case, out: Path) -> None:
    """Take the particles."""
    shutil.copy(case.folder / "picks.csv", out)


def pick_ours(case: Case, out: Path, *, clicks: int) -> None:
    """Pick at the automatic threshold, after so many clicks in three other micrographs."""
    model = fine_tuned(str(GENERAL), case.name, clicks, 42) if clicks else GENERAL
    given = ("--model", model, "--diameter", case.sample.diameter_A, "--out", out.parent / "pick")
    unetpick("pick", case.folder / "micrographs.star", *given)
    shutil.copy(out.parent / "pick" / "picks.csv", out)


def pick_peer(case: Case, out: Path, *, name: str, python: Path) -> None:
    """Pick with another program at its best setting on the set itself."""
    (peer,), one = find_peers([name], {"topaz": python}), case.as_set()
    found = peer.picks(one)
    if found is None:
        return
    (setting, distance, threshold), _ = best_setting(one, found)
    say(f"{case.name}: {name} at {setting}, {distance} diameters, threshold {threshold:.3f}")
    kept = [each[each[:, 2] >= threshold] for each in thin(one, found[setting], distance)]
    picks = {key: Picks(key, each[:, :2]) for key, each in zip(case.truth, kept, strict=True)}
    write_picks(picks, out, "csv")


def pickers(python: Path) -> dict[str, Callable[[Case, Path], None]]:
    """Return the pickers by name."""
    return {
        "truth": pick_truth,
        "zero-shot": partial(pick_ours, clicks=0),
        "clicks": partial(pick_ours, clicks=CLICKS),
        "topaz": partial(pick_peer, name="topaz", python=python),
        "relion": partial(pick_peer, name="relion", python=python),
    }


@dataclass(frozen=True)
class Classes:
    """The 2D classes of a picker: averages (K, rows, cols), and the class of each pick (N,).

    `likeness` (K,) is the correlation with the view of the molecule that an average is most like.
    """

    averages: np.ndarray
    numbers: np.ndarray
    likeness: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        """Number of picks in each class."""
        return np.bincount(self.numbers, minlength=len(self.averages))

    @property
    def good(self) -> np.ndarray:
        """Which classes show the molecule."""
        return self.likeness >= LIKE


def find_classes(case: Case, job: str) -> Classes:
    """Read a picker's classes and compare them with views of the molecule."""
    averages, numbers = read_classes(case.folder / job / "class2d")
    pixel_size = case.sample.pixel_size * case.box / COARSE
    views = all_views(case.sample.molecule, pixel_size)
    return Classes(averages, numbers, likeness(averages, views, pixel_size))


@cache
def all_views(molecule: str, pixel_size: float) -> np.ndarray:
    """Project a molecule in all directions once."""
    return projections(build_molecule(molecule), COARSE, pixel_size)


def count_found(case: Case, picks: Path) -> dict[str, Any]:
    """Count the particles found, and those of the worst tenth of views."""
    found = read_picks(picks)
    radius, hits, right = 0.5 * case.diameter_px, [], 0
    for name, truth in case.truth.items():
        coords = found[name].coords if name in found else np.empty((0, 2))
        match = match_particles(coords, truth, radius)
        hits.append(np.isin(np.arange(len(truth)), match))
        right += int((match >= 0).sum())
    bins = [bins_of(turns[:, 2]) for turns in case.rotations.values()]
    count = sum(map(len, found.values()))
    return {
        "picks": count,
        "particles among them": right / count,
        "recall": float(np.concatenate(hits).mean()),
        "worst tenth of views": worst_tenth(bins, hits),
    }


def find_poses(case: Case, names: tuple[str, ...], centres: np.ndarray) -> np.ndarray:
    """Return RELION's pose of each extracted image, (N, 5), and whether it is a particle, (N,).

    `centres` (N, 2) row, col are the picks; RELION cuts boxes around their whole pixels, and the
    true centre is there less the origin.
    """
    poses, true = np.zeros((len(names), 5)), np.zeros(len(names), bool)
    random = random_quaternions(len(names), np.random.default_rng(SEED))
    poses[:, :3] = euler_angles(rotation_matrices(random))
    for name, truth in case.truth.items():
        own = np.flatnonzero([each == name for each in names])
        match = match_particles(centres[own], truth, 0.5 * case.diameter_px)
        rows, match = own[match >= 0], match[match >= 0]
        true[rows] = True
        poses[rows, :3] = euler_angles(case.rotations[name][match])
        off = np.floor(centres[rows]) - truth[match]
        poses[rows, 3:] = off[:, ::-1] * case.sample.pixel_size
    return poses, true


def prepare(case: Case, job: str) -> np.ndarray:
    """Export, extract, give poses and classify; return which images are particles, (N,)."""
    folder = case.folder / job
    if not (folder / "true.npy").is_file():
        say(f"{case.name}: {PICKERS[job]} to RELION")
        listed = ("--micrographs", case.folder / "micrographs.star")
        unetpick("convert", folder / "picks.csv", folder / "coords", "--to", "relion", *listed)
        extract(case.folder, job, job, case.box, case.share)
        optics, particles = blocks(folder / "particles.star")
        centres = [particles.numbers(f"rlnCoordinate{axis}") for axis in "YX"]
        names = particles.text("rlnMicrographName")
        poses, true = find_poses(case, names, np.column_stack(centres))
        posed = with_poses(particles, poses)
        write_particles(folder / "posed.star", optics, posed, np.arange(len(true)))
        np.save(folder / "true.npy", true)
    true = np.load(folder / "true.npy")
    chosen = draw(true, CLASSIFIED, 0)
    classify(case.folder, job, case.box, case.sample.pixel_size, case.share, chosen)
    return true


def draw(true: np.ndarray, number: int, times: int) -> np.ndarray:
    """Draw so many images, sorted; the draws of all pickers differ."""
    order = np.random.default_rng([SEED, times]).permutation(len(true))
    return np.sort(order[:number])


def reconstruct(case: Case, job: str, chosen: np.ndarray) -> list[float]:
    """Reconstruct from the chosen images with their poses; return the FSC with the true map."""
    optics, particles = blocks(case.folder / job / "posed.star")
    write_particles(case.folder / job / "chosen.star", optics, particles, chosen)
    relion(case.folder, "reconstruct", i=f"{job}/chosen.star", o=f"{job}/map.mrc", ctf=True)
    size = case.sample.pixel_size
    known = molecule_map(case.sample.particle, case.box, size)
    radius = (case.sample.diameter_A / 2 + MARGIN) / size
    found = read_map(case.folder / job / "map.mrc")
    return [float(each) for each in shell_correlation(found, known, radius)]


def measure(case: Case, job: str, number: int) -> dict[str, Any]:
    """Reconstruct from a picker's picks, or find the result; count those that survive 2D."""
    true = prepare(case, job)
    kept = case.folder / job / f"maps_{number}.json"
    if not kept.is_file():
        say(f"{case.name}: {PICKERS[job]} to maps")
        curves = [reconstruct(case, job, draw(true, number, time)) for time in range(DRAWS)]
        whole = reconstruct(case, job, np.arange(len(true)))
        write_text(kept, json.dumps({"curves": curves, "all picks": whole}))
    maps = json.loads(kept.read_text(encoding="utf-8"))
    classes, kept = find_classes(case, job), kept.with_name("survivors.json")
    if not kept.is_file():
        alive = draw(true, CLASSIFIED, 0)[classes.good[classes.numbers]]
        write_text(kept, json.dumps({"survivors": reconstruct(case, job, alive)}))
    maps |= json.loads(kept.read_text(encoding="utf-8"))
    return count_found(case, case.folder / job / "picks.csv") | maps | survival(classes, true)


def survival(classes: Classes, true: np.ndarray) -> dict[str, float | None]:
    """Count the picks in good classes, and the particles and the others among them."""
    good, true = classes.good[classes.numbers], true[draw(true, CLASSIFIED, 0)]
    return {
        "survive 2D": float(good.mean()),
        "of the particles": float(good[true].mean()),
        "of the others": None if true.all() else float(good[~true].mean()),
    }


def rows_of(case: Case, results: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Write the rows of a set's table."""
    side = case.box * case.sample.pixel_size
    shells = {
        job: {key: crossing(np.array(each[key]), 0.5) for key in ("all picks", "survivors")}
        | {level: crossing(np.mean(each["curves"], 0), level) for level in (0.5, 0.143)}
        for job, each in results.items()
    }
    rows = []
    for job, each in results.items():
        shares = ["" if each[c] is None else f"{each[c]:.3f}" for c in SHARES]
        own, best = shells[job], shells["truth"]
        low = f"{side / own[0.143]:.1f}"
        maps = [f"{side / own[k]:.1f} ({own[k] - best[k]:+.1f})" for k in COMPARED]
        rows.append([PICKERS[job], f"{each['picks']:,}", *shares, maps[0], low, *maps[1:]])
    return rows


def main() -> None:
    """Pick, process and compare; print the tables and draw the curves and the classes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", default=",".join(SETS))
    python = OUT / "topaz-env" / "bin" / "python"
    parser.add_argument("--topaz-python", type=Path, default=python, help="its interpreter")
    options = parser.parse_args()
    record, sections = {}, []
    for case in map(make_case, options.sets.split(",")):
        counts = {}
        for job, pick in pickers(options.topaz_python).items():
            picks = case.folder / job / "picks.csv"
            picks.parent.mkdir(exist_ok=True)
            if not picks.is_file():
                say(f"{case.name}: {PICKERS[job]}")
                pick(case, picks)
            if picks.is_file():
                counts[job] = sum(map(len, read_picks(picks).values()))
        number = min(SETS[case.name][1], *counts.values())
        results = {job: measure(case, job, number) for job in counts}
        record[case.name] = {"number": number, "box": case.box, "results": results}
        draw_curves(case, results, PICKERS)
        draw_classes(case, {job: find_classes(case, job) for job in counts}, PICKERS)
        count = len(case.truth)
        head = f"`{case.name}`, {count} micrographs, {number:,} picks of each in 2D and maps;"
        head += f" shells of 1 / {case.box * case.sample.pixel_size:.0f} A"
        sections.append(f"{head}\n\n{table(COLUMNS, rows_of(case, results))}")
    report("downstream", {"sets": record}, sections)


if __name__ == "__main__":
    main()
