"""cryoSPARC .cs files for tests: tables of particles and exposures."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def cs_table(dtype: list) -> np.ndarray:
    table = np.zeros(2, dtype)
    table["location/micrograph_path"] = [b"J1/000000633063778279389_a.mrc", b">J1/b.mrc"]
    table["location/micrograph_shape"] = [4092, 5760]  # (ny, nx)
    table["location/center_x_frac"] = [0.25, 0.5]
    table["location/center_y_frac"] = [0.5, 0.75]
    return table


CS = [
    ("uid", "u8"),
    ("location/micrograph_path", "S64"),
    ("location/micrograph_shape", "u4", (2,)),
    ("location/center_x_frac", "f4"),
    ("location/center_y_frac", "f4"),
    ("pick_stats/ncc_score", "f4"),
]


def save(path: Path, table: np.ndarray) -> Path:
    with open(path, "wb") as file:
        np.save(file, table, allow_pickle=True)
    return path


def write_cs(path: Path, fields: dict[str, object]) -> Path:
    """Write columns as cryoSPARC does: a structured array, its strings of fixed width."""
    columns = {name: np.asarray(values) for name, values in fields.items()}
    kinds = [(name, each.dtype, each.shape[1:]) for name, each in columns.items()]
    table = np.zeros(len(next(iter(columns.values()))), kinds)
    for name, each in columns.items():
        table[name] = each
    path.parent.mkdir(parents=True, exist_ok=True)
    return save(path, table)


def locations(count: int = 2, pixel_size: float = 1.5) -> dict[str, object]:
    """Return the locations of particles on one K3 micrograph: (ny, nx) = (4092, 5760)."""
    at = np.arange(1, count + 1, dtype="u8")
    return {
        "uid": at * 1000,
        "location/micrograph_path": np.full(count, b">J1/a.mrc", "S20"),
        "location/micrograph_shape": np.full((count, 2), (4092, 5760), "u4"),
        "location/center_x_frac": (at / 16).astype("f4"),
        "location/center_y_frac": (at / 8).astype("f4"),
        "location/micrograph_psize_A": np.full(count, pixel_size, "f4"),
    }


def alignments(which: str, shift: object, pixel_size: float = 3.0) -> dict[str, object]:
    """Return shifts (x, y) in pixels of `pixel_size`."""
    moved = np.asarray(shift, "f4")
    return {f"{which}/shift": moved, f"{which}/psize_A": np.full(len(moved), pixel_size, "f4")}
