"""The output folder of a picking that several processes do at once, each a share of the list."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from napari_unetpick.export.pick_folder import WORK, PickFolder, Unfinished
from napari_unetpick.export.pick_record import RECORD, read_record
from napari_unetpick.io.atomic import explain_os_error


class SharedPickFolder(PickFolder):
    """The output folder of a picking that several processes do at once.

    Whoever has something to keep first makes `OUT/.picking` with the record, whole, by a rename;
    all others use that one. Without locks, which network drives often lack.
    """

    def open(self, unfinished: Unfinished) -> list[str]:
        """Join the picking in OUT, or start one; return messages for the user.

        A finished picking with the same options is resumed, too.

        Raises
        ------
        InputError
            The picking that is unfinished, or is to be resumed, has other options.
        """
        with suppress(OSError):  # else the check says why
            self.out.mkdir(parents=True, exist_ok=True)
        self._check()
        earlier = read_record(self.work / RECORD)
        self.before = read_record(self.out / RECORD)
        self.started = earlier is not None
        before = self.before
        if earlier is None and before is not None and self._has_tables(before):
            same = not before.differences(self.record)
            earlier = self.finished = before if same or unfinished == "resume" else None
        return self._tell_replaced() if earlier is None else self._resume(earlier)

    def keep_found(self, found: Mapping[str, Any]) -> None:
        """Keep what was found out before the picking, unless another process did already."""
        super().keep_found(found)
        if not self.started:
            self._start()

    def _is_done(self, name: str) -> bool:
        known = self.started or self.finished is not None  # else a kill may have left its parts
        return known and super()._is_done(name)

    def _start(self) -> None:
        """Make `OUT/.picking` elsewhere and rename it; where it is there by then, join it."""
        home, made = self.work, False
        self.work = _new_folder(self.out)
        try:
            super()._start()
            made = _put(self.work, home)
        except OSError as error:
            raise explain_os_error(error, home) from error
        finally:
            if not made:
                shutil.rmtree(self.work, ignore_errors=True)
            self.work = home
        if not made and (record := read_record(home / RECORD)):
            self._resume(record)


def _new_folder(out: Path) -> Path:
    folder = Path(tempfile.mkdtemp(dir=out, prefix=f"{WORK}-"))
    umask = os.umask(0)
    os.umask(umask)
    folder.chmod(0o777 & ~umask)  # mkdtemp's 0700 would lock out the group
    return folder


def _put(new: Path, home: Path) -> bool:
    """Rename a folder; tell whether it is the first. What has no record a kill left: it goes."""
    while True:
        try:
            new.rename(home)
        except OSError:
            if (home / RECORD).is_file():
                return False
            if not home.is_dir():
                raise
            away = _new_folder(home.parent)
            with suppress(OSError):
                home.rename(away / WORK)
                if (away / WORK / RECORD).is_file():  # of a process that was faster
                    (away / WORK).rename(home)
            shutil.rmtree(away, ignore_errors=True)
        else:
            return True
