"""2D classes of RELION and cryoSPARC: accepted particles come back recentred, rejected ones not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.classes.table import Classes
from napari_unetpick.errors import InputError
from napari_unetpick.io.formats.cryosparc import NEEDED, picks_of
from napari_unetpick.io.formats.relion_picks import read_star_picks
from napari_unetpick.io.images.cs_table import load_fields
from napari_unetpick.io.names import micrograph_key
from napari_unetpick.io.picks import Picks, PickSet, ReadOptions, tell_count
from napari_unetpick.io.star import Block, read_star

ACCEPTED = ("particles.star", "particles_selected.cs")
REJECTED = ("run_it*_data.star", "particles_excluded.cs")
"""What these files are called in a job's folder; of several iterations the last one counts."""


@dataclass(frozen=True)
class Outside:
    """Picks by micrograph name: kept ones at their recentred places, rejected ones as extracted."""

    kept: PickSet
    rejected: PickSet


def read_outside(accepted: Path, rejected_from: Path, options: ReadOptions) -> Outside:
    """Read the classes that were accepted, and from another file those that were not.

    Parameters
    ----------
    accepted
        RELION: `particles.star` of a Select job; cryoSPARC: `particles_selected.cs` of Select 2D;
        or the folder of the job.
    rejected_from
        RELION: `run_itNNN_data.star` of the Class2D job; cryoSPARC: `particles_excluded.cs`; or the
        folder. What is accepted is left out, by `rlnImageName` or `uid`.
    options
        Pixel sizes for the shifts, and image shapes.

    Raises
    ------
    InputError
        A file cannot be read, the two have no particle in common where they should, or none is
        rejected.
    """
    first, second = _find(accepted, ACCEPTED), _find(rejected_from, REJECTED)
    if (first.suffix.lower() == ".cs") != (second.suffix.lower() == ".cs"):
        raise InputError(f"{first.name} and {second.name} are of two programs; give two of one job")
    read = _read_cryosparc if first.suffix.lower() == ".cs" else _read_relion
    found = read(first, second, options)
    found.kept.source, found.rejected.source = str(first), str(second)
    if not any(map(len, found.rejected.values())):
        raise InputError(f"{second}: all its particles are accepted, so there are no negatives")
    return found


def as_classes(
    kept: Mapping[str, Picks], rejected: Mapping[str, Picks], diameters: Mapping[str, float]
) -> Classes:
    """Return two classes, the kept picks (1) and the rejected ones (2).

    Parameters
    ----------
    diameters
        Pixels, by micrograph key, where they are known.
    """
    every = [
        (each, number) for number, part in ((1, kept), (2, rejected)) for each in part.values()
    ]
    lengths = [len(each) for each, _ in every]
    names = np.repeat([each.micrograph for each, _ in every], lengths)
    total = sum(lengths)
    return Classes(
        names,
        np.concatenate([each.coords for each, _ in every]),
        np.array([diameters.get(micrograph_key(name), np.nan) for name in names.tolist()]),
        np.repeat([number for _, number in every], lengths),
        np.zeros((total, 2)),
        np.zeros(total),
        np.zeros(total),
        np.empty((0, 1, 1), np.float32),
        frozenset({2}),
    )


def _read_relion(accepted: Path, every: Path, options: ReadOptions) -> Outside:
    blocks, others = read_star(accepted), read_star(every)
    kept = read_star_picks(accepted, options, blocks)
    names = set(_image_names(blocks, accepted))
    table = _image_names(others, every)
    out = np.array([name not in names for name in table], bool)
    known = len(table) - int(out.sum())
    if not known:
        raise InputError(
            f"{every}: has none of the particles of {accepted} (by _rlnImageName); give the "
            "run_itNNN_data.star of the Class2D job that the selection was made from"
        )
    if known < len(names):
        kept.messages.append(
            f"{len(names) - known:,} of {tell_count(len(names), 'accepted particle')} are not in "
            f"{every.name}"
        )
    chosen = [_rows(block, out) if "rlnImageName" in block else block for block in others]
    rejected = read_star_picks(every, replace(options, recentre=False), chosen)
    return Outside(kept, rejected)


def _image_names(blocks: Sequence[Block], path: Path) -> tuple[str, ...]:
    """Return the names of the particles' images: number@stack, the same in both files."""
    for block in blocks:
        if "rlnImageName" in block:
            return block.text("rlnImageName")
    raise InputError(f"{path}: its particles have no images (no column _rlnImageName)")


def _rows(block: Block, chosen: NDArray[np.bool_]) -> Block:
    columns = {
        label: tuple(value for value, keep in zip(values, chosen, strict=True) if keep)
        for label, values in block.columns.items()
    }
    return replace(block, columns=columns)


def _read_cryosparc(accepted: Path, other: Path, options: ReadOptions) -> Outside:
    fields, messages = load_fields(accepted, NEEDED)
    others, more = load_fields(other, NEEDED)
    for path, table in ((accepted, fields), (other, others)):
        if "uid" not in table:
            raise InputError(f"{path}: its particles have no uid; give the .cs of Select 2D")
    kept = picks_of(fields, options, accepted)
    kept.messages[:0] = messages
    out = ~np.isin(others["uid"], fields["uid"])
    rejected = picks_of(
        {name: column[out] for name, column in others.items()},
        replace(options, recentre=False),
        other,
    )
    rejected.messages[:0] = more
    return Outside(kept, rejected)


def _find(path: Path, patterns: Sequence[str]) -> Path:
    """Return a file, or the last of a job's folder that is called like one of the patterns."""
    path = path.expanduser()
    if not path.is_dir():
        return path
    for pattern in patterns:
        if files := sorted(path.glob(pattern)) or sorted(path.glob(f"*{pattern}")):
            return files[-1]
    raise InputError(f"{path}: has no {' or '.join(patterns)}; give the file itself")
