"""Cryo-EM single-particle picking with napari: the public names of `api`, imported when used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_unetpick.version import __version__ as __version__

if TYPE_CHECKING:
    from napari_unetpick.api import *  # noqa: F403


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
    "watch",
    "write_picks",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("napari_unetpick.api"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
