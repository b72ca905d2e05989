"""A model as a method of a comparison: it picks for itself, and it must not know the answers."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

from napari_unetpick.events import Event, Message
from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.names import micrograph_key
from napari_unetpick.io.training_micrographs import seen_by
from napari_unetpick.project.runs import MODEL
from napari_unetpick.study.compare.job import CompareJob
from napari_unetpick.study.compare.sources import MethodSource
from napari_unetpick.study.relay import relay

FOLDER = "picks"
STAMP = "picked_by.json"


def pick_part(
    job: CompareJob,
    method: MethodSource,
    part: str,
    keys: Sequence[str],
    check_stop: Callable[[], None] = lambda: None,
) -> Generator[Event, None, tuple[Path, dict[str, str]]]:
    """Let a model pick some micrographs into a folder under `job.out`, unless it has already.

    Yields
    ------
    What `engine.pick` does, but for its Done.

    Returns
    -------
    The folder, as `unetpick pick` writes it, and why micrographs were left out, by key.
    """
    assert method.model is not None
    stamp = _stamp(job, method, keys)
    folder = job.out / FOLDER / f"{_file_name(method.name)}-{stamp['model'][:8]}" / part
    known = _read_stamp(folder)
    if known is not None and {k: v for k, v in known.items() if k != "failed"} == stamp:
        yield Message(f"{method.name}: its picks of the {part} micrographs are kept from before")
        return folder, known["failed"]
    from napari_unetpick.engine.pick.run import (  # torch, which picks alone do not need
        PickJob,
        pick,
    )

    (folder / STAMP).unlink(missing_ok=True)
    work = PickJob(
        micrographs=[job.micrographs[key] for key in keys],
        models=[(str(method.path), method.model)],
        out=folder,
        diameter=job.diameter,
        pixel_size=job.pixel_size,
        formats=("csv",),
        device=job.device,
        unfinished="restart",
    )
    lost = yield from relay(pick(work, check_stop), method.name)
    failed = {micrograph_key(name): reason for name, reason in lost.items()}
    write_text(folder / STAMP, json.dumps({**stamp, "failed": failed}, indent=1) + "\n")
    return folder, failed


def trained_on(method: MethodSource, keys: Sequence[str]) -> list[str]:
    """Return which micrographs a method's model was trained on."""
    return [] if method.model is None else seen_by(method.path, method.model.card, keys)


def _stamp(job: CompareJob, method: MethodSource, keys: Sequence[str]) -> dict[str, Any]:
    """Return what a picking depends on; where it is the same, the picks are."""
    file = method.path / MODEL if method.path.is_dir() else method.path
    images = {key: job.micrographs[key].path.stat() for key in keys}
    return {
        "model": hashlib.sha256(file.read_bytes()).hexdigest(),
        "diameter": job.diameter,
        "pixel_size": job.pixel_size,
        "images": {key: [each.st_size, each.st_mtime_ns] for key, each in images.items()},
    }


def _read_stamp(folder: Path) -> dict[str, Any] | None:
    try:
        table = json.loads((folder / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return table if isinstance(table, dict) and isinstance(table.get("failed"), dict) else None


def _file_name(name: str) -> str:
    """Return a method's name as part of a folder's."""
    return re.sub(r"[^\w.-]+", "_", name)
