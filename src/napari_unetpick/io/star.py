"""STAR text <-> blocks of columns: the dialects of RELION, cryoSPARC, pyem and crYOLO.

Own parser, since pandas (which starfile needs) costs half a second to import in napari and on the
command line, and since odd input must end in one line that names the file and the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import explain_read_error
from napari_unetpick.io.picks import tell_count

# A quoted value may hold spaces, and quotes that no space follows; one inside a bare value is an
# ordinary character.
TOKEN = re.compile(r"\"(.*?)\"(?=\s|$)|'(.*?)'(?=\s|$)|(\S+)")
# Micrographs may be named like keywords; what stands on a line with other values is a value.
HEADER = re.compile(r"data_[^\s,;]*(\s+#.*)?")
LABEL = re.compile(r"_\S+(\s+#.*)?")
KEYWORD = re.compile(r"(data_|loop_|save_|stop_|global_)", re.IGNORECASE)


@dataclass(frozen=True)
class Block:
    """One `data_` block: its columns by label (without the leading underscore).

    A block of single values (`_rlnLabel value`, no loop) is a table of one row.
    """

    name: str
    source: str
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __contains__(self, label: str) -> bool:
        return label in self.columns

    def text(self, label: str) -> tuple[str, ...]:
        """Return a column as written; an InputError names a missing one."""
        try:
            return self.columns[label]
        except KeyError:
            known = ", ".join(f"_{c}" for c in self.columns) or "none"
            raise InputError(
                f"{self.source}: no column _{label} in data_{self.name} (it has: {known}); "
                "is it another kind of file, or cut short?"
            ) from None

    def numbers(self, label: str, missing: str = "") -> NDArray[np.float64]:
        """Return a column as (N,) float64; an InputError names the first value that is none.

        The word for `missing` values becomes NaN.
        """
        values = self.text(label)
        if missing:
            values = tuple("nan" if value == missing else value for value in values)
        try:
            return np.fromiter(map(float, values), np.float64, len(values))
        except ValueError:
            bad = next(v for v in values if not _is_number(v))
            raise InputError(
                f"{self.source}: _{label} holds {bad!r}, which is not a number; correct it"
            ) from None


def read_star(path: str | Path) -> list[Block]:
    """Read every block of a STAR file.

    Raises
    ------
    InputError
        The file is missing, empty, not a STAR file, or a row does not fit its columns.
    """
    return parse_star(read_text(path), str(path))


def parse_star(text: str, source: str) -> list[Block]:
    """Parse STAR text; `source` names it in errors."""
    blocks: list[Block] = []
    labels: list[str] = []
    rows: list[Sequence[str]] = []
    single: dict[str, tuple[str, ...]] = {}
    in_loop = False

    def close() -> None:
        if blocks and (labels or single):
            columns = zip(*rows, strict=True) if rows else [()] * len(labels)
            if blocks[-1].columns and len(blocks[-1]) != (len(rows) if labels else 1):
                blocks.append(Block(blocks[-1].name, source))  # a second table in one block
            blocks[-1].columns.update(zip(labels, columns, strict=True), **single)
        for held in (labels, rows, single):
            held.clear()

    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line[0] == "#":
            continue
        if HEADER.fullmatch(line) and not _is_name(line, labels):
            close()
            blocks.append(Block(line.split()[0][5:], source))
            in_loop = False
        elif not blocks:
            raise InputError(f"{source}: not a STAR file (line {number} comes before any data_)")
        elif line == "loop_" or line.startswith(("loop_ ", "loop_\t")):
            close()
            in_loop = True
        elif line[0] == "_" and not in_loop:
            label, *values = tokens(line)
            single[label[1:]] = (values[0] if values else "",)
        elif not rows and LABEL.fullmatch(line) and not _is_name(line, labels):
            labels.append(line.split()[0][1:])
        elif labels:
            values = tokens(line)
            if len(values) != len(labels):
                raise InputError(
                    f"{source}: line {number} has {tell_count(len(values), 'value')} for "
                    f"{tell_count(len(labels), 'column')}; the file may be cut short, or a name "
                    "with spaces lacks its quotes"
                )
            rows.append(values)
        else:
            raise InputError(f"{source}: line {number} belongs to no column; not a STAR file?")
    close()
    if not blocks:
        raise InputError(f"{source}: not a STAR file (it holds no data_ block)")
    return blocks


def _is_name(line: str, labels: Sequence[str]) -> bool:
    """Tell whether a `data_x` or `_x` alone on its line is a file's name in a table of names.

    A block's name may by rights hold a dot or slash, too; but only a table of one column has rows
    of one value, and its blocks are seldom named so, while its micrographs are.
    """
    return len(labels) == 1 and bool(re.search("[./]", line.split()[0]))


def tokens(line: str) -> list[str]:
    """Split a STAR line at blanks and tabs, minding quotes."""
    if '"' not in line and "'" not in line:
        return line.split()
    return [a or b or c for a, b, c in TOKEN.findall(line)]


def format_loop(name: str, labels: Sequence[str], rows: Iterable[str]) -> str:
    """Return a loop block as RELION writes it; `rows` are already formatted lines."""
    head = [f"data_{name}", "", "loop_", *(f"_{c} #{i}" for i, c in enumerate(labels, 1))]
    return "\n".join([*head, *rows]) + "\n"


def quote(value: str) -> str:
    """Quote a value that a STAR reader would otherwise split or misread.

    Raises
    ------
    InputError
        It holds both kinds of quotes with a space behind each: STAR has no way to write that.
    """
    plain = value and not re.search(r"\s", value) and value[0] not in "\"'#_"
    if plain and not KEYWORD.match(value):
        return value
    if '"' not in value:
        return f'"{value}"'
    for mark in "'\"":
        if not re.search(rf"{mark}\s", value):
            return f"{mark}{value}{mark}"
    raise InputError(f"{value}: a STAR file can't hold such quotes and spaces; rename it")


def read_text(path: str | Path) -> str:
    """Read a text file whatever its line ends; one InputError line where that cannot be."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: is a folder where a file is needed")
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise explain_read_error(error, path) from None
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):  # a spreadsheet's "Unicode text"
        raw = raw.decode("utf-16", "replace").encode()
    if not raw.strip():
        raise InputError(f"{path}: is empty (0 bytes of text); a failed copy?")
    if b"\0" in raw:
        raise InputError(f"{path}: is a binary file, not text, or damaged; copy or export it again")
    if raw.lstrip()[:1] == b"<":
        raise InputError(f"{path}: is an XML or HTML page; a failed download?")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    if not text.strip():
        raise InputError(f"{path}: is empty (blanks alone); a failed copy?")
    return text


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
