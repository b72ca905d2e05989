"""cryoSPARC .cs tables: read safely, and joined by uid with the other half of their job's output.

A job writes what it made into one file (`particles_selected.cs`) and what it only passes on, such
as the particles' locations, into another (`J12_passthrough_particles_selected.cs`).
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError

Fields = dict[str, NDArray[Any]]
PASSTHROUGH = "passthrough_"
JOB = re.compile(r"^(cryosparc_)?(P\d+_)?(J\d+_)?(passthrough_)?(\d+_)?")
"""What a file name starts with before the name of the output: project, job, iteration."""

UNPACK = """
import sys
import numpy as np
from cryosparc.dataset import Dataset
table = Dataset.load(sys.argv[1])
columns = {name: np.asarray(table[name]) for name in table.fields()}
np.savez(sys.argv[2], **{n: c.astype(str) if c.dtype == object else c for n, c in columns.items()})
"""


def load_fields(path: Path, needed: Sequence[str]) -> tuple[Fields, list[str]]:
    """Read the fields of a .cs file, with those of its other half where they are needed.

    The other half is read where a field of `needed` is missing, and for a passthrough file, whose
    alignments are always in the other one.

    Returns
    -------
    Name -> column (rows first), and messages for the user.

    Raises
    ------
    InputError
        The file is no .cs, is damaged, or holds Python objects (which are never unpickled).
    """
    own = load_cs(path)
    passed_on = PASSTHROUGH in path.name
    if "uid" not in own or not (passed_on or any(name not in own for name in needed)):
        return own, []
    found = _other_half(path, own["uid"], needed if not passed_on else ())
    if found is None:
        return own, []
    other, rows = found
    more = {name: column[rows] for name, column in load_cs(other).items()}
    joined = {**own, **more} if passed_on else {**more, **own}
    return joined, [f"{path.name} joined with {other.name} by uid"]


def _other_half(
    path: Path, uids: NDArray[Any], needed: Sequence[str]
) -> tuple[Path, NDArray[np.intp]] | None:
    """Return the file beside `path` that has all its uids and what is needed, and their rows.

    Of several the one of the same output's name goes first, and then the latest iteration.
    """
    wanted = PASSTHROUGH not in path.name
    beside = [
        each
        for each in sorted(path.parent.glob("*.cs"), reverse=True)
        if (PASSTHROUGH in each.name) == wanted
    ]
    output = JOB.sub("", path.name)
    for other in sorted(beside, key=lambda each: JOB.sub("", each.name) != output):
        try:
            table = load_cs(other)
        except InputError:
            continue
        if "uid" not in table or any(name not in table for name in needed):
            continue
        order = np.argsort(table["uid"], kind="stable")
        there = table["uid"][order]
        at = np.searchsorted(there, uids).clip(0, max(0, len(there) - 1))
        if len(there) and np.array_equal(there[at], uids):
            return other, order[at]
    return None


def load_cs(path: Path) -> Fields:
    """Read one .cs file; an InputError as `load_fields` raises."""
    with open(path, "rb") as file:
        magic = file.read(6)
    if magic[1:] == b"CSDAT":  # the first byte is its version
        return _load_packed(path)
    if magic != b"\x93NUMPY":
        raise InputError(f"{path}: is not a .cs file; export a STAR with csparc2star.py")
    try:
        table = np.load(path, allow_pickle=False)
    except Exception as error:  # of a damaged header, of any kind
        if "Object arrays" in str(error):
            raise InputError(
                f"{path}: has Python objects, which are not opened because they can run "
                "code; export a STAR with csparc2star.py, or save it with fixed-width text"
            ) from None
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: is cut short or damaged ({why})") from None
    return {name: table[name] for name in table.dtype.names or ()}


def _load_packed(path: Path) -> Fields:
    """Read the CSDAT format by cryoSPARC's own package, in a process that a damaged file may end.

    Raises
    ------
    InputError
        The package is not installed, or cannot read the file.
    """
    if find_spec("cryosparc") is None:
        raise InputError(
            f"{path}: is in cryoSPARC's CSDAT format; install cryosparc-tools to read it (pip "
            "install 'napari-unetpick[cryosparc]'), or export a STAR with csparc2star.py"
        )
    with TemporaryDirectory(prefix="unetpick_cs_") as folder:
        out = Path(folder) / "table.npz"
        command = [sys.executable, "-c", UNPACK, str(path), str(out)]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            why = done.stderr.strip().splitlines()[-1:] if done.returncode > 0 else []
            raise InputError(
                f"{path}: is damaged, or of another version than cryosparc-tools "
                f"({why[0] if why else 'it crashed'})"
            )
        with np.load(out, allow_pickle=False) as table:
            return {name: table[name] for name in table.files}


def as_text(column: NDArray[Any]) -> list[str]:
    """Return paths as text; cryoSPARC marks one relative to the project by '>'."""
    values = column.tolist()
    texts = [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values]
    return [" ".join(text.rstrip("\0").lstrip(">").splitlines()) for text in texts]


def first_numbers(fields: Mapping[str, NDArray[Any]], *names: str) -> NDArray[np.float64] | None:
    """Return the first of the named columns that is there as float64, or None."""
    return next((fields[name].astype(np.float64) for name in names if name in fields), None)
