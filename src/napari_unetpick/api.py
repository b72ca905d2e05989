"""The Python API: what the command line does, as functions with typed results.

`napari_unetpick` gives these names without importing anything before they are used. Jobs report to
`on_event`, if it is given, with the events of `napari_unetpick.events`; it may raise `Cancelled` to
stop. Whatever is wrong with what was given is an `InputError` of one line.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_unetpick.errors import InputError
from napari_unetpick.evaluation.protocols import Protocol
from napari_unetpick.evaluation.results import Evaluation
from napari_unetpick.events import Done, Event, Failed, FoundCandidates, Message
from napari_unetpick.io.formats.csv_picks import write_csv
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.formats.write import write_picks
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import Picks
from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project.project import Project
from napari_unetpick.study.compare.result import ComparisonResult

__all__ = [
    "Candidates",
    "Evaluation",
    "InputError",
    "Micrograph",
    "PickedMicrograph",
    "Picks",
    "Project",
    "TrainedModel",
    "compare",
    "evaluate",
    "list_micrographs",
    "pick",
    "read_model",
    "read_picks",
    "self_train",
    "simulate_set",
    "train",
    "write_picks",
]

StrPath = str | Path
Micrographs = StrPath | Sequence[StrPath]
"""A file, folder, glob or micrographs STAR, or several of them."""
PicksLike = StrPath | Mapping[str, Picks]
"""A pick file or folder, or picks by micrograph name (kept to 0.001 px, as in CSV)."""
OnEvent = Callable[[Event], None]

log = logging.getLogger("napari_unetpick")


@dataclass(frozen=True)
class TrainedModel:
    """A model in its run folder.

    Parameters
    ----------
    path
        The model file; its folder is the run folder.
    diameter
        Particle diameter that it was trained for, A.
    calibration
        What makes calibrated scores of its raw ones, and its threshold.
    validation_f1
        F1 on validation micrographs (protocol `particle`), or None with partial labels only.
    card
        Everything else that it was trained with and reached, as `unetpick info` shows it.
    """

    path: Path
    diameter: float
    calibration: Calibration
    validation_f1: float | None
    card: dict[str, Any]


@dataclass(frozen=True)
class PickedMicrograph:
    """What was found on one micrograph.

    Parameters
    ----------
    picks
        After threshold and minimum distance, best first, with calibrated scores.
    candidates
        All places that the network found, before any threshold.
    """

    micrograph: Micrograph
    picks: Picks
    candidates: Candidates


def train(
    micrographs: Micrographs,
    picks: PicksLike,
    *,
    diameter: float,
    run: StrPath,
    partial: bool = False,
    pixel_size: float | None = None,
    validation: str | float | None = None,
    start: StrPath | None = None,
    recipe: str = "improved",
    epochs: int | None = None,
    seed: int | None = None,
    device: str = "auto",
    resume: bool = False,
    on_event: OnEvent | None = None,
) -> TrainedModel:
    """Train a model on picks, as `unetpick train` does.

    Parameters
    ----------
    micrographs
        Those without picks are left alone.
    picks
        Labels. A micrograph that is named in them is fully labelled, unless `partial`.
    diameter
        Particle diameter, A.
    run
        Run folder to write to.
    partial
        What is not picked is unknown, not background.
    pixel_size
        A/px, instead of the micrographs' own.
    validation
        A pick file of the micrographs that validate, or a fraction of the labelled ones.
    start
        "general", "scratch", or a model to fine-tune.
    recipe
        "improved", "baseline", "plan", or a TOML file.
    epochs, seed
        Instead of the recipe's.
    resume
        Continue the run where it was stopped.

    Raises
    ------
    InputError, ModelError, EngineError
        Something cannot be used, or the computer cannot do it.
    """
    from napari_unetpick.engine.inputs import make_train_job
    from napari_unetpick.engine.train.run import train as run_training

    with _as_file(picks) as file:
        job, messages = make_train_job(
            micrographs=_listed(micrographs),
            picks=file,
            diameter=diameter,
            run=Path(run),
            pixel_size=pixel_size,
            validation=None if validation is None else str(validation),
            partial=partial,
            start=None if start is None else str(start),
            recipe=recipe,
            epochs=epochs,
            seed=seed,
            device=device,
            resume=resume,
        )
    result = _run(run_training(job), on_event, messages)
    return read_model(result["model"])


def self_train(
    micrographs: Micrographs,
    run: StrPath | TrainedModel,
    *,
    rounds: int | None = None,
    epochs: int | None = None,
    device: str = "auto",
    resume: bool = False,
    on_event: OnEvent | None = None,
) -> TrainedModel:
    """Train a run further on pseudo-labels, as `unetpick self-train` does.

    Parameters
    ----------
    micrographs
        To learn from; they need no labels.
    rounds, epochs
        Instead of the run's settings.
    resume
        Continue where it was stopped, or with more rounds.

    Returns
    -------
    The best round's model, or the supervised one where no round passed the acceptance test.
    """
    from napari_unetpick.engine.self_train.job import make_self_train_job
    from napari_unetpick.engine.self_train.run import self_train as run_self_training

    job, messages = make_self_train_job(
        micrographs=list_micrographs(micrographs),
        run=run.path.parent if isinstance(run, TrainedModel) else Path(run),
        rounds=rounds,
        epochs=epochs,
        device=device,
        again="resume" if resume else "refuse",
    )
    return read_model(_run(run_self_training(job), on_event, messages)["model"])


def read_model(path: StrPath) -> TrainedModel:
    """Read what a model file or run folder says of its model."""
    from napari_unetpick.engine.pick.ensemble import read_card
    from napari_unetpick.io.models import load_model
    from napari_unetpick.project.runs import MODEL

    path = Path(path)
    file = path / MODEL if path.is_dir() else path
    model = load_model(file)
    _, calibration, diameter = read_card(str(file), model)
    f1 = (model.card.get("validation") or {}).get("f1")
    return TrainedModel(file, diameter, calibration, f1, model.card)


def pick(
    micrographs: Micrographs,
    model: StrPath | TrainedModel | Sequence[StrPath | TrainedModel],
    *,
    diameter: float | None = None,
    pixel_size: float | None = None,
    threshold: float | None = None,
    min_distance: float | None = None,
    device: str = "auto",
    on_event: OnEvent | None = None,
) -> Iterator[PickedMicrograph]:
    """Pick one micrograph after the other; nothing is written (see `write_picks`).

    Parameters
    ----------
    model
        A model, or several that make an ensemble.
    diameter
        Particle diameter in A, if not the model's.
    pixel_size
        A/px, instead of the micrographs' own.
    threshold
        Calibrated score from which a candidate is a pick, or None for the model's.
    min_distance
        Between picks in A, or None for the model's.

    Raises
    ------
    InputError
        Nothing could be picked. Single micrographs that cannot be read are reported to `on_event`
        (`Failed`) and skipped.
    """
    from napari_unetpick.engine.devices import choose_device
    from napari_unetpick.engine.pick.ensemble import make_scorer
    from napari_unetpick.engine.pick.find import FindJob, find
    from napari_unetpick.io.models import load_model

    members = [model] if isinstance(model, str | Path | TrainedModel) else list(model)
    paths = [each.path if isinstance(each, TrainedModel) else Path(each) for each in members]
    chosen, why = choose_device(device)
    scorer = make_scorer([(str(path), load_model(path)) for path in paths], chosen)
    listed = list_micrographs(micrographs)
    by_key = {each.key: each for each in listed}
    job = FindJob(micrographs=listed, diameter=diameter, pixel_size=pixel_size)
    distance = None if min_distance is None else min_distance / (diameter or scorer.diameter)
    _tell(Message(f"device: {why}"), on_event)
    count, failed = 0, ""
    for event in find(job, scorer):
        _tell(event, on_event)
        if isinstance(event, Failed):
            failed = failed or event.reason
        if isinstance(event, FoundCandidates):
            micrograph, found, count = by_key[event.key], event.candidates, count + 1
            picks = found.picks(scorer.calibration, threshold, distance, micrograph=micrograph.name)
            yield PickedMicrograph(micrograph, picks, found)
    if failed and not count:
        raise InputError(failed)


def evaluate(
    picks: PicksLike,
    truth: PicksLike,
    micrographs: Micrographs | None = None,
    *,
    diameter: float | None = None,
    pixel_size: float | None = None,
    border: float = 0.0,
    protocol: Protocol = "particle",
) -> Evaluation:
    """Score picks against truth, as `unetpick evaluate` does.

    Parameters
    ----------
    micrographs
        Only these are scored, and picks outside them are reported; None: by the names alone.
    diameter
        Particle diameter in A, where the truth has none.
    border
        Width of the border that is left out, A; needs micrographs.
    protocol
        "particle", "iou0.6" or "pixel".
    """
    from napari_unetpick.evaluation.inputs.load import load_inputs

    with _as_file(picks) as file, _as_file(truth) as true:
        inputs = load_inputs(
            file, true, micrographs, diameter=diameter, pixel_size=pixel_size, border=border
        )
    return inputs.evaluate(protocol)


def compare(
    micrographs: Micrographs,
    truth: PicksLike,
    *,
    out: StrPath,
    models: Mapping[str, StrPath] | None = None,
    picks: Mapping[str, StrPath] | None = None,
    split: StrPath | None = None,
    diameter: float | None = None,
    pixel_size: float | None = None,
    border: float = 0.0,
    final: bool = False,
    seed: int = 42,
    device: str = "auto",
    on_event: OnEvent | None = None,
) -> ComparisonResult:
    """Compare models and other programs' picks by name, as `unetpick compare` does.

    Parameters
    ----------
    out
        Folder for what the models pick.
    models, picks
        By the name that the result gives them.
    split
        CSV `micrograph,split`; else half of the labelled micrographs choose the thresholds.
    final
        Score the test micrographs; each evaluation of them is counted.
    """
    from napari_unetpick.study.compare.job import make_compare_job
    from napari_unetpick.study.compare.run import compare as run_comparison

    with _as_file(truth) as true:
        job = make_compare_job(
            micrographs=_listed(micrographs),
            truth=true,
            out=Path(out),
            models=[f"{name}={path}" for name, path in (models or {}).items()],
            picks=[f"{name}={path}" for name, path in (picks or {}).items()],
            split=None if split is None else Path(split),
            diameter=diameter,
            pixel_size=pixel_size,
            border=border,
            final=final,
            seed=seed,
            device=device,
        )
    found: ComparisonResult = _run(run_comparison(job), on_event)["comparison"]
    return found


def simulate_set(
    sample: str,
    out: StrPath,
    *,
    count: int = 8,
    seed: int = 1,
    on_event: OnEvent | None = None,
) -> list[Micrograph]:
    """Simulate micrographs with known truth (`out/picks.csv`), as `unetpick simulate` does.

    Parameters
    ----------
    sample
        Such as "barrel", "ribosome", or "random-7" for a random molecule.
    """
    from napari_unetpick.simulate.samples import get_sample
    from napari_unetpick.simulate.write import simulate_set as simulate

    _run(simulate(get_sample(sample), out, count, seed), on_event)
    return list_micrographs(out)


def _listed(micrographs: Micrographs) -> list[str]:
    several = [micrographs] if isinstance(micrographs, str | Path) else micrographs
    return [str(each) for each in several]


@contextmanager
def _as_file(picks: PicksLike) -> Iterator[Path]:
    """Give picks as a file, for as long as it is read."""
    if isinstance(picks, str | Path):
        yield Path(picks)
        return
    with tempfile.TemporaryDirectory(prefix="unetpick-") as folder:
        file = Path(folder) / "picks.csv"
        write_csv(file, picks.values())
        yield file


def _run(
    events: Iterator[Event], on_event: OnEvent | None, messages: Sequence[str] = ()
) -> dict[str, Any]:
    """Run a job to its end and return its result."""
    for text in messages:
        _tell(Message(text, "warning"), on_event)
    result: dict[str, Any] = {}
    for event in events:
        _tell(event, on_event)
        if isinstance(event, Done):
            result = event.result
    return result


def _tell(event: Event, on_event: OnEvent | None) -> None:
    if isinstance(event, Message):
        log.log(logging.WARNING if event.level == "warning" else logging.INFO, event.text)
    if on_event is not None:
        on_event(event)
