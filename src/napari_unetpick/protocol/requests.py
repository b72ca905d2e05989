"""What the viewer asks the engine for: one frozen type a request, written to JSON and checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from napari_unetpick.errors import InputError
from napari_unetpick.protocol.messages import plain
from napari_unetpick.settings import Settings, from_dict

LABELS_ARE_READ = ("train", "self-train", "compare")  # from the project's files
ANSWERS_PREVIEWS = ("train", "self-train")


@dataclass(frozen=True)
class Request:
    """A job for the engine; the names of the fields are those of the message.

    Attributes
    ----------
    do
        Its name in the message.
    """

    do: ClassVar[str]

    def to_fields(self) -> dict[str, Any]:
        """Return what the message carries besides version, id and name."""
        fields = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        result: dict[str, Any] = plain(fields)
        return result

    @classmethod
    def read(cls, args: dict[str, Any]) -> Self:
        """Check the fields of a message; those that it lacks are as by default.

        Raises
        ------
        InputError
            One is missing or cannot be.
        """
        given = {each.name: READERS[each.name](args, each.name) for each in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in given.items() if value is not None})

    @property
    def models_used(self) -> tuple[Path, ...]:
        """Models that the job reads as it runs."""
        return ()


@dataclass(frozen=True)
class TrainRequest(Request):
    """Train on the labels of a project.

    Parameters
    ----------
    start
        Path of a model, "general", "scratch", or None for the default.
    validation
        Keys of the micrographs that validate, or a fraction, or None for the project's.
    keys
        Of the micrographs that train, or None for all that are labelled.
    """

    do: ClassVar[str] = "train"

    project: Path
    run: Path
    settings: Settings = field(default_factory=Settings)
    start: str | None = None
    validation: frozenset[str] | float | None = None
    keys: tuple[str, ...] | None = None
    device: str = "auto"
    resume: bool = False
    pixel_size: float | None = None


@dataclass(frozen=True)
class SelfTrainRequest(Request):
    """Train a finished run further on its own confident picks.

    Parameters
    ----------
    rounds, epochs, positive_quantile, ignore_quantile
        None: as the run's settings say.
    keys
        Of the micrographs to learn from, or None for all that are not labelled.
    """

    do: ClassVar[str] = "self-train"

    project: Path
    run: Path
    rounds: int | None = None
    epochs: int | None = None
    positive_quantile: float | None = None
    ignore_quantile: float | None = None
    keys: tuple[str, ...] | None = None
    device: str = "auto"


@dataclass(frozen=True)
class PickRequest(Request):
    """Find candidates on micrographs of a project.

    Parameters
    ----------
    diameter
        A, or None for the model's; the general model's is estimated.
    contrast
        "dark" or "light" particles; "auto" is found with the general model, as trained with
        another one.
    surveyed
        Keys of the micrographs that this, and the calibration, is found on; none means all of the
        project.
    """

    do: ClassVar[str] = "pick"

    project: Path
    keys: tuple[str, ...] = ()
    models: tuple[Path, ...] = ()
    diameter: float | None = None
    device: str = "auto"
    pixel_size: float | None = None
    contrast: str = "auto"
    surveyed: tuple[str, ...] = ()

    @property
    def models_used(self) -> tuple[Path, ...]:
        """Models that the job reads as it runs."""
        return self.models

    @classmethod
    def read(cls, args: dict[str, Any]) -> Self:
        """Check the fields of a message; there must be a model."""
        if not _names(args, "models"):
            raise InputError("no model was chosen; train one or open one")
        return super().read(args)


@dataclass(frozen=True)
class CompareRequest(Request):
    """Compare models and other programs' picks on a project's labels.

    Parameters
    ----------
    models, picks
        Paths by the name of the method; the first model (else the first picks) is what the others
        are compared with.
    final
        Whether the test split is scored, which counts as an evaluation of it.
    border
        Width of the border that is left out, in A.
    """

    do: ClassVar[str] = "compare"

    project: Path
    models: dict[str, Path]
    picks: dict[str, Path]
    final: bool = False
    border: float = 0.0
    device: str = "auto"

    @property
    def models_used(self) -> tuple[Path, ...]:
        """Models that the job reads as it runs."""
        return tuple(self.models.values())

    @classmethod
    def read(cls, args: dict[str, Any]) -> Self:
        """Check the fields of a message; there must be a model or picks."""
        if not _paths(args, "models") and not _paths(args, "picks"):
            raise InputError(
                "nothing to compare; tick a model, or add the picks of another program"
            )
        return super().read(args)


@dataclass(frozen=True)
class DeviceRequest(Request):
    """Say which device a job would run on."""

    do: ClassVar[str] = "device"

    device: str = "auto"


@dataclass(frozen=True)
class PreviewRequest(Request):
    """Candidates of a micrograph by the network that a running job trains."""

    do: ClassVar[str] = "preview"

    key: str
    reply: str


def read_validation(
    args: dict[str, Any], name: str = "validation"
) -> frozenset[str] | float | None:
    """Check what validates: keys, a fraction, or None; an InputError where it cannot be."""
    if isinstance(args.get(name), list):
        return frozenset(_names(args, name) or ())
    share = _number(args, name)
    if share is not None and not 0 < share < 1:
        raise InputError(f"validation {share:g}: a fraction lies between 0 and 1")
    return share


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


def _models(args: dict[str, Any], name: str) -> tuple[Path, ...] | dict[str, Path]:
    if isinstance(args.get(name), list):
        return tuple(map(Path, _names(args, name) or ()))
    return _paths(args, name)


def _settings(args: dict[str, Any], name: str) -> Settings:
    table = args.get(name) or {}
    if not isinstance(table, dict):
        raise InputError(f"{name}: a table of settings is needed")
    return from_dict(table)


def _truth(args: dict[str, Any], name: str) -> bool | None:
    value = args.get(name)
    if value is not None and not isinstance(value, bool):
        raise InputError(f"'{name}' is {value!r}; true or false is needed")
    return value


READERS: dict[str, Callable[[dict[str, Any], str], Any]] = {
    **dict.fromkeys(("project", "run"), _path),
    **dict.fromkeys(("start", "device", "contrast"), _text),
    **dict.fromkeys(("rounds", "epochs"), _count),
    **dict.fromkeys(("resume", "final"), _truth),
    **dict.fromkeys(("pixel_size", "diameter", "border"), _number),
    **dict.fromkeys(("positive_quantile", "ignore_quantile"), _number),
    "settings": _settings,
    "validation": read_validation,
    **dict.fromkeys(("keys", "surveyed"), _names),
    "models": _models,
    "picks": _paths,
}
"""How the fields of requests are read, by their names."""
