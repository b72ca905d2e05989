"""cryoSPARC .cs particle files: NumPy structured arrays with centres as fractions of the image.

For the way back, cryoSPARC imports the combined STAR that `write_combined_star` writes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.formats.csv_picks import group_rows
from napari_unetpick.io.picks import PickSet, ReadOptions

NEEDED = ("micrograph_path", "micrograph_shape", "center_x_frac", "center_y_frac")
SCORES = ("pick_stats/ncc_score",)


def read_cryosparc(path: Path, options: ReadOptions | None = None) -> PickSet:
    """Read picks: column = center_x_frac * nx, row = center_y_frac * ny of the MRC as stored.

    Raises
    ------
    InputError
        The file is no .cs, holds Python objects (which are never unpickled), or has no locations.
    """
    table = _load(path)
    fields = table.dtype.names or ()
    missing = [name for name in NEEDED if f"location/{name}" not in fields]
    if missing:
        raise InputError(
            f"{path}: no field {' and '.join(f'location/{name}' for name in missing)}; "
            "export the job's particles with their location (the passthrough file may hold it)"
        )
    shape = table["location/micrograph_shape"].astype(np.float64)  # (ny, nx)
    numbers: dict[str, NDArray[np.float64]] = {
        "x": table["location/center_x_frac"].astype(np.float64) * shape[:, 1],
        "y": table["location/center_y_frac"].astype(np.float64) * shape[:, 0],
    }
    score = next((name for name in SCORES if name in fields), None)
    if score is not None:
        numbers["score"] = table[score].astype(np.float64)
    names = [_text(value) for value in table["location/micrograph_path"].tolist()]
    return PickSet(group_rows(names, numbers, "cryoSPARC"))


def _load(path: Path) -> NDArray[Any]:
    with open(path, "rb") as file:
        magic = file.read(6)
    if magic != b"\x93NUMPY":
        raise InputError(
            f"{path}: is not a NumPy .cs file (compressed by a newer cryoSPARC?); save it "
            "as NumPy, or export a STAR with csparc2star.py"
        )
    try:
        table = np.load(path, allow_pickle=False)
    except ValueError as error:
        if "bject" in str(error):
            raise InputError(
                f"{path}: has Python objects, which are not opened because they can run "
                "code; export a STAR with csparc2star.py, or save it with fixed-width text"
            ) from None
        raise InputError(f"{path}: is cut short or damaged ({error})") from None
    except (EOFError, OSError) as error:
        raise InputError(f"{path}: is cut short or damaged ({error})") from None
    return np.asarray(table)


def _text(value: bytes | str) -> str:
    """Return a path as text; cryoSPARC marks a path relative to the project by '>'."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return text.rstrip("\0").lstrip(">")
