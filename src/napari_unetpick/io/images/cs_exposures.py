"""cryoSPARC exposures (.cs of motion correction, CTF or curation) -> list of micrographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.images.cs_table import Fields, as_text, first_numbers, load_fields
from napari_unetpick.io.images.micrograph import Ctf, Micrograph
from napari_unetpick.io.images.relion_star import possible_ctf
from napari_unetpick.io.names import find_root

Column = NDArray[np.float64]
CTF_FIELDS = (
    "df1_A", "df2_A", "df_angle_rad", "accel_kv", "cs_mm", "amp_contrast", "phase_shift_rad",
)  # fmt: skip
"""What `Ctf` takes, in its order."""
IMAGES = ("micrograph_blob", "micrograph_blob_non_dw")


def read_exposures(path: Path) -> list[Micrograph]:
    """Read the micrographs of an exposures .cs; paths start in the project's folder.

    Raises
    ------
    InputError
        The file holds particles or movies, lists nothing, or none of its images is found.
    """
    fields, _ = load_fields(path, [f"{IMAGES[0]}/path"])
    blob = next((name for name in IMAGES if f"{name}/path" in fields), None)
    if blob is None:
        if "movie_blob/path" in fields:
            what = "lists movies; motion-correct them and give that job's exposures"
        elif "location/micrograph_path" in fields or "blob/path" in fields:
            what = "lists particles, not micrographs; give the exposures' .cs"
        else:
            what = f"has no micrographs: no field {IMAGES[0]}/path"
        raise InputError(f"{path}: {what}")
    names = as_text(fields[f"{blob}/path"])
    if not names:
        raise InputError(f"{path}: lists no micrographs (its table has 0 rows)")
    root = find_root(names, path)
    if root is None:
        raise InputError(
            f"{path}: none of its {len(names)} micrographs is found (the first is {names[0]}); "
            "run in the cryoSPARC project folder"
        )
    columns = {
        "pixel_size": first_numbers(fields, f"{blob}/psize_A"),
        "ctf_resolution": first_numbers(fields, "ctf_stats/ctf_fit_to_A"),
        "defocus": _mean(*(first_numbers(fields, f"ctf/df{i}_A") for i in (1, 2))),
    }
    groups = first_numbers(fields, "ctf/exp_group_id", "mscope_params/exp_group_id")
    ctfs = _ctfs(fields)
    return [
        Micrograph(
            root / name,
            name,
            optics_group=None if groups is None else int(groups[i]),
            ctf=None if ctfs is None else ctfs[i],
            **{key: float(values[i]) for key, values in columns.items() if values is not None},
        )
        for i, name in enumerate(names)
    ]


def _mean(u: Column | None, v: Column | None) -> Column | None:
    return u if v is None else v if u is None else (u + v) / 2


def _ctfs(fields: Fields) -> list[Ctf | None] | None:
    """Return each micrograph's CTF, or None where a field of it is missing; angles are radians."""
    columns = [first_numbers(fields, f"ctf/{name}") for name in CTF_FIELDS]
    known = [column for column in columns if column is not None]
    if len(known) < len(columns):
        return None
    values = np.column_stack([*known[:2], np.degrees(known[2]), *known[3:6], np.degrees(known[6])])
    return [possible_ctf(row) for row in values.tolist()]
