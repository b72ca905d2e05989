"""How soon five corrections show: from pressing Train to new picks of the micrograph in view.

A micrograph of beta-galactosidase (UNETPICK_TEST_DATA) is picked with the general model; two false
picks are rejected and three missed particles are added; then the engine trains from the general
model, asked for the micrograph in view as the viewer asks. The engine is warm: it has trained once.

    python benchmarks/corrections.py [--rounds 3]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from _record import spread, table
from general import Set, pick_set, real_set

CORRECTIONS = (3, 2)  # missed particles added, false picks rejected
SOON = 3.0  # seconds after the first step, as the viewer waits


def correct(one: Set, folder: Path) -> tuple[Path, str]:
    """Make a project with the first micrograph's corrections; return it and the key."""
    import torch

    from napari_unetpick.engine.pick.ensemble import make_scorer
    from napari_unetpick.evaluation.matching import match_particles
    from napari_unetpick.io.images.micrograph import Micrograph
    from napari_unetpick.io.models import GENERAL, load_model
    from napari_unetpick.project.annotations import new_picks
    from napari_unetpick.project.project import Annotations, Project

    scorer = make_scorer([("general", load_model(GENERAL))], torch.device("cpu"))
    scorer, (found, *_) = pick_set(scorer, one, adapt=True)
    truth = one.files[0][1]
    picks = found.picks(scorer.calibration).coords
    match = match_particles(picks, truth, 0.5 * found.diameter_px)
    missed = np.setdiff1d(np.arange(len(truth)), match[match >= 0])
    rng = np.random.default_rng(1)
    added = truth[rng.choice(missed, CORRECTIONS[0], replace=False)]
    false = picks[rng.choice(np.flatnonzero(match < 0), CORRECTIONS[1], replace=False)]
    micrographs = [Micrograph(each, each.name, one.pixel_size) for each, _ in one.files]
    key = micrographs[0].key
    with Project.create(folder, micrographs, one.diameter) as project:
        project.save_annotations(key, Annotations(picks=new_picks(added), negatives=false))
        project.change(key, state="partial")
        project.save()
    return folder, key


def seconds_to_picks(project: Path, key: str) -> tuple[float, float]:
    """Train; return the seconds to the first new picks of the micrograph and to the end."""
    from napari_unetpick.events import Progress
    from napari_unetpick.protocol.requests import PreviewRequest, TrainRequest
    from napari_unetpick.settings import load_recipe
    from napari_unetpick.worker.jobs import Bench, run_train

    started, first, seen = time.monotonic(), [], []

    def wishes() -> list[PreviewRequest]:
        if first and not seen and time.monotonic() - first[0] >= SOON:
            return [PreviewRequest(key=key, reply="1")]
        return []

    bench = Bench(
        check=lambda: None,
        take_previews=wishes,
        answer=lambda wish, found: seen.append(time.monotonic() - started),
        tell_device=lambda device, why: None,
    )
    run = project / "runs" / f"run-{time.time_ns()}"
    request = TrainRequest(project, run, load_recipe("improved"), start="general")
    for event in run_train(request.to_fields(), bench):
        if isinstance(event, Progress) and event.stage == "training" and not first:
            first.append(time.monotonic())
    return seen[0], time.monotonic() - started


def main() -> None:
    """Correct once, train some times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project, key = correct(real_set("betagal", ("train",)), Path(folder) / "project")
        rounds = [seconds_to_picks(project, key) for _ in range(options.rounds + 1)][1:]
    soon, whole = zip(*rounds, strict=True)
    rows = [["new picks in view", spread(soon, 1)], ["training finished", spread(whole, 1)]]
    print(table(("after pressing Train", "s"), rows))


if __name__ == "__main__":
    main()
