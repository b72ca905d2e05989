"""The methods of a comparison as they are given: `NAME=PATH` of models and of picks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal

from napari_unetpick.errors import InputError
from napari_unetpick.io.models import Model, load_model
from napari_unetpick.project.runs import MODEL

Named = Sequence[str] | Mapping[str, str | PathLike[str]]
"""Methods as `NAME=PATH` or `PATH`, or paths by name."""


@dataclass(frozen=True)
class MethodSource:
    """A method as it was given: a model, or picks of any program."""

    name: str
    path: Path
    model: Model | None = None

    @property
    def kind(self) -> Literal["model", "picks"]:
        """What it is."""
        return "picks" if self.model is None else "model"


def read_methods(models: Named, picks: Named) -> tuple[MethodSource, ...]:
    """Name each method, models first, and load the models."""
    methods = [MethodSource(name, path, load_model(path)) for name, path in named(models, "model")]
    for name, path in named(picks, "picks"):
        if not path.exists():
            raise InputError(f"--picks {path}: no such file or folder; check the path")
        methods.append(MethodSource(name, path))
    if not methods:
        raise InputError("nothing to compare; give --model MODEL or --picks PICKS, or several")
    names = [method.name for method in methods]
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"two methods are called {name}; give them different names, as in "
                f"--{methods[0].kind} NAME=PATH"
            )
    return tuple(methods)


def named(methods: Named, kind: str) -> list[tuple[str, Path]]:
    """Return names and paths."""
    if isinstance(methods, Mapping):
        return [(name, Path(path).expanduser()) for name, path in methods.items()]
    return [name_and_path(text, kind) for text in methods]


def name_and_path(text: str, kind: str) -> tuple[str, Path]:
    """Split `NAME=PATH`; a path alone is named after its file, a model after its run folder."""
    name, _, rest = (part.strip() for part in text.partition("="))
    if "=" not in text or Path(text).expanduser().exists():
        rest = text
        place = Path(text).expanduser().absolute()
        is_run = kind == "model" and place.name == MODEL
        name = place.parent.name if is_run else place.name if place.is_dir() else place.stem
    if not name or not rest or not name.isprintable():
        raise InputError(f"--{kind} {text!r}: give NAME=PATH, or PATH alone")
    return name, Path(rest).expanduser()
