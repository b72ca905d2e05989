"""project.toml: the diameter and the table of micrographs of a project, as text and back.

The table is `columns`, a list of names, and `rows`, one list of values a line: 5,000 rows parse
in a fifth of the time of 5,000 TOML tables, and a line can be removed or corrected by hand.
"""

from __future__ import annotations

import json
import math
import os
import tomllib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import atomic_path, explain_read_error, write_text
from napari_unetpick.io.formats.output_files import safe_stem
from napari_unetpick.io.images.micrograph import Ctf, Micrograph
from napari_unetpick.io.images.relion_star import possible_ctf
from napari_unetpick.io.labels import STATES, State
from napari_unetpick.io.sizes import is_diameter

PROJECT_FILE = "project.toml"
SCHEMA = 2
"""1: with the numbers of picks, and three files of annotations a micrograph."""
COLUMNS = (
    "image",
    "name",
    "state",
    "kept",
    "split",
    "pixel_size",
    "defocus",
    "ctf_resolution",
    "optics_group",
    "ctf",
)
"""`image` is the path; `name` is as the list of micrographs wrote it; unknown numbers are "".

`ctf` is a list: defocus U and V (A), angle (degrees), voltage (kV), Cs (mm), amplitude contrast,
phase plate (degrees)."""
PARTS = ("columns", "rows")
HEAD = "# A project of napari-unetpick. Paths are relative to this folder where they can be."

Split = Literal["", "train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("", "train", "validation", "test")


@dataclass(frozen=True)
class Entry:
    """One micrograph of a project.

    Parameters
    ----------
    micrograph
        Its path is absolute once the project is open.
    state
        How complete its labels are.
    kept
        False where the user rejected it: it stays listed, but is not picked.
    split
        What it serves for, or "" where that is left to the training.
    picks
        How many picks its file holds, as far as it is known: see `project.pick_index`. It is not
        in project.toml, and two entries that differ in nothing else are equal.
    """

    micrograph: Micrograph
    state: State = "none"
    kept: bool = True
    split: Split = ""
    picks: int = field(default=0, compare=False)


class Head(NamedTuple):
    """What project.toml says before its table of micrographs."""

    schema: int = SCHEMA
    test_looks: int = 0


Table = tuple[float | None, dict[str, Entry]]  # diameter in A, entries by micrograph key


def check_entry(entry: Entry) -> Entry:
    """Return the entry if its values can be; the InputError says which cannot."""
    safe_stem(entry.micrograph.name)
    if entry.state not in STATES:
        raise InputError(f"state {entry.state!r} is unknown; give one of {', '.join(STATES)}")
    if entry.split not in SPLITS:
        known = ", ".join(repr(split) for split in SPLITS)
        raise InputError(f"split {entry.split!r} is unknown; give one of {known}")
    if not isinstance(entry.kept, bool):
        raise InputError(f"kept is {entry.kept!r}; give true or false")
    if not isinstance(entry.picks, int) or isinstance(entry.picks, bool) or entry.picks < 0:
        raise InputError(f"picks is {entry.picks!r}; give a number from 0")
    return entry


def change_entry(entry: Entry, **fields: Any) -> Entry:
    """Return an entry with other values; an InputError where they cannot be."""
    changed = check_entry(replace(entry, **fields))
    if changed.micrograph.key != entry.micrograph.key:
        raise InputError(f"{entry.micrograph.key}: a micrograph keeps its name in a project")
    return changed


def format_project(
    diameter: float | None, entries: Iterable[Entry], folder: Path, test_looks: int = 0
) -> str:
    """Return the text of project.toml for a project in `folder` (absolute)."""
    lines = [HEAD, f"schema = {SCHEMA}"]
    if diameter is not None:
        lines.append(f"diameter = {float(diameter)!r}")
    if test_looks:
        lines.append(f"test_looks = {test_looks}")
    lines += ["", "[micrographs]", f"columns = {_toml(COLUMNS)}", "rows = ["]
    images = StoredPaths(folder)
    for entry in entries:
        m = entry.micrograph
        values = (
            images.of(m.path),
            m.name,
            entry.state,
            entry.kept,
            entry.split,
            *map(_number, (m.pixel_size, m.defocus, m.ctf_resolution, m.optics_group)),
            "" if m.ctf is None else astuple(m.ctf),
        )
        lines.append(f"  {_toml(values)},")
    return "\n".join([*lines, "]", ""])


def read_project(folder: Path) -> Table:
    """Read project.toml.

    Returns
    -------
    The diameter in A or None, and the entries by micrograph key, in the order of the file.

    Raises
    ------
    InputError
        The file is missing, damaged, or of a newer version.
    """
    path = folder / PROJECT_FILE
    if not path.is_file():
        raise InputError(
            f"{folder}: is not a project (no {PROJECT_FILE}); choose a project folder, or "
            "create a new project"
        )
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise explain_read_error(error, path) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, str(error).replace("\n", " ")) from error
    schema = table.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise InputError(
            f"{path}: made by a newer version (schema {schema}, this one reads {SCHEMA}); "
            "update napari-unetpick"
        )
    if not isinstance(schema, int) or not 1 <= schema <= SCHEMA:
        raise _damaged(path, f"schema is {schema!r}, not {SCHEMA}")
    if schema == SCHEMA and "micrographs" not in table:  # by hand it may be left out of schema 1
        raise _damaged(path, "its end with the micrographs is missing")
    try:
        return _diameter(table.get("diameter")), _entries(table.get("micrographs", {}), folder)
    except InputError as error:
        raise _damaged(path, str(error)) from error


def read_head(folder: Path) -> Head:
    """Read what project.toml says before its table of micrographs.

    Returns
    -------
    Its schema, and the number of test-set evaluations that earlier versions counted, or 0.
    """
    try:
        text = (folder / PROJECT_FILE).read_text(encoding="utf-8")
        # what stands before the first table is a whole document, and quick to parse
        table = tomllib.loads(text.partition("\n[micrographs]")[0])
    except (OSError, ValueError):
        return Head()  # `read_project` has said what is wrong
    schema, looks = table.get("schema"), table.get("test_looks", 0)
    return Head(
        schema if isinstance(schema, int) else SCHEMA,
        looks if isinstance(looks, int) and looks > 0 else 0,
    )


def write_project(
    folder: Path, diameter: float | None, entries: Iterable[Entry], test_looks: int = 0
) -> None:
    """Write project.toml, whole or not at all; one of an earlier schema is kept beside it.

    The copy is called project.toml.schema1 and is never overwritten.
    """
    path = folder / PROJECT_FILE
    schema = read_head(folder).schema
    kept = path.with_name(f"{PROJECT_FILE}.schema{schema}")
    if schema < SCHEMA and not kept.exists():
        with atomic_path(kept) as temporary:
            temporary.write_bytes(path.read_bytes())
    write_text(path, format_project(diameter, entries, folder, test_looks))


def _diameter(value: Any) -> float | None:
    """Return the diameter in A; None where there is none, or one out of today's range."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise InputError(f"diameter {value!r} is not a number above 0")
    return float(value) if is_diameter(value) else None


def _damaged(path: Path, what: str) -> InputError:
    return InputError(f"{path}: damaged or edited ({what}); repair it or restore it from a copy")


def _entries(table: Any, folder: Path) -> dict[str, Entry]:
    columns, rows = (table.get(part, []) if isinstance(table, dict) else None for part in PARTS)
    if not isinstance(columns, list) or not isinstance(rows, list):
        raise InputError("micrographs is not a table of columns and rows")
    if rows and "image" not in columns:
        raise InputError("the micrographs have no column image")
    entries: dict[str, Entry] = {}
    for number, row in enumerate(rows, 1):
        try:
            if not isinstance(row, list) or len(row) != len(columns):
                raise InputError(f"does not fit the {len(columns)} columns")
            entry = _entry(dict(zip(columns, row, strict=True)), str(folder))
        except InputError as error:
            raise InputError(f"row {number} of the micrographs: {error}") from error
        key = entry.micrograph.key
        if key in entries:
            raise InputError(f"row {number} of the micrographs: {key} is listed twice")
        entries[key] = entry
    return entries


def _entry(row: dict[str, Any], folder: str) -> Entry:
    image, name = row["image"], row.get("name") or row["image"]
    if not isinstance(image, str) or not image or "\0" in image or not isinstance(name, str):
        raise InputError("the path or name is not text")
    path = Path(os.path.normpath(os.path.join(folder, image)))
    size, defocus, resolution, group = (_finite(row.get(c, ""), c) for c in COLUMNS[5:9])
    return check_entry(
        Entry(
            Micrograph(
                path,
                name,
                size,
                defocus,
                resolution,
                None if group is None else int(group),
                _ctf(row.get("ctf", "")),
            ),
            row.get("state", "none"),
            row.get("kept", True),
            row.get("split", ""),
            row.get("picks", 0),
        )
    )


def _finite(value: Any, column: str) -> float | None:
    if value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f'{column} is {value!r}; give a number, or "" if it is unknown')
    return float(value)


def _ctf(values: Any) -> Ctf | None:
    if values == "":
        return None
    found = None
    with suppress(TypeError, ValueError):
        found = possible_ctf(values)
    if found is None:
        raise InputError(f'ctf is {values!r}; give its seven numbers, or "" if they are unknown')
    return found


def _number(value: float | None) -> float | str:
    """Return a number as TOML holds it: "" where it is unknown (a NaN of a list, too)."""
    if value is None or not math.isfinite(value):
        return ""
    return int(value) if isinstance(value, int) else float(value)


def _toml(values: Iterable[Any]) -> str:
    """Return texts, numbers and truth values as a TOML array; JSON's is one but for DEL."""
    return json.dumps(list(values), ensure_ascii=False).replace("\x7f", "\\u007f")


class StoredPaths:
    """How the images' paths are written: from the project folder if they lie near it.

    As long as images lie in the project or beside it, the two can move together.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # below the root of the disk lies everything: that is no neighbourhood
        self.near = folder if folder.parent == folder.parent.parent else folder.parent
        self.parents: dict[Path, str] = {}

    def of(self, path: Path) -> str:
        """Return an image as it is written."""
        parent = path.parent
        if parent not in self.parents:  # some folders, thousands of images
            self.parents[parent] = self.stored(parent)
        return f"{self.parents[parent]}/{path.name}".removeprefix("./")

    def stored(self, parent: Path) -> str:
        """Return a folder as it is written."""
        for place in (parent, Path(os.path.realpath(parent))):
            if place.is_relative_to(self.near):
                return Path(os.path.relpath(place, self.folder)).as_posix()
        return parent.as_posix().rstrip("/")
