"""What a project folder, a run and records hold, as plain data: the program's own readers, no more.

The fixtures of earlier versions keep what these functions returned then. Where a reader is
renamed, it is adapted here; what is expected stays.
"""

from __future__ import annotations

import hashlib
import io
from contextlib import redirect_stdout
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_unetpick.cli.info import info
from napari_unetpick.engine.devices import choose_device
from napari_unetpick.engine.pick.ensemble import make_scorer
from napari_unetpick.engine.pick.find import FindJob, find
from napari_unetpick.engine.runs.record import read_record
from napari_unetpick.engine.runs.resume_check import filled, read_start_config
from napari_unetpick.engine.self_train.job import make_self_train_job, read_run_config
from napari_unetpick.engine.self_train.run import self_train
from napari_unetpick.events import Event, FoundCandidates
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.labels import read_labels
from napari_unetpick.io.models import load_model
from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.project.evaluations import count_evaluations, read_evaluations
from napari_unetpick.project.project import Project
from napari_unetpick.project.runs import read_metrics, read_pseudo_labels
from napari_unetpick.settings import to_dict
from napari_unetpick.study.ablation.records import read_records
from napari_unetpick.study.ablation.rungs import read_ladder
from napari_unetpick.widgets.train.resume import resume_request
from napari_unetpick.worker.jobs import JOBS, Bench

Table = dict[str, Any]


def view_of(project: Project) -> Table:
    """Where a project was left; what came since is left out where it isn't used."""
    later = {"calibration", "view_from"}
    return {n: v for n, v in asdict(project.view).items() if v or n not in later}


def read_project(folder: Path) -> Table:
    """Everything a project holds but its runs."""
    with Project.open(folder) as project:
        keys = list(project.entries)
        return {
            "diameter": project.diameter,
            "test_looks": project.test_looks,
            "looks": {key: count_evaluations(folder, [key]) for key in keys},
            "noted": [logged(each) for each in read_evaluations(folder)],
            "view": view_of(project),
            "missing": project.missing,
            "read_only": project.read_only,
            "entries": [entry_of(each) for each in project.entries.values()],
            "marks": {key: marks_of(project, key) for key in keys},
            "labels": {key: labels_of(each) for key, each in project.labels().items()},
            "candidates": {key: candidates_of(project, key) for key in project.picked()},
            "runs": sorted((run_of(each) for each in project.runs()), key=lambda run: run["name"]),
            "messages": project.messages,
        }


def logged(evaluation: Any) -> Table:
    table = asdict(evaluation)
    return {"sides": list(table.pop("methods")), **table, "names": list(evaluation.names)}


def entry_of(entry: Any) -> Table:
    m = entry.micrograph
    return {
        "key": m.key,
        "file": m.path.name,
        "name": m.name,
        "state": entry.state,
        "kept": entry.kept,
        "split": entry.split,
        "picks": entry.picks,
        "pixel_size": m.pixel_size,
        "defocus": m.defocus,
        "ctf_resolution": m.ctf_resolution,
        "optics_group": m.optics_group,
    }


def marks_of(project: Project, key: str) -> Table:
    marks = project.annotations(key)
    picks = marks.picks
    return {
        "coords": picks.coords.tolist(),
        "scores": picks.scores.tolist(),
        "sources": picks.sources.tolist(),
        "negatives": marks.negatives.tolist(),
        "exclusions": [polygon.tolist() for polygon in marks.exclusions],
        "complete": [polygon.tolist() for polygon in marks.complete],
    }


def labels_of(labels: Any) -> Table:
    return {
        "state": labels.state,
        "positives": labels.positives.tolist(),
        "negatives": labels.negatives.tolist(),
        "exclusions": [polygon.tolist() for polygon in labels.exclusions],
        "complete": [polygon.tolist() for polygon in labels.complete],
    }


def candidates_of(project: Project, key: str) -> Table:
    """A micrograph's candidates, and how many are picks as the project was left."""
    found, view = project.candidates(key), project.view
    assert found is not None
    calibration = calibration_of(project.folder / view.model)
    threshold = calibration.threshold if view.threshold is None else view.threshold
    fraction = calibration.min_distance if view.min_distance is None else view.min_distance
    return {
        "coords": found.coords.tolist(),
        "raw": found.raw.tolist(),
        "near": found.nearness.tolist(),
        "model": found.model,
        "diameter_px": found.diameter_px,
        "picks": len(found.picks(calibration, threshold, fraction)),
    }


def calibration_of(model: Path) -> Calibration:
    return Calibration(**load_model(model).card["calibration"])


def run_of(run: Any) -> Table:
    """A run as it is listed."""
    return {
        "name": run.name,
        "finished": run.finished,
        "epochs": run.epochs,
        "validation_f1": run.validation_f1,
    }


def read_run(run: Path) -> Table:
    """A run folder, finished or not."""
    begun = filled(read_start_config(run / "config.toml"))
    finished = (run / "model.safetensors").is_file()
    taken = read_pseudo_labels(run)
    return {
        "begun": {name: value for name, value in begun.items() if name != "settings"},
        "settings": to_dict(read_run_config(run)["settings"]) if finished else begun["settings"],
        "labels": {name: labels_of(each) for name, each in read_labels(run / "labels").items()},
        "metrics": read_metrics(run / "metrics.jsonl"),
        "record": [
            {name: each[name] for name in ("command", "seed", "parameters", "data", "results")}
            for each in read_record(run / "record.json")
        ],
        "taken": None
        if taken is None
        else {
            "number": taken.number,
            "kept": taken.kept,
            "picks": {key: each.coords.tolist() for key, each in taken.picks.items()},
        },
        "models": {
            path.relative_to(run).as_posix(): read_model(path)
            for path in sorted(run.rglob("*.safetensors"))
        },
    }


def read_model(path: Path) -> Table:
    """A model's card but for its settings, its calibration as it is used, and its weights."""
    model = load_model(path)
    weights = hashlib.sha256()
    for name in sorted(model.weights):
        weights.update(name.encode() + np.ascontiguousarray(model.weights[name]).tobytes())
    kept = ("diameter", "pixel_size", "validation", "training", "data", "snapshot", "self_training")
    return {
        "card": {name: model.card[name] for name in kept if name in model.card},
        "calibration": asdict(calibration_of(path)),
        "weights": weights.hexdigest(),
    }


def tell_model(path: Path) -> str:
    """What `unetpick info` says of a model."""
    with redirect_stdout(io.StringIO()) as out:
        info(path)
    return out.getvalue()


def pick(project: Path, models: list[Path], key: str) -> Table:
    """The candidates that models find on a micrograph now."""
    with Project.open(project, lock=False) as opened:
        job = FindJob(micrographs=[opened.entries[key].micrograph], diameter=opened.diameter)
    scorer = make_scorer(
        [(str(path), load_model(path)) for path in models], choose_device("cpu")[0]
    )
    (found,) = (event for event in find(job, scorer) if isinstance(event, FoundCandidates))
    each = found.candidates
    return {
        "coords": each.coords.tolist(),
        "raw": each.raw.tolist(),
        "near": each.nearness.tolist(),
    }


def go_on(project: Path, run: str) -> list[Event]:
    """Resume a stopped training as the viewer does."""
    with Project.open(project, lock=False) as opened:
        folder = opened.runs_folder / run
        request = resume_request(project, folder, opened.entries, opened.runs())
    return list(JOBS["train"](replace(request, device="cpu").to_fields(), quiet_bench()))


def teach_on(project: Path, run: str, rounds: int) -> list[Event]:
    """Resume a self-training with more rounds, as the command line does."""
    begun = read_start_config(project / "runs" / run / "self_train.toml")
    names = [Path(path).name for path in (*begun["labelled"], *begun["learn"])]
    job, _ = make_self_train_job(
        micrographs=list_micrographs([str(project.parent / "Micrographs" / n) for n in names]),
        run=project / "runs" / run,
        rounds=rounds,
        device="cpu",
        again="resume",
    )
    return list(self_train(job))


def quiet_bench() -> Bench:
    """What a job needs, of a viewer that neither stops it nor asks for anything."""
    return Bench(lambda: None, list, lambda request, found: None, lambda device, why: None)


def read_ablation(folder: Path) -> Table:
    """The records of an ablation, and the ladder that its tables are made of."""
    ladder = read_ladder(folder)
    assert ladder is not None
    return {
        "records": {
            name: {
                "seeds": list(record.seeds),
                "minutes": record.minutes,
                "verdicts": list(record.verdicts),
                "f1": {key: score.f1 for key, score in record.scores["particle"].items()},
            }
            for name, record in read_records(folder / "records").items()
        },
        "rungs": {each.name: each.figures["particle"].f1.mean for each in ladder.rungs},
        "missing": list(ladder.missing),
    }
