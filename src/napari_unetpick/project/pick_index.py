"""How many picks each micrograph has, without opening 5,000 files: `picks_index.json`.

`{"<key>": [<modified, ns>, <bytes>, <picks>]}` of the files in `picks/`. It is a cache: a file that
was changed since is counted again, and without the index all are. It is written with project.toml
and as the project is closed, not with each pick.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.formats.annotation_file import SUFFIX, count_rows
from napari_unetpick.io.picks import tell_count
from napari_unetpick.project.earlier import STAR, count_star
from napari_unetpick.project.folder import PICKS
from napari_unetpick.project.table import PROJECT_FILE, Entry

INDEX_FILE = "picks_index.json"
Row = tuple[int, int, int]  # modified (ns), bytes, picks


class PickIndex:
    """The index of one project.

    Attributes
    ----------
    rows
        By micrograph key, of those that have a file.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows = _read(folder / INDEX_FILE)
        self._written = dict(self.rows)

    def count(self, entries: Mapping[str, Entry], earlier: bool) -> tuple[dict[str, Entry], str]:
        """Count the picks of each micrograph; only files that changed are read.

        Parameters
        ----------
        earlier
            Whether project.toml is of schema 1: it knows the numbers of files that are older.

        Returns
        -------
        The entries with these numbers, and a message for the user, or "".
        """
        files = _stat_files(self.folder / PICKS)
        trusted = (self.folder / PROJECT_FILE).stat().st_mtime_ns if earlier else 0
        counted, rows, gone = dict(entries), dict[str, Row](), 0
        for key, entry in entries.items():
            stamp = files.get(f"{key}{SUFFIX}") or files.get(f"{key}{STAR}")
            before = self.rows.get(key, (0, 0, entry.picks))
            gone += stamp is None and before[2] > 0
            if stamp is not None and stamp == before[:2]:
                rows[key] = before
            elif stamp is not None and stamp[0] < trusted:
                rows[key] = (*stamp, entry.picks)
            elif stamp is not None:
                with suppress(OSError):  # whoever reads its picks will be told why that fails
                    rows[key] = (*stamp, self._count(key))
            picks = rows[key][2] if key in rows else 0
            if entry.picks != picks:
                counted[key] = replace(entry, picks=picks)
        self.rows = rows
        if not gone:
            return counted, ""
        return counted, (
            f"the picks of {tell_count(gone, 'micrograph')} are missing in "
            f"{self.folder / PICKS}; restore the files from a copy if you need them"
        )

    def note(self, key: str, picks: int) -> None:
        """Note the number of picks of a file that was just written or read."""
        for suffix in (SUFFIX, STAR):
            try:
                stat = (self.folder / PICKS / f"{key}{suffix}").stat()
            except OSError:
                continue
            self.rows[key] = (stat.st_mtime_ns, stat.st_size, picks)
            return

    def write(self) -> None:
        """Write the index, whole or not at all, if something changed."""
        if self.rows != self._written:
            write_text(self.folder / INDEX_FILE, json.dumps(self.rows, separators=(",", ":")))
            self._written = dict(self.rows)

    def _count(self, key: str) -> int:
        path = self.folder / PICKS / f"{key}{SUFFIX}"
        return count_rows(path) if path.exists() else count_star(path.with_name(f"{key}{STAR}"))


def _read(path: Path) -> dict[str, Row]:
    """Read the index; {} where there is none, or none that can be read."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        return {key: (int(m), int(size), int(picks)) for key, (m, size, picks) in table.items()}
    except (OSError, ValueError, OverflowError, TypeError, AttributeError, RecursionError):
        return {}


def _stat_files(folder: Path) -> dict[str, tuple[int, int]]:
    """Return (modified in ns, bytes) of the files in a folder, by name; {} without a folder."""
    found = {}
    try:
        with os.scandir(folder) as entries:
            for each in entries:
                if each.name.endswith((SUFFIX, STAR)):
                    stat = each.stat()
                    found[each.name] = (stat.st_mtime_ns, stat.st_size)
    except OSError:
        pass
    return found
