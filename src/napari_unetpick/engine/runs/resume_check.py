"""What a run was started with against what it is resumed with: the same data, wherever it lies."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tomli_w

from napari_unetpick.engine.data.training_set import Item
from napari_unetpick.errors import InputError
from napari_unetpick.io.names import micrograph_key
from napari_unetpick.settings import as_it_was, from_dict, to_dict

PIXEL_SIZES = "pixel_sizes"
FREE = ("version", "rounds", PIXEL_SIZES)  # may differ in a resumed run, or are checked apart
LISTS = ("micrographs", "labelled", "learn")  # of paths
SAME = 1e-6  # relative: a header has a pixel size to seven digits


def read_start_config(path: Path) -> dict[str, Any]:
    """Read a config.toml or self_train.toml; {} where there is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(
            f"{path}: cannot be read ({reason}); restore it from a copy, or train into another "
            "folder"
        ) from error


def differences(started_with: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Name what differs between two such tables, but for versions and where micrographs lie.

    The order of the micrographs matters: what is cached of them is numbered.
    """
    first, second = _comparable(started_with), _comparable(now)
    names = sorted({*first, *second})
    return [name.replace("_", " ") for name in names if first.get(name) != second.get(name)]


def _comparable(table: dict[str, Any]) -> dict[str, Any]:
    plain = tomllib.loads(tomli_w.dumps(table))  # as if it had been written: tuples become lists
    keys = {name: [micrograph_key(path) for path in plain[name]] for name in LISTS if name in plain}
    rest = {name: value for name, value in plain.items() if name not in FREE}
    return rest | keys


def filled(started_with: dict[str, Any]) -> dict[str, Any]:
    """Give settings that an older version did not know what it worked by, or their default."""
    try:
        return {**started_with, "settings": to_dict(from_dict(as_it_was(started_with["settings"])))}
    except (InputError, LookupError, TypeError, AttributeError):
        return started_with  # they will differ


def pixel_sizes(items: Iterable[Item]) -> dict[str, float]:
    """Return the A/px with which micrographs were read, by key."""
    return {item.micrograph.key: item.pixel_size for item in items}


def check_pixel_sizes(started_with: dict[str, Any], items: Iterable[Item], run: Path) -> None:
    """Refuse a pixel size that changed; runs of older versions did not note any.

    Raises
    ------
    InputError
        The network would be trained on at another scale.
    """
    noted = started_with.get(PIXEL_SIZES, {})
    for key, size in pixel_sizes(items).items():
        before = noted.get(key, size)
        if not math.isclose(before, size, rel_tol=SAME):
            raise InputError(
                f"{run}: was trained with {before:g} A/px for {key}, which now has {size:g} "
                "A/px; give the former pixel size, or train a new run"
            )
