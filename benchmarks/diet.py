"""What each kind of variety in the diet of the general model is worth.

One small training for each: the whole diet, and the diet without one kind. All take the same
steps from the same seed, on as many micrographs. Scored on the development sets of general.py at
the right diameter: the best F1, with the threshold chosen on the set, in the mean of the eight
simulated sets, of the eight at low signal, and on betagal; and the candidates a micrograph above a
raw score of 0.35 on `contamination/*_0.mrc`, where there is nothing to pick.

    UNETPICK_TEST_DATA=... python benchmarks/diet.py [--only whole,junk] [--seeds 42,43]

Rows are kept in `out/diet/`; what is there is not trained again.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _record import OUT, machine, table
from general import SIMULATED, Set, best_cut, make_sets, pick_ours

from napari_unetpick.evaluation.metrics import pool
from napari_unetpick.simulate.diet import field_of, typical_sample
from napari_unetpick.simulate.handling import Handling
from napari_unetpick.simulate.sample import Contamination, Sample
from napari_unetpick.simulate.samples import get_sample

PATCHES = 6_400  # two epochs
MICROGRAPHS = 64
ACROSS = 24.0  # pixels of a particle, where all have the same
CUT = 0.35  # raw score of candidates that are counted where nothing is to be picked
COLUMNS = ("diet", "seed", "betagal", "simulated", "low signal", "contamination", "steps/s")
NO_JUNK = Contamination(crystals=0, ethane=0, carbon=0, aggregates=0, broken=0, debris=0)


def clear(sample: Sample) -> Sample:
    """Give a sample the signal of most people's data."""
    dose, haze = max(sample.dose, 20.0), min(sample.haze, 0.07)
    return replace(sample, dose=dose, haze=haze, thickness=min(sample.thickness, 600.0))


def usual(sample: Sample) -> Sample:
    """Replace a sample by one that is like most people's data."""
    number = int(sample.name.partition("-")[2])
    return typical_sample(number, np.random.default_rng(number))


def unusual(sample: Sample) -> Sample:
    """Replace a sample that is like most people's data by another one of the diet."""
    number = int(sample.name.partition("-")[2])
    while not sample.molecule.startswith("diet"):
        number += MICROGRAPHS
        sample = get_sample(f"diet-{number}")
    return sample


def one_size(sample: Sample) -> Sample:
    """Give all particles the same width in pixels."""
    pixel_size = round(sample.particle.diameter_A / ACROSS, 4)
    return replace(sample, pixel_size=pixel_size, shape=field_of(ACROSS))


WITHOUT: dict[str, Callable[[Sample], Sample]] = {
    "whole": lambda sample: sample,
    "junk": lambda sample: replace(sample, contamination=NO_JUNK),
    "handling": lambda sample: replace(sample, handling=Handling()),
    "low signal": clear,
    "sizes": one_size,
    "most people's data": unusual,
    "all else than most people's data": usual,
}
"""What is changed where a kind is left out."""


def train(kind: str, seed: int) -> tuple[Any, float]:
    """Train on the changed diet; return the weights, and steps per second."""
    import torch

    from napari_unetpick.engine.data.patches import PatchSource
    from napari_unetpick.engine.general.job import general_settings
    from napari_unetpick.engine.general.render import render
    from napari_unetpick.engine.train.loop import FitJob, fit
    from napari_unetpick.errors import InputError

    settings = general_settings(PATCHES, seed)
    centres, shapes, saved = {}, {}, {}
    with tempfile.TemporaryDirectory() as folder:
        source = PatchSource(Path(folder) / "cache")
        for number in range(MICROGRAPHS):
            sample = WITHOUT[kind](get_sample(f"diet-{number}"))
            try:
                made = render(settings, seed, number, sample)
            except InputError:  # without contrast
                continue
            source.put_image(number, made.image)
            source.put_targets(number, made.planes)
            centres[number], shapes[number] = made.centres, made.image.shape
        job = FitJob(
            settings=settings,
            source=source,
            centres=centres,
            shapes=shapes,
            diameter=settings.particle_px,
            device=torch.device("cpu"),
            validate=None,
            epochs=settings.train.epochs,
        )
        started = time.monotonic()
        for _ in fit(job, None, saved.update, lambda: None):
            pass
    return saved["average"], PATCHES / settings.train.batch / (time.monotonic() - started)


def make_scorer(weights: Any) -> Any:
    """Make a scorer whose scores are the network's own."""
    import torch

    from napari_unetpick.engine.general.job import general_settings
    from napari_unetpick.engine.pick import ensemble
    from napari_unetpick.io.models import Model
    from napari_unetpick.picking.calibration import Calibration
    from napari_unetpick.settings import to_dict

    settings = to_dict(general_settings(PATCHES, 0))
    card = {"general": True, "settings": settings, "diameter": None}
    card["calibration"] = Calibration(min_distance=0.35).to_dict()
    model = Model({name: np.asarray(value) for name, value in weights.items()}, card)
    return ensemble.make_scorer([("diet", model)], torch.device("cpu"), junk=False)


def figures(scorer: Any, sets: list[Set]) -> dict[str, float]:
    """Score the development sets."""
    best: dict[str, list[float]] = {"betagal": [], "simulated": [], "low signal": []}
    counts: list[int] = []
    for one in sets:
        found = pick_ours(scorer, one, adapt=False)[1]
        if not any(each.n_truth for each in found):
            counts += [int((each.scores >= CUT).sum()) for each in found]
            continue
        name = one.name.split()[0]
        low = "low signal" if name.endswith("-low") else "simulated"
        f1 = pool(each.cut(best_cut(found)) for each in found).f1
        best[name if name == "betagal" else low].append(f1)
    rows = {name: float(np.mean(each)) for name, each in best.items() if each}
    return rows | ({"contamination": float(np.mean(counts))} if counts else {})


def written(value: object) -> str:
    """Write a cell of the table."""
    return "" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


def main() -> None:
    """Train and score each diet that has no row yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(WITHOUT), help="comma-separated kinds")
    parser.add_argument("--seeds", default="42")
    options = parser.parse_args()
    names = ["contamination", *SIMULATED, *(f"{name}-low" for name in SIMULATED)]
    real = ["betagal"] if os.environ.get("UNETPICK_TEST_DATA") else []
    sets = list(make_sets([*real, *names], test=False))
    for seed in map(int, options.seeds.split(",")):
        for kind in options.only.split(","):
            folder = OUT / "diet"
            path = folder / f"{kind.replace(' ', '-')}_{seed}.json"
            if path.is_file():
                continue
            weights, pace = train(kind, seed)
            name = kind if kind == "whole" else f"without {kind}"
            row = {"diet": name, "seed": seed} | figures(make_scorer(weights), sets)
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(row | {"steps/s": pace, "machine": machine()}, indent=1))
    rows = [json.loads(path.read_text()) for path in sorted((OUT / "diet").glob("*.json"))]
    print(table(COLUMNS, [[written(row.get(column)) for column in COLUMNS] for row in rows]))


if __name__ == "__main__":
    main()
