"""Our side of picking_speed.py: one warm process that picks when asked to (see `_record.Worker`).

Questions: `{"do": TASK, "paths": [...], "out": FOLDER}`; tasks are pick, stages, floor, plain, and
network.
Arguments: the model, the diameter in A, and the device ("cpu" or "cuda").
"""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from _record import Clock, peak_mib

from napari_unetpick.engine.data.preprocess import prepare_micrograph
from napari_unetpick.engine.devices import choose_device
from napari_unetpick.engine.nn.unet import build_network
from napari_unetpick.engine.pick import find as finding
from napari_unetpick.engine.pick import run as picking
from napari_unetpick.engine.pick.ensemble import Scorer, make_scorer, read_card
from napari_unetpick.engine.pick.run import PickJob
from napari_unetpick.engine.pick.score_map import RIM, junk_of
from napari_unetpick.events import Done, Failed
from napari_unetpick.export.pick_folder import PickFolder
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.models import Model, load_model
from napari_unetpick.picking import candidates
from napari_unetpick.picking.candidates import find_candidates
from napari_unetpick.picking.crop import fourier_crop
from napari_unetpick.picking.scale import make_scale

THREADS = int(os.environ["UNETPICK_BENCHMARK_THREADS"])
DEVICE = sys.argv[3]
HEADER = 1024  # bytes before the pixels of the benchmark's own MRC files


def make_job(paths: list[str], out: str, model: Model, diameter: float) -> PickJob:
    return PickJob(
        micrographs=list_micrographs(paths),
        models=[("benchmark", model)],
        out=Path(out),
        diameter=diameter,
        device=DEVICE,
    )


def run_pick(job: PickJob) -> dict[str, Any]:
    """Pick as `unetpick pick` does, files included."""
    start = time.perf_counter()
    events = list(picking.pick(job))
    seconds = time.perf_counter() - start
    failed = [event.reason for event in events if isinstance(event, Failed)]
    if failed:
        raise SystemExit(failed[0])
    done = next(event.result for event in events if isinstance(event, Done))
    return {"seconds": seconds, "picks": done["picks"], "candidates": done["candidates"]}


def run_stages(job: PickJob) -> dict[str, Any]:
    """Do the same one step after the other; `pick` itself reads ahead while the network runs."""
    device, _ = choose_device(DEVICE)
    scorer = make_scorer(job.models, device)
    diameter = job.diameter or scorer.diameter
    folder = PickFolder(job.out, job.micrographs, picking.options_of(job, device))
    folder.open("restart")
    clock = Clock()
    with (
        patch.object(Scorer, "score", clock.timed("network", Scorer.score)),
        patch.object(candidates, "find_peaks", clock.timed("peaks", candidates.find_peaks)),
    ):
        for micrograph in job.micrographs:
            with clock.stage("read, crop, normalise"):
                prepared = prepare_micrograph(
                    micrograph,
                    diameter=diameter,
                    particle_px=scorer.settings.particle_px,
                    pixel_size=job.pixel_size,
                )
            with clock.stage("after reading"):
                found = finding.find_one(scorer, prepared)
                outcome = picking.choose(job, scorer, micrograph, found)
            with clock.stage("write"):
                folder.add(outcome)
    with clock.stage("write"):
        folder.finish()
    seconds = clock.seconds
    rest = seconds.pop("after reading") - seconds["network"] - seconds["peaks"]
    order = ("read, crop, normalise", "network", "peaks", "calibrate, choose", "write")
    seconds["calibrate, choose"] = rest
    return {
        "stages": {name: seconds[name] for name in order},
        "network_shape": list(prepared.image.shape),
    }


def run_plain(job: PickJob) -> dict[str, Any]:
    """Do the same in plain PyTorch: one after the other, float32, nothing fused, usual layout."""
    name, model = job.models[0]
    settings, _, diameter = read_card(name, model)
    network = build_network(settings.network).eval()
    network.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in model.weights.items()})
    scorer = make_scorer(job.models, torch.device("cpu"))
    folder = PickFolder(job.out, job.micrographs, picking.options_of(job, scorer.device))
    folder.open("restart")
    start, picks = time.perf_counter(), 0
    for micrograph in job.micrographs:
        prepared = prepare_micrograph(
            micrograph,
            diameter=diameter or job.diameter,
            particle_px=settings.particle_px,
            upsample=settings.upsample,
        )
        image = np.pad(prepared.image, RIM)
        rows, cols = image.shape
        more = ((0, -rows % network.multiple), (0, -cols % network.multiple))
        with torch.no_grad():
            logits = network(torch.from_numpy(np.pad(image, more))[None, None])
        maps = torch.sigmoid(logits)[0, :, :rows, :cols].numpy()
        found = find_candidates(
            maps[:1],
            prepared.scale,
            rim=RIM,
            junk=junk_of([maps]),
            border=prepared.border,
        )
        outcome = picking.choose(job, scorer, micrograph, found)
        folder.add(outcome)
        picks += len(outcome.picks)
    folder.finish()
    return {"seconds": time.perf_counter() - start, "picks": picks}


def run_network(job: PickJob, scorer: Scorer) -> dict[str, Any]:
    """Score so many images of the network's size alone, as many at once as `pick` does."""
    rows, cols = load_shape(job)
    assert job.diameter is not None
    scale = make_scale((rows, cols), 1.0, job.diameter, particle_px=scorer.settings.particle_px)
    image = np.random.default_rng(1).normal(size=scale.network_shape).astype(np.float32)
    workers, threads = finding.share_cores(finding.FindJob(micrographs=job.micrographs))
    start = time.perf_counter()
    with ThreadPoolExecutor(workers, initializer=partial(torch.set_num_threads, threads)) as pool:
        for each in [pool.submit(scorer.score, image) for _ in job.micrographs]:
            each.result()
    seconds = time.perf_counter() - start
    torch.set_num_threads(THREADS)
    return {"seconds": seconds, "shape": [length + 2 * RIM for length in image.shape]}


def run_floor(job: PickJob, scorer: Scorer) -> dict[str, Any]:
    """One read and one Fourier crop a micrograph: less work than this no picker can do."""
    rows, cols = load_shape(job)
    assert job.diameter is not None
    scale = make_scale((rows, cols), 1.0, job.diameter, particle_px=scorer.settings.particle_px)
    start = time.perf_counter()
    for micrograph in job.micrographs:
        image = np.fromfile(micrograph.path, np.float32, offset=HEADER).reshape(rows, cols)
        fourier_crop(image, scale.network_shape, threads=THREADS)
    return {"seconds": time.perf_counter() - start}


def as_trained(model: Model, diameter: float) -> Model:
    """Return a general model as one that was trained for a diameter.

    What is found out once before a picking, and the second look at doubtful micrographs, are then
    no part of the time a micrograph.
    """
    card = {key: value for key, value in model.card.items() if key not in ("adaptation", "general")}
    return replace(model, card={**card, "diameter": diameter})


def load_shape(job: PickJob) -> tuple[int, int]:
    """(rows, cols) of the benchmark's micrographs, from the header's first two numbers."""
    cols, rows = np.fromfile(job.micrographs[0].path, "<i4", count=2)
    return int(rows), int(cols)


def main() -> None:
    torch.set_num_threads(THREADS)
    diameter = float(sys.argv[2])
    model = as_trained(load_model(sys.argv[1]), diameter)
    scorer = make_scorer([("benchmark", model)], choose_device(DEVICE)[0])
    answers = sys.stdout
    sys.stdout = sys.stderr
    for line in sys.stdin:
        question = json.loads(line)
        job = make_job(question["paths"], question["out"], model, diameter)
        if question["do"] in ("floor", "network"):
            answer = {"floor": run_floor, "network": run_network}[question["do"]](job, scorer)
        else:
            tasks = {"pick": run_pick, "stages": run_stages, "plain": run_plain}
            answer = tasks[question["do"]](job)
        print(json.dumps(answer | {"peak_mib": peak_mib()}), file=answers, flush=True)


if __name__ == "__main__":
    main()
