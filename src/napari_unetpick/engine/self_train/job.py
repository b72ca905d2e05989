"""What self-training is given: a finished run and micrographs to learn from, checked."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from napari_unetpick.engine.pick.ensemble import read_card
from napari_unetpick.engine.train.job import TrainJob
from napari_unetpick.errors import InputError
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.labels import Labels, labels_hash, read_labels
from napari_unetpick.io.models import load_model
from napari_unetpick.io.names import match_names
from napari_unetpick.project.runs import CONFIG, MODEL
from napari_unetpick.settings import Settings, as_it_was, check, from_dict, to_dict
from napari_unetpick.version import __version__

SUPERVISED = "supervised.safetensors"
Again = Literal["refuse", "resume", "start over", "either"]


@dataclass(frozen=True)
class SelfTrainJob:
    """A run that is trained further on its own confident picks.

    Parameters
    ----------
    train
        The run's labelled micrographs, in its order, and its settings; it starts from the
        supervised model.
    learn
        Micrographs that are not labelled.
    marks
        Their exclusion areas and negatives, by key, where there are any.
    supervised
        The file of the supervised model.
    again
        What to do where the run has been self-trained before; "either" resumes with the same
        settings and starts over with others.
    """

    train: TrainJob
    learn: list[Micrograph]
    supervised: Path
    marks: dict[str, Labels] = field(default_factory=dict)
    again: Again = "refuse"

    def config(self) -> dict[str, Any]:
        """Return what self_train.toml says, but for the pixel sizes; see `begun_with`."""
        table = to_dict(self.train.settings)["self_train"]
        return {
            "version": __version__,
            "rounds": table.pop("rounds"),
            "supervised": hashlib.sha256(self.supervised.read_bytes()).hexdigest()[:16],
            "labels": labels_hash(self.train.labels),
            "marks": labels_hash(self.marks),
            "labelled": [str(m.path) for m in self.train.micrographs],
            "learn": [str(m.path) for m in self.learn],
            "settings": table,
        }


def make_self_train_job(
    *,
    micrographs: Sequence[Micrograph],
    run: Path,
    marks: Mapping[str, Labels] | None = None,
    rounds: int | None = None,
    epochs: int | None = None,
    positive_quantile: float | None = None,
    ignore_quantile: float | None = None,
    device: str = "auto",
    again: Again = "refuse",
) -> tuple[SelfTrainJob, list[str]]:
    """Check what `unetpick self-train` was given.

    Parameters
    ----------
    micrographs
        To learn from; the run's labelled ones among them, or else where the run found them.
    rounds, epochs, positive_quantile, ignore_quantile
        Over the run's settings, where given; a positive quantile decides then, whatever precision.

    Returns
    -------
    The job, and messages for the user.
    """
    config = read_run_config(run)
    supervised = supervised_file(run)
    model = load_model(supervised)
    _, calibration, _ = read_card(str(supervised), model)
    changes = {
        "rounds": rounds,
        "epochs": epochs,
        "positive_quantile": positive_quantile,
        "ignore_quantile": ignore_quantile,
        "least_precision": None if positive_quantile is None else 0.0,
    }
    settings = change_settings(config["settings"], changes)
    if settings.self_train.limits == "calibrated" and calibration.kind == "rank":
        raise InputError(
            f"{run}: limits = 'calibrated' needs calibrated scores, and a model trained "
            "with partial labels only has none; train again with limits = 'quantiles' in "
            "the recipe's [self_train], or with one completely labelled micrograph"
        )
    labels = read_labels(run / "labels")
    labelled, messages = find_labelled(list(micrographs), labels, config, run)
    own = {m.key: labels[name] for name, m in labelled.items()}
    learn = [m for m in micrographs if m.key not in own]
    validation = config.get("validation")
    job = SelfTrainJob(
        train=TrainJob(
            micrographs=list(labelled.values()),
            labels=own,
            diameter=config["diameter"],
            run=run,
            settings=settings,
            pixel_size=config.get("pixel_size"),
            validation=frozenset(validation) if isinstance(validation, list) else validation,
            start=model,
            device=device,
        ),
        learn=learn,
        supervised=supervised,
        marks={m.key: marks[m.key] for m in learn if m.key in marks} if marks else {},
        again=again,
    )
    return job, messages


def change_settings(settings: Settings, changes: dict[str, Any]) -> Settings:
    """Apply what was asked for over the run's settings."""
    given = {name: value for name, value in changes.items() if value is not None}
    changed = replace(settings, self_train=replace(settings.self_train, **given))
    check(changed, "self-training")
    return changed


def read_run_config(run: Path) -> dict[str, Any]:
    """Read a run's config.toml; `settings` in it are `Settings`, `diameter` is in A."""
    path = run / CONFIG
    if not (run / MODEL).is_file():
        started = path.is_file()
        raise InputError(
            f"{run}: has no finished model",
            "finish it with train --resume first" if started else "train one there first",
            viewer="resume its training first" if started else "",
        )
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        settings = from_dict(as_it_was(table["settings"]), name=str(path))
        return {**table, "settings": settings, "diameter": float(table["diameter"])}
    except (OSError, ValueError, LookupError, TypeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(
            f"{path}: cannot be read ({reason}); restore it from a copy, or train again"
        ) from error


def supervised_file(run: Path) -> Path:
    """Return the file of the run's supervised model: its model, until a round replaced it."""
    model, kept = run / MODEL, run / SUPERVISED
    if "self_training" not in load_model(model).card:
        return model
    if not kept.is_file():
        raise InputError(
            f"{kept}: is missing, but every round starts from it; restore it from a copy, "
            "or train again"
        )
    return kept


def find_labelled(
    given: list[Micrograph], labels: dict[str, Labels], config: dict[str, Any], run: Path
) -> tuple[dict[str, Micrograph], list[str]]:
    """Find the run's labelled micrographs, by the names of its labels, in the run's order.

    The order matters: what validated then must validate now.
    """
    paths = [Path(path) for path in config.get("micrographs", [])]
    wanted = [path.name for path in paths if path.name in labels]
    file_names = {m.path.name: m for m in given}
    pairs = match_names(wanted, list(file_names)).pairs
    found = {name: file_names[file] for name, file in pairs.items()}
    elsewhere = [p for p in paths if p.name in labels and p.name not in found and p.is_file()]
    found |= {path.name: Micrograph(path, str(path)) for path in elsewhere}
    missing = [name for name in wanted if name not in found]
    if missing or not wanted:
        raise InputError(
            f"{missing[0] if missing else run}: {len(missing)} of the run's {len(wanted)} "
            "labelled micrographs are neither given nor in their former place; give them "
            "too"
        )
    messages = []
    if elsewhere:
        messages.append(
            f"{len(elsewhere)} of the run's {len(wanted)} labelled micrographs were not "
            "given: read from their former place"
        )
    return {name: found[name] for name in wanted}, messages
