"""What the viewer asks the engine for: one frozen type a request, written to JSON and checked."""

from __future__ import annotations

import dataclasses
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

    @classmethod
    def read(cls, args: dict[str, Any]) -> Self:
        """Check the fields of a message.

        Raises
        ------
        InputError
            One is missing or cannot be.
        """
        table = args.get("settings") or {}
        if not isinstance(table, dict):
            raise InputError("settings: a table of settings is needed")
        return cls(
            project=_path(args, "project"),
            run=_path(args, "run"),
            settings=from_dict(table),
            start=_text(args, "start"),
            validation=read_validation(args),
            keys=_names(args, "keys"),
            device=_text(args, "device") or "auto",
            resume=bool(args.get("resume", False)),
            pixel_size=_number(args, "pixel_size"),
        )


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

    @classmethod
    def read(cls, args: dict[str, Any]) -> Self:
        """Check the fields of a message; an InputError where one is missing or cannot be."""
        return cls(
            project=_path(args, "project"),
            run=_path(args, "run"),
            rounds=_count(args, "rounds"),
            epochs=_count(args, "epochs"),
            positive_quantile=_number(args, "positive_quantile"),
            ignore_quantile=_number(args, "ignore_quantile"),
            keys=_names(args, "keys"),
            device=_text(args, "device") or "auto",
        )


@dataclass(frozen=True)
class PickRequest(Request):
    """Find candidates on micrographs of a project; `diameter` (A) None is the model's."""

    do: ClassVar[str] = "pick"

    project: Path
    keys: tuple[str, ...]
    models: tuple[Path, ...]
    diameter: float | None = None
    device: str = "auto"
    pixel_size: float | None = None

    @property
    def models_used(self) -> tuple[Path, ...]:
        """Models that the job reads as it runs."""
        return self.models

    @classmethod
    def read(cls, args: dict[str, Any]) -> Self:
        """Check the fields of a message; an InputError where one is missing or cannot be."""
        models = _names(args, "models")
        if not models:
            raise InputError("no model was chosen; train one or open one")
        return cls(
            project=_path(args, "project"),
            keys=_names(args, "keys") or (),
            models=tuple(Path(name) for name in models),
            diameter=_number(args, "diameter"),
            device=_text(args, "device") or "auto",
            pixel_size=_number(args, "pixel_size"),
        )


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
        """Check the fields of a message; an InputError where one is missing or cannot be."""
        final = args.get("final", False)
        if not isinstance(final, bool):  # an evaluation of the test split cannot be taken back
            raise InputError(f"'final' is {final!r}; true or false is needed")
        models, picks = _paths(args, "models"), _paths(args, "picks")
        if not models and not picks:
            raise InputError(
                "nothing to compare; tick a model, or add the picks of another program"
            )
        return cls(
            project=_path(args, "project"),
            models=models,
            picks=picks,
            final=final,
            border=_number(args, "border") or 0.0,
            device=_text(args, "device") or "auto",
        )


@dataclass(frozen=True)
class DeviceRequest(Request):
    """Say which device a job would run on."""

    do: ClassVar[str] = "device"

    device: str = "auto"

    @classmethod
    def read(cls, args: dict[str, Any]) -> Self:
        """Check the fields of a message; an InputError where one cannot be."""
        return cls(_text(args, "device") or "auto")


@dataclass(frozen=True)
class PreviewRequest(Request):
    """Candidates of a micrograph by the network that a running job trains."""

    do: ClassVar[str] = "preview"

    key: str
    reply: str


def read_validation(args: dict[str, Any]) -> frozenset[str] | float | None:
    """Check what validates: keys, a fraction, or None; an InputError where it cannot be."""
    if isinstance(args.get("validation"), list):
        return frozenset(_names(args, "validation") or ())
    share = _number(args, "validation")
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
