"""The methods of a comparison as they are given: `NAME=PATH` of models and of picks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from napari_unetpick.errors import InputError
from napari_unetpick.io.models import Model, load_model
from napari_unetpick.project.runs import MODEL


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


def read_methods(models: Sequence[str], picks: Sequence[str]) -> tuple[MethodSource, ...]:
    """Read `NAME=PATH` of each method, models first, and load the models."""
    methods = []
    for text, kind in [*((t, "model") for t in models), *((t, "picks") for t in picks)]:
        name, path = name_and_path(text, kind)
        if kind == "picks" and not path.exists():
            raise InputError(f"--picks {text}: no such file or folder")
        methods.append(MethodSource(name, path, load_model(path) if kind == "model" else None))
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
