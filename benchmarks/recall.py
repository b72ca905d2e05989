"""Which particles the general model misses: by view, and by defocus, at one threshold.

Simulated sets whose poses are known. Every micrograph is there twice, with the same molecules and
ice: near focus, in the middle of the lowest third of the sample's defocus, and far from it, in the
middle of the highest. Both together are one set for the contrast, the calibration and the threshold
that are found; the list of micrographs says the defocus, as a RELION STAR file would.

Views are the beam's directions in the molecule, in bins of equal area. The worst tenth of them is
chosen on the first half of the micrographs and measured on the second, and the other way about:
else it would be the worst by chance.

    python benchmarks/recall.py [--model MODEL] [--sets random-21,rod] [--untold]
    python benchmarks/recall.py --clicks 30     the model, fine-tuned on so many clicks on each set
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from _record import machine, table
from accuracy import OUT, read_rows, sample_of, simulated_case, unetpick, write_rows
from general import SIMULATED, Set, pick_set

from napari_unetpick.engine.pick.ensemble import make_scorer
from napari_unetpick.evaluation.matching import match_particles
from napari_unetpick.io.models import GENERAL, load_model

if TYPE_CHECKING:
    from napari_unetpick.simulate.sample import Sample

PLACES = 4  # in ice, each near focus and far from it
BINS = 40
WORST = 0.1
COLUMNS = ("set", "particles", "recall", "worst tenth of views", "near focus", "far from focus")


def thirds_of(sample: Sample) -> dict[str, float]:
    """Return the middle of the lowest and of the highest third of a sample's defocus, A."""
    least, most = sample.defocus
    return {"near": (5 * least + most) / 6, "far": (least + 5 * most) / 6}


def make_set(
    name: str, defocus: dict[str, float], *, told: bool = True
) -> tuple[Set, list[np.ndarray]]:
    """Simulate a set, every place at each defocus (A, by name), or read it.

    Also return the beam's directions, (N, 3), by micrograph.
    """
    from napari_unetpick.simulate.micrograph import simulate_micrograph
    from napari_unetpick.simulate.molecules.projection import rotation_matrices
    from napari_unetpick.simulate.write import micrograph_seed, write_mrc

    sample = sample_of(name)
    folder = OUT / "recall" / name
    folder.mkdir(parents=True, exist_ok=True)
    files, beams = [], []
    for number in range(PLACES):
        for word, value in defocus.items():
            path = folder / f"{name}_{number}_{word}.mrc"
            truth = path.with_suffix(".npz")
            if not truth.is_file():
                one = replace(sample, defocus=(value, value))
                made = simulate_micrograph(one, micrograph_seed(11, number + 1))
                write_mrc(path, made.image, made.pixel_size)
                np.savez(truth, coords=made.coords, quaternions=made.quaternions)
            with np.load(truth) as known:
                files.append((path, known["coords"]))
                beams.append(rotation_matrices(known["quaternions"])[:, 2])
    known = tuple(defocus.values()) * PLACES if told else ()
    return Set(name, files, sample.diameter_A, None, 0.0, known), beams


def bins_of(beams: np.ndarray) -> np.ndarray:
    """Number the bin of each direction (N, 3): the nearest of points on a spiral."""
    k = np.arange(BINS) + 0.5
    z, turn = 1 - 2 * k / BINS, k * np.pi * (1 + 5**0.5)
    flat = np.sqrt(1 - z * z)
    return (beams @ np.stack([flat * np.cos(turn), flat * np.sin(turn), z])).argmax(axis=1)


def worst_tenth(bins: list[np.ndarray], found: list[np.ndarray]) -> float:
    """Recall of the worst tenth of the views, each half's measured on the other half."""
    half = len(bins) // 2
    halves = [
        np.concatenate(each) for each in (bins[:half], bins[half:], found[:half], found[half:])
    ]
    hits = total = 0
    for chosen_on, measured_on in ((0, 1), (1, 0)):
        views, ours = halves[chosen_on], halves[chosen_on + 2]
        counts = np.bincount(views, minlength=BINS)
        recall = np.bincount(views, ours, BINS) / np.maximum(counts, 1)
        order = np.argsort(np.where(counts > 0, recall, 2.0))
        share = np.cumsum(counts[order]) / counts.sum()
        worst = order[: np.searchsorted(share, WORST) + 1]
        inside = np.isin(halves[measured_on], worst)
        hits, total = hits + halves[measured_on + 2][inside].sum(), total + inside.sum()
    return float(hits / total)


def fine_tuned(model: str, name: str, clicks: int, seed: int) -> str:
    """Fine-tune a model on clicks in three other micrographs of a set; return its run."""
    case, draw = simulated_case(name), random.Random(seed)
    rows = read_rows(case.picks)
    names = sorted({row["micrograph"] for row in rows})[:3]
    chosen = [
        row
        for name in names
        for row in draw.sample([r for r in rows if r["micrograph"] == name], clicks // 3)
    ]
    folder = OUT / "recall" / f"{name}_{clicks}_{seed}"
    picks = write_rows(folder / "clicks.csv", chosen)
    run = folder / "run"
    if not (run / "model.safetensors").is_file():
        options = ["--partial", "--start", model, "--seed", seed, "--device", "cpu"]
        told = ["--picks", picks, "--diameter", case.diameter, "--run", run]
        unetpick("train", case.train_on, *told, *options)
    return str(run)


def pick_and_match(model: str, one: Set) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pick a set at its automatic threshold; return which particles (N,) are found, and scores."""
    scorer = make_scorer([(model, load_model(model))], torch.device("cpu"))
    scorer, candidates = pick_set(scorer, one, adapt=True)
    for (_, truth), each in zip(one.files, candidates, strict=True):
        picks = each.picks(scorer.calibration)
        match = match_particles(picks.coords, truth, 0.5 * each.diameter_px)
        hit = np.zeros(len(truth), bool)
        hit[match[match >= 0]] = True
        yield hit, np.array(picks.scores, float)


def measure(model: str, name: str, *, told: bool) -> dict[str, object]:
    """Pick a set at its automatic threshold; return the recalls."""
    one, beams = make_set(name, thirds_of(sample_of(name)), told=told)
    found = [hit for hit, _ in pick_and_match(model, one)]
    near, far = (np.concatenate(found[start::2]).mean() for start in (0, 1))
    return {
        "set": name,
        "particles": sum(map(len, found)),
        "recall": float(np.concatenate(found).mean()),
        "worst tenth of views": worst_tenth([bins_of(each) for each in beams], found),
        "near focus": float(near),
        "far from focus": float(far),
    }


def main() -> None:
    """Measure all sets and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=str(GENERAL))
    parser.add_argument("--sets", default=",".join(SIMULATED))
    parser.add_argument("--untold", action="store_true", help="a list without defocus values")
    parser.add_argument("--clicks", type=int, default=0, help="fine-tune on so many")
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args()
    rows = []
    for name in options.sets.split(","):
        model = options.model
        if options.clicks:
            model = fine_tuned(model, name, options.clicks, options.seed)
        rows.append(measure(model, name, told=not options.untold))
    cells = [[f"{c:.3f}" if isinstance(c, float) else c for c in row.values()] for row in rows]
    print(table(COLUMNS, cells))
    record = {"machine": machine(), "rows": rows}
    (OUT.parent / "recall.json").write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
