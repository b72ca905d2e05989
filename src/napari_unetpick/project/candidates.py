"""The model's candidates of one micrograph of a project, from the last picking, as .npz."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import atomic_path
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project.candidate_models import name_now, name_written

SUFFIX = ".npz"
DAMAGED = (InputError, OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile)


def write_candidates(path: Path, candidates: Candidates) -> None:
    """Write candidates, whole or not at all."""
    with atomic_path(path) as temporary, open(temporary, "wb") as handle:
        np.savez(
            handle,
            coords=candidates.coords,
            raw=candidates.raw,
            near=candidates.nearness,
            model=np.array(name_written(path.parent, candidates.model)),
            diameter_px=np.array(float(candidates.diameter_px)),
        )


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
            )
    except DAMAGED as error:
        raise InputError(
            f"{path}: the candidates are damaged ({error}); pick this micrograph again"
        ) from error
