"""What a request asks for, checked: the arguments of `train`, `self-train`, `pick`, `compare`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_unetpick.errors import InputError
from napari_unetpick.settings import Settings, from_dict


@dataclass(frozen=True)
class TrainRequest:
    """The arguments of `train`.

    Parameters
    ----------
    start
        Path of a model, "general", "scratch", or None for the default.
    validation
        Keys of the micrographs that validate, or a fraction, or None for the project's.
    keys
        Of the micrographs that train, or None for all that are labelled.
    """

    project: Path
    run: Path
    settings: Settings
    start: str | None = None
    validation: frozenset[str] | float | None = None
    keys: tuple[str, ...] | None = None
    device: str = "auto"
    resume: bool = False
    pixel_size: float | None = None


@dataclass(frozen=True)
class SelfTrainRequest:
    """The arguments of `self-train`.

    Parameters
    ----------
    rounds, epochs, positive_quantile, ignore_quantile
        None: as the run's settings say.
    keys
        Of the micrographs to learn from, or None for all that are not labelled.
    """

    project: Path
    run: Path
    rounds: int | None = None
    epochs: int | None = None
    positive_quantile: float | None = None
    ignore_quantile: float | None = None
    keys: tuple[str, ...] | None = None
    device: str = "auto"


@dataclass(frozen=True)
class PickRequest:
    """The arguments of `pick`; `diameter` (A) None is the model's."""

    project: Path
    keys: tuple[str, ...]
    models: tuple[Path, ...]
    diameter: float | None = None
    device: str = "auto"
    pixel_size: float | None = None


@dataclass(frozen=True)
class CompareRequest:
    """The arguments of `compare`.

    Parameters
    ----------
    models, picks
        Paths by the name of the side; the first model (else the first picks) is what the others
        are compared with.
    final
        Whether the test split is scored, and the look at it counted.
    border
        Width of the border that is left out, in A.
    """

    project: Path
    models: dict[str, Path]
    picks: dict[str, Path]
    final: bool = False
    border: float = 0.0
    device: str = "auto"


def read_train_request(args: dict[str, Any]) -> TrainRequest:
    """Check the arguments of `train`.

    Raises
    ------
    InputError
        One is missing or cannot be.
    """
    validation = args.get("validation")
    if isinstance(validation, list):
        share: frozenset[str] | float | None = frozenset(_names(args, "validation") or ())
    else:
        share = _number(args, "validation")
        if share is not None and not 0 < share < 1:
            raise InputError(f"validation {share:g}: a fraction lies between 0 and 1")
    table = args.get("settings") or {}
    if not isinstance(table, dict):
        raise InputError("settings: a table of settings is needed")
    return TrainRequest(
        project=_path(args, "project"),
        run=_path(args, "run"),
        settings=from_dict(table),
        start=_text(args, "start"),
        validation=share,
        keys=_names(args, "keys"),
        device=_text(args, "device") or "auto",
        resume=bool(args.get("resume", False)),
        pixel_size=_number(args, "pixel_size"),
    )


def read_self_train_request(args: dict[str, Any]) -> SelfTrainRequest:
    """Check the arguments of `self-train`.

    Raises
    ------
    InputError
        One is missing or cannot be.
    """
    return SelfTrainRequest(
        project=_path(args, "project"),
        run=_path(args, "run"),
        rounds=_count(args, "rounds"),
        epochs=_count(args, "epochs"),
        positive_quantile=_number(args, "positive_quantile"),
        ignore_quantile=_number(args, "ignore_quantile"),
        keys=_names(args, "keys"),
        device=_text(args, "device") or "auto",
    )


def read_pick_request(args: dict[str, Any]) -> PickRequest:
    """Check the arguments of `pick`.

    Raises
    ------
    InputError
        One is missing or cannot be.
    """
    models = _names(args, "models")
    if not models:
        raise InputError("no model was chosen; train one or open one")
    return PickRequest(
        project=_path(args, "project"),
        keys=_names(args, "keys") or (),
        models=tuple(Path(name) for name in models),
        diameter=_number(args, "diameter"),
        device=_text(args, "device") or "auto",
        pixel_size=_number(args, "pixel_size"),
    )


def read_compare_request(args: dict[str, Any]) -> CompareRequest:
    """Check the arguments of `compare`.

    Raises
    ------
    InputError
        One is missing or cannot be, or there is nothing to compare.
    """
    final = args.get("final", False)
    if not isinstance(final, bool):  # a look at the test split cannot be taken back
        raise InputError(f"'final' is {final!r}; true or false is needed")
    models, picks = _paths(args, "models"), _paths(args, "picks")
    if not models and not picks:
        raise InputError("nothing to compare; tick a model, or add the picks of another program")
    return CompareRequest(
        project=_path(args, "project"),
        models=models,
        picks=picks,
        final=final,
        border=_number(args, "border") or 0.0,
        device=_text(args, "device") or "auto",
    )


def _path(args: dict[str, Any], name: str) -> Path:
    text = _text(args, name)
    if not text:
        raise InputError(f"the request lacks '{name}'")
    return Path(text)


def _text(args: dict[str, Any], name: str) -> str | None:
    value = args.get(name)
    if value is not None and not isinstance(value, str):
        raise InputError(f"'{name}' is {value!r}; a text is needed")
    return value


def _number(args: dict[str, Any], name: str) -> float | None:
    value = args.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"'{name}' is {value!r}; a number is needed")
    return float(value)


def _count(args: dict[str, Any], name: str) -> int | None:
    value = _number(args, name)
    if value is not None and not (value >= 0 and value.is_integer()):
        raise InputError(f"'{name}' is {value!r}; a whole number is needed")
    return None if value is None else int(value)


def _names(args: dict[str, Any], name: str) -> tuple[str, ...] | None:
    value = args.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InputError(f"'{name}' is {value!r}; a list of texts is needed")
    return tuple(value)


def _paths(args: dict[str, Any], name: str) -> dict[str, Path]:
    value = args.get(name) or {}
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise InputError(f"'{name}' is {value!r}; a table of names and paths is needed")
    return {str(key): Path(path) for key, path in value.items()}
