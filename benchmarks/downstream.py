"""What reaches the map: picks of ours and of others, through RELION to a reconstruction.

Two simulated sets whose poses are known. Picked by the general model without a click and after
thirty, by Topaz's pretrained network and by RELION's LoG picker; the true particles stand for
perfect picks. All are exported by `unetpick convert --to relion`, extracted and classified in 2D
by RELION 3.1 and reconstructed with true poses; a pick that is no particle has a random pose.

Maps are made of equal numbers of picks (see `SETS`; fewer where a picker has fewer), drawn at
random or those of the highest scores; of all picks; and of those of 500 that survive 2D. FSC is
that with the noise-free map within a soft sphere; that of equal numbers at random is the mean of
three draws. A pick survives in a class whose average is like some view of the molecule (correlation
of at least 0.75, any shift and turn). Which picks are particles does not enter.

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
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _data import say, unetpick
from _downstream_case import (
    SEED,
    Case,
    Classes,
    count_found,
    find_classes,
    find_poses,
    make_case,
)
from _downstream_figures import draw_classes, draw_curves
from _downstream_maps import MARGIN, crossing, molecule_map, read_map, shell_correlation
from _downstream_relion import blocks, classify, extract, relion, with_poses, write_particles
from _general_peers import LOWEST, REDUCTIONS, WIDEST, find_peers, pick_topaz
from _general_scores import best_setting, thin
from _record import OUT, report, table
from recall import fine_tuned

from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.formats.write import write_picks
from napari_unetpick.io.models import GENERAL
from napari_unetpick.io.picks import Picks

SETS = {"tetramer": (4, 1000), "random-23-low": (5, 500)}  # micrographs, picks for a map
CLICKS, DRAWS = 30, 3
CLASSIFIED = 500  # picks of each in 2D
FINEST = 4.0  # A/px; Topaz recommends reducing to 4 to 8
PICKERS = {
    "truth": "true particles",
    "zero-shot": "ours, zero-shot",
    "clicks": "ours, thirty clicks",
    "topaz": "Topaz, pretrained",
    "relion": "RELION LoG",
}
SHARES = (
    *("precision", "recall", "worst tenth of views"),
    *("survive 2D", "of the particles", "of the others"),
)
EQUAL, BEST, ALL, SURVIVORS = "equal numbers", "best scores", "all picks", "survivors of 2D"
MAPS = ((EQUAL, 0.5), (EQUAL, 0.143), (BEST, 0.5), (ALL, 0.5), (SURVIVORS, 0.5))


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
    if name == "topaz":
        coarse = tuple(each for each in REDUCTIONS if each * case.sample.pixel_size >= FINEST)
        pick = partial(pick_topaz, reductions=coarse)
        peer = replace(peer, pick=pick, choices=(WIDEST, coarse, LOWEST))
    found = peer.picks(one)
    if found is None:
        return
    (setting, distance, threshold), _ = best_setting(one, found)
    say(f"{case.name}: {name} at {setting}, {distance} diameters, threshold {threshold:.3f}")
    kept = [each[each[:, 2] >= threshold] for each in thin(one, found[setting], distance)]
    picks = [Picks(k, each[:, :2], each[:, 2]) for k, each in zip(case.truth, kept, strict=True)]
    write_picks({each.micrograph: each for each in picks}, out, "csv")


def pickers(python: Path) -> dict[str, Callable[[Case, Path], None]]:
    """Return the pickers by name."""
    return {
        "truth": pick_truth,
        "zero-shot": partial(pick_ours, clicks=0),
        "clicks": partial(pick_ours, clicks=CLICKS),
        "topaz": partial(pick_peer, name="topaz", python=python),
        "relion": partial(pick_peer, name="relion", python=python),
    }


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
    """Draw so many images, in their order; `times` tells draws apart."""
    order = np.random.default_rng([SEED, times]).permutation(len(true))
    return np.sort(order[:number])


def best(case: Case, job: str, number: int) -> np.ndarray:
    """Choose the images of the highest scores; any where picks have no scores."""
    _, particles = blocks(case.folder / job / "posed.star")
    if "rlnAutopickFigureOfMerit" not in particles:
        return draw(np.empty(len(particles)), number, 0)
    scores = particles.numbers("rlnAutopickFigureOfMerit")
    return np.sort(np.argsort(-scores, kind="stable")[:number])


def reconstruct(case: Case, job: str, name: str, chosen: np.ndarray) -> np.ndarray:
    """Reconstruct from the chosen images with their poses; return the FSC with the true map."""
    folder = case.folder / job
    kept = folder / f"fsc_{name}.json"
    if not kept.is_file():
        optics, particles = blocks(folder / "posed.star")
        write_particles(folder / "chosen.star", optics, particles, chosen)
        relion(case.folder, "reconstruct", i=f"{job}/chosen.star", o=f"{job}/map.mrc", ctf=True)
        size = case.sample.pixel_size
        known = molecule_map(case.sample.particle, case.box, size)
        radius = (case.sample.diameter_A / 2 + MARGIN) / size
        curve = shell_correlation(read_map(folder / "map.mrc"), known, radius)
        write_text(kept, json.dumps([round(float(each), 4) for each in curve]))
    return np.array(json.loads(kept.read_text(encoding="utf-8")))


def measure(case: Case, job: str, number: int) -> dict[str, Any]:
    """Classify a picker's picks and reconstruct from them; count those that survive 2D."""
    true = prepare(case, job)
    say(f"{case.name}: {PICKERS[job]} to maps")
    curves = [
        reconstruct(case, job, f"{number}_{time}", draw(true, number, time))
        for time in range(DRAWS)
    ]
    classes = find_classes(case, job)
    survivors = draw(true, CLASSIFIED, 0)[classes.good[classes.numbers]]
    return {
        **count_found(case, case.folder / job / "picks.csv"),
        **survival(classes, true),
        EQUAL: np.mean(curves, 0).tolist(),
        BEST: reconstruct(case, job, f"{number}_best", best(case, job, number)).tolist(),
        ALL: reconstruct(case, job, "all", np.arange(len(true))).tolist(),
        SURVIVORS: reconstruct(case, job, "survivors", survivors).tolist()
        if len(survivors)
        else None,
    }


def survival(classes: Classes, true: np.ndarray) -> dict[str, float | None]:
    """Count the picks in good classes, and the particles and the others among them."""
    good, true = classes.good[classes.numbers], true[draw(true, CLASSIFIED, 0)]
    return {
        "survive 2D": float(good.mean()),
        "of the particles": float(good[true].mean()),
        "of the others": None if true.all() else float(good[~true].mean()),
    }


def count_rows(results: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Write the rows of a set's table of picks."""
    rows = []
    for job, each in results.items():
        shares = ["" if each[c] is None else f"{each[c]:.3f}" for c in SHARES]
        rows.append([PICKERS[job], f"{each['picks']:,}", f"{each['offset']:.1f}", *shares])
    return rows


def map_rows(case: Case, results: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Write the rows of a set's table of maps: A, and shells from the true particles'."""
    side = case.box * case.sample.pixel_size
    rows = []
    for job, each in results.items():
        cells = [PICKERS[job]]
        for which, level in MAPS:
            if each[which] is None:
                cells.append("no survivor")
                continue
            own, truth = (crossing(np.array(r[which]), level) for r in (each, results["truth"]))
            cells.append(f"{side / own:.1f} ({own - truth:+.1f})")
        rows.append(cells)
    return rows


def main() -> None:
    """Pick, process and compare; print the tables and draw the curves and the classes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", default=",".join(SETS))
    python = OUT / "topaz-env" / "bin" / "python"
    parser.add_argument("--topaz-python", type=Path, default=python, help="its interpreter")
    options = parser.parse_args()
    if shutil.which("relion_refine") is None:
        print("skipped: RELION is not installed (Debian: apt install relion)")
        return
    record, sections = {}, []
    for case in (make_case(name, SETS[name][0]) for name in options.sets.split(",")):
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
        draw_curves(case, {job: each[EQUAL] for job, each in results.items()}, PICKERS)
        draw_classes(case, {job: find_classes(case, job) for job in counts}, PICKERS)
        count = len(case.truth)
        head = f"`{case.name}`, {count} micrographs; maps of {number:,} picks, {CLASSIFIED} in 2D;"
        head += f" shells of 1 / {case.box * case.sample.pixel_size:.0f} A"
        counted = table(("picks of", "picks", "offset, px", *SHARES), count_rows(results))
        columns = [f"{which}, FSC {level:g}" for which, level in MAPS]
        sections += [head, counted, table(("maps of", *columns), map_rows(case, results))]
    report("downstream", {"sets": record}, sections)


if __name__ == "__main__":
    main()
