"""The model's candidates of one micrograph of a project, from the last picking, as .npz."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import atomic_path
from napari_unetpick.project.candidate_models import name_now, name_written

SUFFIX = ".npz"
DAMAGED = (InputError, OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile)


@dataclass(frozen=True)
class Candidates:
    """The candidates of one micrograph, by descending raw score.

    Parameters
    ----------
    coords
        (N, 2) float64 (row, col), pixels of the file.
    raw
        (N,) float64, the network's score, before calibration.
    near
        (N,) float64, the score of the neighbourhood that calibration reads beside `raw`.
    model
        Name of the run or model that made them; in the file it stays as it was when that was
        written, see `io.project_models`.
    diameter_px
        Particle diameter in pixels of the file that they were found with.
    """

    coords: NDArray[np.float64]
    raw: NDArray[np.float64]
    near: NDArray[np.float64]
    model: str
    diameter_px: float

    def __post_init__(self) -> None:
        count = len(self.coords)
        shapes = (self.coords.shape, self.raw.shape, self.near.shape)
        if shapes != ((count, 2), (count,), (count,)):
            raise InputError("the arrays of candidates need one length")

    def __len__(self) -> int:
        return len(self.coords)


def write_candidates(path: Path, candidates: Candidates) -> None:
    """Write candidates, whole or not at all."""
    with atomic_path(path) as temporary, open(temporary, "wb") as handle:
        np.savez(
            handle,
            coords=candidates.coords,
            raw=candidates.raw,
            near=candidates.near,
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
                name_now(path.parent, str(table["model"])),
                float(table["diameter_px"]),
            )
    except DAMAGED as error:
        raise InputError(
            f"{path}: the candidates are damaged ({error}); pick this micrograph again"
        ) from error
