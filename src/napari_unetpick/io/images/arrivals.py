"""Micrographs that arrive in folders: found by polling, each given out once, when it is whole.

Polling works on network drives, too, where the system does not tell of new files. A file is whole
if size and time stay the same from one look to the next and its header fits its size.
"""

from __future__ import annotations

import glob
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from napari_unetpick.errors import IncompleteError, InputError
from napari_unetpick.io.images.listing import FOLDER_EXTENSIONS
from napari_unetpick.io.images.unmapped import UnmappedImage
from napari_unetpick.io.names import base_name, micrograph_key, refuse_unwritable

POLL = 1.0
"""Seconds between two looks, at least."""
SHARE = 5
"""The pause after a look is at least so many times as long as the look."""

Signature = tuple[int, int]
"""Size in bytes, time of the last change in ns."""


@dataclass
class _File:
    """A file that is waited for.

    Parameters
    ----------
    stable
        Whether two looks found it the same.
    given
        Whether it was given out as it is.
    refused
        Why it can't be used as it is; it is tried again when it changes.
    incomplete
        Whether that is because it ends too early.
    """

    signature: Signature
    stable: bool = False
    given: bool = False
    refused: str = ""
    incomplete: bool = False


class Arrivals:
    """The micrographs of folders and globs as they arrive.

    Parameters
    ----------
    sources
        Folders (without their subfolders) and globs.
    picked
        Keys of micrographs that are not given out.

    Attributes
    ----------
    changed
        Monotonic time of the last news: a file that is new, or is no longer as it was.
    trouble
        Why the last look failed, or "".

    Raises
    ------
    InputError
        A source is neither a folder nor a glob.
    """

    def __init__(self, sources: Iterable[str], picked: Iterable[str] = (), poll: float = POLL):
        self.sources = [_check_source(each) for each in sources]
        self.poll = poll
        self.trouble = ""
        self.changed = time.monotonic()
        self._next = 0.0
        self._done: set[str] = set()
        self._waiting: dict[str, _File] = {}
        self._owners: dict[str, str | None] = dict.fromkeys(picked)

    def look(self) -> list[tuple[str, str]]:
        """Look for news, if it is time to; return (path, reason) of files with impossible names."""
        began = time.monotonic()
        if began < self._next:
            return []
        refused: list[tuple[str, str]] = []
        try:
            names = {name for source in self.sources for name in _files(source)} - self._done
            self.trouble = ""
        except OSError as error:  # a drive that is gone for a while
            names, self.trouble = set(self._waiting), f"{error.filename}: {error.strerror or error}"
        for gone in self._waiting.keys() - names:
            del self._waiting[gone]
        for name in names:
            if name not in self._waiting and not self._is_new(name, refused):
                self._done.add(name)
                continue
            with suppress(OSError):
                self._compare(name, _signature(name))
        now = time.monotonic()
        self._next = now + max(self.poll, SHARE * (now - began))
        return refused

    def take(self, most: int) -> tuple[list[Path], list[tuple[str, str]]]:
        """Return up to `most` whole files by name, and (path, reason) of unusable ones.

        A file is given out again only if it has changed.
        """
        whole: list[Path] = []
        refused: list[tuple[str, str]] = []
        for name, file in sorted(self._waiting.items()):
            if len(whole) == most:
                break
            if not file.stable or file.given or file.refused:
                continue
            try:
                UnmappedImage(Path(name))
                if self.unchanged(Path(name)):
                    file.given = True
                    whole.append(Path(name))
            except IncompleteError as error:
                file.refused, file.incomplete = str(error), True
            except InputError as error:
                if self.refuse(Path(name), str(error)):
                    refused.append((name, str(error)))
        return whole, refused

    def unchanged(self, path: Path) -> bool:
        """Tell whether a file is as it was when it was found whole; else it is waited for again."""
        file = self._waiting.get(str(path))
        with suppress(OSError):
            if file is not None and file.stable and _signature(str(path)) == file.signature:
                return True
        if file is not None:
            file.stable = file.given = False
        return False

    def finish(self, path: Path) -> None:
        """Never give out a file again."""
        self._waiting.pop(str(path), None)
        self._done.add(str(path))
        self.changed = time.monotonic()

    def refuse(self, path: Path, reason: str) -> bool:
        """Give out a file again only if it changes; tell whether it is there at all."""
        if not path.exists():
            self._waiting.pop(str(path), None)
            return False
        if file := self._waiting.get(str(path)):
            file.refused = reason
        return True

    @property
    def settling(self) -> bool:
        """Whether a file may be given out after the next looks."""
        return any(not each.refused for each in self._waiting.values())

    @property
    def incomplete(self) -> list[tuple[str, str]]:
        """(path, reason) of files that end too early."""
        return [(name, f.refused) for name, f in sorted(self._waiting.items()) if f.incomplete]

    @property
    def waiting(self) -> int:
        """How many files are not whole yet, or not given out."""
        return sum(each.incomplete or not each.refused for each in self._waiting.values())

    def _is_new(self, name: str, refused: list[tuple[str, str]]) -> bool:
        """Tell whether a name that is seen first is that of a micrograph to be waited for."""
        key = micrograph_key(name)
        if key in self._owners and self._owners[key] is None:
            self._owners[key] = name  # picked before
            return False
        try:
            refuse_unwritable([name])
        except InputError as error:
            refused.append((name, str(error)))
            return False
        other = self._owners.setdefault(key, name)
        if other is not None and other != name and os.path.exists(other):
            refused.append((name, f"{name}: has the name of {other} but for folder and extension"))
            return False
        self._owners[key] = name
        return True

    def _compare(self, name: str, now: Signature) -> None:
        file = self._waiting.get(name)
        if file is not None and file.signature == now:
            file.stable = True
            return
        self._waiting[name] = _File(now)
        self.changed = time.monotonic()


def _check_source(source: str) -> str:
    path = str(Path(source).expanduser())
    if os.path.isdir(path) or (glob.has_magic(path) and not os.path.exists(path)):
        return path
    what = "is a file" if os.path.exists(path) else "no such folder"
    raise InputError(
        f"{source}: {what}",
        "--watch needs a folder or a glob in quotes",
        viewer="choose a folder that is there",
    )


def _files(source: str) -> Iterator[str]:
    """Yield the paths of micrographs in a folder, or of what matches a glob."""
    if os.path.isdir(source):
        with os.scandir(source) as entries:
            for entry in entries:
                if _is_image(entry.name):
                    yield str(Path(source, entry.name))
    elif glob.has_magic(source):
        yield from filter(_is_image, glob.iglob(source, recursive=True))
    else:
        raise FileNotFoundError(2, "no such folder", source)


def _is_image(name: str) -> bool:
    base = base_name(name)
    return base.lower().endswith(FOLDER_EXTENSIONS) and not base.startswith(".")


def _signature(name: str) -> Signature:
    status = os.stat(name)
    if not stat.S_ISREG(status.st_mode):
        raise FileNotFoundError(2, "no file", name)  # opening a pipe would wait for ever
    return status.st_size, status.st_mtime_ns
