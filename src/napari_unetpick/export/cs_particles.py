"""Picks as a cryoSPARC .cs of particle locations, tied to the exposures of a job by name and uid.

Beside it lies a `.csg`, the result group that cryoSPARC's Import Result Group takes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.assign import assign_picks
from napari_unetpick.io.atomic import atomic_path, write_text
from napari_unetpick.io.formats.output_files import refuse_folder
from napari_unetpick.io.images.cs_exposures import IMAGES
from napari_unetpick.io.images.cs_table import as_text, load_fields
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.names import match_names, micrograph_key
from napari_unetpick.io.picks import Picks, PickSet

GROUPS = ("mscope_params/exp_group_id", "ctf/exp_group_id")


@dataclass(frozen=True)
class Exposure:
    """One micrograph as cryoSPARC knows it.

    Parameters
    ----------
    name
        Path in the project: `J3/motioncorrected/<uid>_mic1_patch_aligned_doseweighted.mrc`.
    uid, group
        Of the exposure, and of its exposure group.
    shape
        (rows, cols).
    pixel_size
        A/px.
    """

    name: str
    uid: int
    group: int
    shape: tuple[int, int]
    pixel_size: float


def read_names(path: Path) -> list[Exposure]:
    """Read the exposures of a .cs, whose images need not be at hand.

    Raises
    ------
    InputError
        The file lists no micrographs, or lacks their uids, shapes or pixel sizes.
    """
    fields, _ = load_fields(path, [f"{IMAGES[0]}/path"])
    blob = next((name for name in IMAGES if f"{name}/path" in fields), None)
    needed = ["uid", *(f"{blob or IMAGES[0]}/{name}" for name in ("path", "shape", "psize_A"))]
    missing = [name for name in needed if name not in fields]
    if missing or not len(fields["uid"]):
        what = f"no field {missing[0]}" if missing else "0 rows"
        raise InputError(
            f"{path}: lists no micrographs ({what}); give the exposures' .cs of Patch Motion, "
            "Patch CTF or Curate Exposures"
        )
    group = next((fields[name] for name in GROUPS if name in fields), np.ones(len(fields["uid"])))
    rows = zip(
        as_text(fields[needed[1]]),
        fields["uid"].tolist(),
        group.tolist(),
        fields[needed[2]].tolist(),
        fields[needed[3]].tolist(),
        strict=True,
    )
    return [
        Exposure(name, int(uid), int(number), (int(ny), int(nx)), float(size))
        for name, uid, number, (ny, nx), size in rows
    ]


def name_as_exposures(
    picks: Mapping[str, Picks],
    exposures: Sequence[Exposure],
    shapes: Mapping[str, tuple[int, int]],
) -> PickSet:
    """Return picks named as the exposures are: `mic1` is `<uid>_mic1_patch_aligned.mrc`.

    Parameters
    ----------
    picks
        By micrograph name or key.
    shapes
        (rows, cols) of the micrographs that were picked, by key, where they are known.

    Raises
    ------
    InputError
        No name matches, or a micrograph has another size than its exposure.
    """
    sizes = {each.name: each.shape for each in exposures}
    for name, own in match_names(picks, sizes).pairs.items():
        shape = shapes.get(micrograph_key(name), sizes[own])
        if shape != sizes[own]:
            rows, cols = sizes[own]
            raise InputError(
                f"{name}: has {shape[0]} x {shape[1]} px, and its exposure {rows} x {cols}; give "
                "picks in pixels of the exposures (--scale)"
            )
    return assign_picks(picks, [Micrograph(Path(name), name) for name in sizes], sizes)


def write_cryosparc(
    path: Path, picks: Sequence[Picks], exposures: Sequence[Exposure]
) -> list[Path]:
    """Write particle locations as `.cs`, and the result group beside it as `.csg`.

    Parameters
    ----------
    picks
        Named as the exposures are.

    Returns
    -------
    The files.

    Raises
    ------
    InputError
        A micrograph is not among the exposures.
    """
    refuse_folder(path)
    by_name = {each.name: each for each in exposures}
    for each in picks:
        if each.micrograph not in by_name:
            raise InputError(f"{each.micrograph}: is not among the exposures", "give --exposures")
    scored = any(each.scores is not None for each in picks)
    tables = [_table(each, by_name[each.micrograph], scored) for each in picks]
    table = np.concatenate(tables) if tables else np.empty(0, _kinds(1, scored))
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.save(file, table, allow_pickle=False)
    group = path.with_suffix(".csg")
    write_text(group, _group(path.name, len(table), scored))
    return [path, group]


def _kinds(width: int, scored: bool) -> list[Any]:
    kinds: list[Any] = [
        ("uid", "<u8"),
        ("location/micrograph_uid", "<u8"),
        ("location/exp_group_id", "<u4"),
        ("location/micrograph_path", f"S{width}"),
        ("location/micrograph_shape", "<u4", (2,)),
        ("location/center_x_frac", "<f4"),
        ("location/center_y_frac", "<f4"),
        ("location/micrograph_psize_A", "<f4"),
    ]
    return [*kinds, *[("pick_stats/ncc_score", "<f4")] * scored]


def _table(picks: Picks, exposure: Exposure, scored: bool) -> NDArray[Any]:
    name = exposure.name.encode()
    table = np.zeros(len(picks), _kinds(len(name), scored))
    rows, cols = exposure.shape
    table["uid"] = _uids(picks, exposure)
    table["location/micrograph_uid"] = exposure.uid
    table["location/exp_group_id"] = exposure.group
    table["location/micrograph_path"] = name
    table["location/micrograph_shape"] = exposure.shape
    table["location/center_x_frac"] = picks.coords[:, 1] / cols
    table["location/center_y_frac"] = picks.coords[:, 0] / rows
    table["location/micrograph_psize_A"] = exposure.pixel_size
    if picks.scores is not None:
        table["pick_stats/ncc_score"] = np.nan_to_num(picks.scores, nan=0.0)
    return table


def _uids(picks: Picks, exposure: Exposure) -> list[int]:
    """Return a number of 64 bits for each pick, the same whenever it is written."""
    texts = (f"{exposure.uid} {i} {x} {y}" for i, (y, x) in enumerate(picks.coords.tolist()))
    return [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") for text in texts]


def _group(name: str, count: int, scored: bool) -> str:
    results = ["location"] + ["pick_stats"] * scored
    lines = ["group:", "  description: Picks of napari-unetpick", "  name: particles"]
    lines += ["  title: Particles", "  type: particle", "results:"]
    for result in results:
        lines += [f"  {result}:", f"    metafile: '>{name}'", f"    num_items: {count}"]
        lines += [f"    type: particle.{result}"]
    return "\n".join(lines) + "\n"
