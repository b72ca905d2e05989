"""The request with which a stopped run is resumed, from its own config.toml; no Qt."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from napari_unetpick.errors import InputError, UnetPickError
from napari_unetpick.io.models import general_model, read_card
from napari_unetpick.io.names import micrograph_key
from napari_unetpick.project.project import RunInfo
from napari_unetpick.project.runs import CONFIG, MODEL
from napari_unetpick.protocol.requests import TrainRequest, read_validation
from napari_unetpick.settings import from_dict
from napari_unetpick.widgets.train.plan import GENERAL, SCRATCH


def resume_request(
    project: Path, run: Path, keys: Iterable[str], runs: Iterable[RunInfo]
) -> TrainRequest:
    """Return the request that resumes a run.

    Parameters
    ----------
    project, run
        Their folders.
    keys
        Of the project's micrographs.
    runs
        Of the project: the model that the run started from is among them.

    Raises
    ------
    InputError
        config.toml cannot be read, or a micrograph or the starting model is gone.
    """
    config = read_config(run)
    names = [micrograph_key(str(name)) for name in config.get("micrographs", [])]
    known = set(keys)
    gone = [name for name in names if name not in known]
    if gone:
        raise InputError(
            f"{run.name} cannot be resumed: {gone[0]} is no longer in the project; train a new run"
        )
    return TrainRequest(
        project,
        run,
        from_dict(config.get("settings", {}), name=str(run / CONFIG)),
        start=find_start(str(config.get("start", SCRATCH)), run, runs),
        validation=read_validation(config),
        keys=tuple(names),
        resume=True,
    )


def read_config(run: Path) -> dict[str, Any]:
    """Read a run's config.toml."""
    path = run / CONFIG
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); train a new run") from error


def find_start(start: str, run: Path, runs: Iterable[RunInfo]) -> str:
    """Return what a run started from; its config names a model by the hash of its labels."""
    if start == SCRATCH:
        return SCRATCH
    started = (run / CONFIG).stat().st_mtime
    models = [(each.path / MODEL, str(each.path)) for each in runs if each.path != run]
    if (general := general_model()) is not None:
        models.append((general, GENERAL))
    for model, name in models:
        try:
            is_older = model.is_file() and (name == GENERAL or model.stat().st_mtime <= started)
            if is_older and read_card(model).get("data", "model") == start:
                return name
        except (OSError, UnetPickError):
            continue  # a model that cannot be read is not the one
    raise InputError(
        f"{run.name} cannot be resumed: the model it started from is missing; train a new run"
    )
