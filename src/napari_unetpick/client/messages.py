"""Lines on the pipe and what they mean: requests to JSON, JSON to events and arrays."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from napari_unetpick.events import (
    PROTOCOL,
    Event,
    Failed,
    FoundCandidates,
    Message,
    Metrics,
    Progress,
)
from napari_unetpick.picking.candidates import Candidates

PLAIN = {"message": Message, "progress": Progress, "metrics": Metrics, "failed": Failed}


def encode(message: dict[str, Any]) -> bytes:
    """Write a request as one line of JSON."""
    return json.dumps({"v": PROTOCOL, **plain(message)}).encode("ascii") + b"\n"


def plain(value: Any) -> Any:
    """Turn paths, settings, sets and tuples into what JSON has.

    Raises
    ------
    TypeError
        Nothing in JSON stands for the value.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, set | frozenset):
        return sorted(plain(each) for each in value)
    if isinstance(value, np.generic):
        return value.item()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain(dataclasses.asdict(value))
    raise TypeError(f"a request cannot carry a {type(value).__name__}")


def decode(line: bytes) -> dict[str, Any]:
    """Read one line of the engine.

    Raises
    ------
    ValueError
        It is no message: not JSON, not an object, or without an event.
    """
    message = json.loads(line)
    if not isinstance(message, dict) or not isinstance(message.get("event"), str):
        raise ValueError("not a message of the engine")
    return message


def event_of(message: dict[str, Any], arrays: Path | None) -> Event:
    """Build the event that a message tells of; candidates are read and their file is removed.

    Raises
    ------
    ValueError
        A field is missing, or the candidates' file cannot be read.
    """
    try:
        if message["event"] == "candidates":
            return read_candidates(message, arrays)
        kind = PLAIN[message["event"]]
        names = {field.name for field in dataclasses.fields(kind)}
        event: Event = kind(**{key: value for key, value in message.items() if key in names})
        return event
    except (LookupError, TypeError, OSError) as error:
        raise ValueError(f"a broken '{message['event']}' message ({error!r})") from error


def read_candidates(message: dict[str, Any], arrays: Path | None) -> FoundCandidates:
    """Read the (N, 4) file of a `candidates` message: row, col, raw score, nearness."""
    name = message["file"]
    if arrays is None or not name or Path(name).name != name:
        raise ValueError(f"candidates outside of the engine's folder: {name!r}")
    path = arrays / name
    try:
        table = np.load(path, allow_pickle=False)
    finally:
        path.unlink(missing_ok=True)
    if table.ndim != 2 or table.shape[1] != 4 or table.dtype != np.float64:
        raise ValueError(f"candidates of shape {table.shape} and type {table.dtype}")
    return FoundCandidates(
        key=str(message["key"]),
        candidates=Candidates(
            np.ascontiguousarray(table[:, :2]),
            np.ascontiguousarray(table[:, 2]),
            np.ascontiguousarray(table[:, 3]),
            float(message["diameter_px"]),
        ),
        preview=bool(message.get("preview", False)),
        threshold=message.get("threshold"),
    )
