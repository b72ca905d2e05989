"""The candidates of a project, from the last picking: `candidates/<key>.npz`, and their models.

`candidates/models.json` says what the models that found them are called by now. A file of
candidates keeps the name that its model had when it was written, so that renaming a run rewrites
this one small file and not thousands. `{"names": {"run-1": "best", "run-1:2": "run-1"}}`: what the
files call run-1 is called best, and a later run-1 is called run-1:2 in the files, which no run can
be called. A run that was never renamed is not listed.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from napari_unetpick.errors import InputError, UnetPickError
from napari_unetpick.io.atomic import atomic_path, write_text
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.picking.junk import JunkMap

SUFFIX = ".npz"
NAMES_FILE = "models.json"
Names = dict[str, str]  # by what the files say
DAMAGED = (InputError, OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile)


def write_candidates(path: Path, candidates: Candidates) -> None:
    """Write candidates, whole or not at all."""
    junk = candidates.junk
    arrays: dict[str, Any] = {
        "coords": candidates.coords,
        "raw": candidates.raw,
        "near": candidates.nearness,
        "model": np.array(name_written(path.parent, candidates.model)),
        "diameter_px": np.array(float(candidates.diameter_px)),
    }
    if junk is not None:
        arrays |= {"junk": junk.cells, "shape": np.array(junk.shape)}
        if junk.edited is not None:
            arrays["junk_edited"] = junk.edited
    with atomic_path(path) as temporary, open(temporary, "wb") as handle:
        np.savez(handle, **arrays)


def read_candidates(path: Path) -> Candidates | None:
    """Read candidates, or None where there are none.

    Raises
    ------
    InputError
        The file is damaged.
    """
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as table:
            return Candidates(
                table["coords"].astype(np.float64),
                table["raw"].astype(np.float64),
                table["near"].astype(np.float64),
                float(table["diameter_px"]),
                model=name_now(path.parent, str(table["model"])),
                junk=_read_junk(table),
            )
    except DAMAGED as error:
        raise InputError(
            f"{path}: the candidates are damaged ({error}); pick this micrograph again"
        ) from error


def _read_junk(table: Any) -> JunkMap | None:
    if "junk" not in table:
        return None
    edited = table.get("junk_edited")
    return JunkMap(table["junk"], tuple(table["shape"].tolist()), edited)


def candidate_file(folder: Path, key: str) -> Path:
    """Return the file of one micrograph in a project's folder of candidates."""
    return folder / f"{key}{SUFFIX}"


def picked_keys(folder: Path, keys: Iterable[str]) -> list[str]:
    """Return those of some micrographs that have candidates; no file is opened."""
    names = {path.name for path in folder.glob(f"*{SUFFIX}")}
    return [key for key in keys if f"{key}{SUFFIX}" in names]


def name_now(folder: Path, written: str) -> str:
    """Return what a model is called that the files of a folder call `written`."""
    return _read_names(folder)[0].get(written, written)


def name_written(folder: Path, model: str) -> str:
    """Return what the files of a folder are to call a model."""
    return next((old for old, now in _read_names(folder)[0].items() if now == model), model)


@contextmanager
def model_renamed(folder: Path, old: str, new: str) -> Iterator[None]:
    """Have a model's candidates in a folder go by its new name, all as the block ends well.

    Raises
    ------
    InputError, EngineError
        It cannot be written; nothing has changed then.
    """
    if not folder.is_dir():  # nothing is picked yet
        yield
        return
    path, names = folder / NAMES_FILE, _read_names(folder)[0]
    with atomic_path(path) as temporary:  # written before the block: later the disk may be full
        temporary.write_text(_format(_renamed(names, old, new)), encoding="utf-8")
        write_text(path, _format(names, (old, new)))
        try:
            yield
        except UnetPickError:
            write_text(path, _format(names))
            raise


def settle_names(folder: Path, runs: Path) -> None:
    """Finish the renaming of a run that a killed process left, if the run has its new name."""
    names, renaming = _read_names(folder)
    if renaming:
        there = {path.name for path in runs.iterdir()} if runs.is_dir() else set[str]()
        old, new = renaming
        done = new in there and old not in there
        with suppress(UnetPickError):  # the next opening tries again
            write_text(folder / NAMES_FILE, _format(_renamed(names, old, new) if done else names))


def _renamed(names: Names, old: str, new: str) -> Names:
    after = {written: new if now == old else now for written, now in names.items()}
    after.setdefault(old, new)
    if old not in after.values():  # a later run may be called so
        after[_unused(old, after)] = old
    return after


def _unused(name: str, names: Names) -> str:
    number = 2
    while f"{name}:{number}" in names:
        number += 1
    return f"{name}:{number}"


def _format(names: Names, renaming: tuple[str, str] | None = None) -> str:
    table = {"names": names} | ({"renaming": renaming} if renaming else {})
    return json.dumps(table, indent=1) + "\n"


def _read_names(folder: Path) -> tuple[Names, tuple[str, str] | None]:
    """Read the names, and the renaming that is under way; a damaged file is as if it were none."""
    try:
        table = json.loads((folder / NAMES_FILE).read_text(encoding="utf-8"))
        names = {str(written): str(now) for written, now in table["names"].items()}
        old, new = table.get("renaming") or ("", "")
        return names, (str(old), str(new)) if old else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}, None
