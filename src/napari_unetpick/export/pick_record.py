"""What a picking was made with: its options and micrographs, kept as picking.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from napari_unetpick.errors import InputError
from napari_unetpick.export.pick_tables import tables_of
from napari_unetpick.io.atomic import explain_read_error
from napari_unetpick.io.formats.output_files import safe_stem
from napari_unetpick.io.formats.write import ENDINGS
from napari_unetpick.io.names import micrograph_key

RECORD = "picking.toml"
LIST = "autopick.star"
"""RELION's list of the pick files."""
SHARED = "info/"  # EMAN2 keeps more than picks in its files


@dataclass(frozen=True)
class PickRecord:
    """A picking's options and micrographs.

    Parameters
    ----------
    options
        Whatever changes a file, by name, as TOML has it; `formats` is a list.
    micrographs
        Name -> A/px as the list of micrographs says, or None; in the order of the list.
    failed
        Names of those that could not be picked.
    found
        What was found out before the picking (contrast, diameter, threshold), which resuming it
        uses again.
    sizes
        Bytes of each of `own_files` when the picking was finished; empty before, and in older
        records.
    """

    options: Mapping[str, Any]
    micrographs: Mapping[str, float | None]
    failed: frozenset[str] = field(default_factory=frozenset)
    found: Mapping[str, Any] = field(default_factory=dict)
    sizes: tuple[int, ...] = ()

    @property
    def formats(self) -> list[str]:
        """The formats of the files."""
        return list(self.options["formats"])

    @property
    def tables(self) -> list[str]:
        """The files with rows of all micrographs."""
        return tables_of(self.formats)

    @property
    def with_list(self) -> bool:
        """Whether RELION's list is written."""
        return not {"star", "relion"}.isdisjoint(self.formats)

    @property
    def done(self) -> list[str]:
        """The micrographs that were picked."""
        return [name for name in self.micrographs if name in self]

    @property
    def files(self) -> list[str]:
        """All files of the picking, as paths in its folder."""
        each = [file for name in self.done for _, file in self.files_of(name)]
        return [*each, *self.tables, *[LIST] * self.with_list]

    def changed(self, folder: Path) -> list[str]:
        """Return the files in a folder with another size than then, or with zeros at their end.

        Those that are gone are not among them.
        """
        known = zip(self.own_files, self.sizes, strict=True) if self.sizes else ()
        there = ((folder / file, size) for file, size in known if (folder / file).is_file())
        return [path.name for path, size in there if not _is_as_written(path, size)]

    @property
    def own_files(self) -> list[str]:
        """`files` without the list, which is made from this record, and what others write in."""
        return [file for file in self.files if file != LIST and not file.startswith(SHARED)]

    def __contains__(self, name: str) -> bool:
        return name in self.micrographs and name not in self.failed

    def on(self, device: Any) -> PickRecord:
        """Return the record of a picking on another device, if it is of any."""
        if "device" not in self.options:
            return self
        return replace(self, options={**self.options, "device": device})

    def files_of(self, name: str) -> list[tuple[str, str]]:
        """(format, path in the folder) of each file of one micrograph."""
        stem = safe_stem(name)
        return [
            (fmt, f"{'info/' * (fmt == 'eman')}{stem}{ENDINGS[fmt]}")
            for fmt in self.formats
            if fmt in ENDINGS
        ]

    def differences(self, now: PickRecord) -> list[str]:
        """Say where another record differs, such as "diameter (150.0, now 160.0)".

        Micrographs that only one of the two has are no difference.
        """
        return [f"{what} ({_say(old)}, now {_say(new)})" for what, old, new in self._compare(now)]

    def _compare(self, now: PickRecord) -> Iterator[tuple[str, Any, Any]]:
        for option in dict.fromkeys([*self.options, *now.options]):
            old, new = self.options.get(option), now.options.get(option)
            if old != new:
                yield option.replace("_", " "), old, new
        names = {micrograph_key(name): name for name in now.micrographs}
        for name, size in self.micrographs.items():
            same = names.get(micrograph_key(name), name)
            if same != name:
                yield "micrograph name", name, same
                return
            if name in now.micrographs and now.micrographs[name] != size:
                yield f"pixel size of {name} in the list", size, now.micrographs[name]
                return

    def to_toml(self) -> str:
        """Return the content of picking.toml."""
        import tomli_w

        sizes = {name: size or 0.0 for name, size in self.micrographs.items()}
        failed = [name for name in self.micrographs if name in self.failed]
        found = {"found": dict(self.found)} if self.found else {}
        written = {"sizes": list(self.sizes)} if self.sizes else {}
        return tomli_w.dumps(
            {
                "options": dict(self.options),
                "failed": failed,
                **written,
                **found,
                "micrographs": sizes,
            }
        )


def _is_as_written(path: Path, size: int) -> bool:
    if path.stat().st_size != size:
        return False
    with open(path, "rb") as file:  # a machine that crashes may leave zeros
        file.seek(max(size - 1, 0))
        return file.read(1) != b"\0"


def _say(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value or "none")


def read_record(path: Path) -> PickRecord | None:
    """Read a picking.toml; None where there is none."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        sizes = {name: float(size) or None for name, size in table["micrographs"].items()}
        failed, found = frozenset(table["failed"]), dict(table.get("found", {}))
        written = tuple(map(int, table.get("sizes", ())))
        record = PickRecord(dict(table["options"]), sizes, failed, found, written)
        if not isinstance(record.options.get("formats"), list):
            raise ValueError("no formats")
        if written and len(written) != len(record.own_files):
            raise ValueError(f"{len(written)} sizes of {len(record.own_files)} files")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise explain_read_error(error, path) from error
    except (ValueError, OverflowError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: cannot be read ({error}); delete it to pick from the start"
        ) from error
    return record
