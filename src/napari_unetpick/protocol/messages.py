"""Lines on the pipe and what they mean: requests and events to JSON and back, arrays beside it."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from napari_unetpick.events import (
    Done,
    Event,
    Failed,
    FoundCandidates,
    Message,
    Metrics,
    Progress,
)
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.picking.junk import read_junk_map

VERSION = 1
"""Of the messages between viewer and engine process (docs/reference/engine-process.md)."""
ARRAYS = "unetpick-engine-"  # how the folder of arrays is called: no other one is removed
KINDS: dict[str, type[Any]] = {
    "message": Message,
    "progress": Progress,
    "metrics": Metrics,
    "failed": Failed,
    "done": Done,
}
NAMES = {kind: name for name, kind in KINDS.items()}
COLUMNS = 4  # of a file of candidates: row, col, raw score, nearness


def encode(message: dict[str, Any], *, strict: bool = True) -> bytes:
    """Write a message as one line of ASCII, with the version; `strict` as for `plain`."""
    return json.dumps({"v": VERSION, **plain(message, strict=strict)}).encode("ascii") + b"\n"


def plain(value: Any, *, strict: bool = True) -> Any:
    """Turn paths, settings, sets, tuples and NumPy numbers into what JSON has.

    Parameters
    ----------
    strict
        Whether anything else is an error. False: it becomes a text, since a result must arrive.

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
        return {str(key): plain(each, strict=strict) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each, strict=strict) for each in value]
    if isinstance(value, set | frozenset):
        return sorted(plain(each, strict=strict) for each in value)
    if isinstance(value, np.generic):
        return value.item()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain(dataclasses.asdict(value), strict=strict)
    if strict:
        raise TypeError(f"a message cannot carry a {type(value).__name__}")
    return str(value)


def decode(line: bytes, *needed: str) -> dict[str, Any]:
    """Read one line.

    Parameters
    ----------
    needed
        Fields without which it is no message.

    Raises
    ------
    ValueError
        It is not JSON, not an object, or lacks a field.
    """
    try:
        message = json.loads(line)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(message, dict):
        raise ValueError("not an object")
    for name in needed:
        if not isinstance(message.get(name), str | int):
            raise ValueError(f"lacks '{name}'")
    return message


def message_of(event: Event, arrays: Path) -> dict[str, Any]:
    """Return the message that tells of an event; candidates are written to a file in `arrays`."""
    if isinstance(event, FoundCandidates):
        return {"event": "candidates", **_write_candidates(event, arrays)}
    if isinstance(event, Failed):
        event = Failed(event.micrograph, event.in_viewer or event.reason)
    fields = dataclasses.asdict(event)
    fields.pop("in_viewer", None)
    return {"event": NAMES[type(event)], **fields}


def event_of(message: dict[str, Any], arrays: Path | None) -> Event:
    """Build the event that a message tells of; candidates are read and their file is removed.

    Raises
    ------
    ValueError
        A field is missing, or the candidates' file cannot be read.
    """
    try:
        if message["event"] == "candidates":
            return _read_candidates(message, arrays)
        kind = KINDS[message["event"]]
        names = {field.name for field in dataclasses.fields(kind)}
        event: Event = kind(**{key: value for key, value in message.items() if key in names})
        return event
    except (LookupError, TypeError, OSError) as error:
        raise ValueError(f"a broken '{message['event']}' message ({error!r})") from error


def _write_candidates(found: FoundCandidates, arrays: Path) -> dict[str, Any]:
    """Write the (N, 4) file of a `candidates` message; return the fields that tell of it."""
    each = found.candidates
    table = np.column_stack([each.coords, each.raw, each.nearness]).astype(np.float64)
    arrays.mkdir(mode=0o700, exist_ok=True)  # something may have tidied the folder away
    handle, name = tempfile.mkstemp(dir=arrays, suffix=".npy")
    with os.fdopen(handle, "wb") as file:
        np.save(file, table, allow_pickle=False)
    return {
        "key": found.key,
        "file": Path(name).name,
        "count": len(table),
        "diameter_px": each.diameter_px,
        "junk": None if each.junk is None else each.junk.to_dict(),
        "preview": found.preview,
        "threshold": found.threshold,
    }


def _read_candidates(message: dict[str, Any], arrays: Path | None) -> FoundCandidates:
    """Read the file of a `candidates` message and remove it."""
    name = message["file"]
    if arrays is None or not name or Path(name).name != name:
        raise ValueError(f"candidates outside of the engine's folder: {name!r}")
    path = arrays / name
    try:
        table = np.load(path, allow_pickle=False)
    finally:
        path.unlink(missing_ok=True)
    if table.ndim != 2 or table.shape[1] != COLUMNS or table.dtype != np.float64:
        raise ValueError(f"candidates of shape {table.shape} and type {table.dtype}")
    return FoundCandidates(
        key=str(message["key"]),
        candidates=Candidates(
            np.ascontiguousarray(table[:, :2]),
            np.ascontiguousarray(table[:, 2]),
            np.ascontiguousarray(table[:, 3]),
            float(message["diameter_px"]),
            junk=None if message.get("junk") is None else read_junk_map(message["junk"]),
        ),
        preview=bool(message.get("preview", False)),
        threshold=message.get("threshold"),
    )
