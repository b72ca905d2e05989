"""The output folder of a picking whose micrographs arrive: its tables grow with them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_unetpick.errors import InputError
from napari_unetpick.export.pick_folder import Advice, PickCounts, PickFolder, Unfinished
from napari_unetpick.export.pick_record import LIST, RECORD, read_record
from napari_unetpick.export.pick_tables import Outcome
from napari_unetpick.io.atomic import explain_os_error, write_text
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.names import micrograph_key
from napari_unetpick.io.picks import tell_count


class LivePickFolder(PickFolder):
    """The output folder of a picking that grows.

    It is a `PickFolder` in which the tables and RELION's list are in OUT before the end, each of
    them whole, with the micrographs by name. `OUT/.picking` stays until `finish`.
    """

    grows = True

    def __init__(self, out: Path, options: Mapping[str, Any], advice: Advice) -> None:
        super().__init__(out, (), options, advice)
        self.picked: set[str] = set()
        self._brought = False

    def open(self, unfinished: Unfinished) -> list[str]:
        """Look at what OUT holds; return messages for the user.

        Raises
        ------
        InputError
            OUT holds a picking, and it isn't resumed; or one with other options.
        """
        started, finished = (read_record(place / RECORD) for place in (self.work, self.out))
        if started is None and finished is not None and unfinished == "refuse":
            count = tell_count(len(finished.micrographs), "micrograph")
            raise InputError(
                f"{self.out}: holds a picking of {count}; add --resume to continue it, or choose "
                "another --out"
            )
        if earlier := started or finished:
            self.record = replace(self.record, micrographs=earlier.micrographs)
        messages = super().open(unfinished)
        self.picked = {*self.record.micrographs} - {*self.todo()}
        return messages

    @property
    def keys(self) -> set[str]:
        """The keys of the micrographs that are picked."""
        return {micrograph_key(name) for name in self.picked}

    def extend(self, micrographs: Sequence[Micrograph]) -> list[Micrograph]:
        """Add micrographs to the record; return those that are not picked."""
        sizes = {m.name: m.pixel_size for m in micrographs}
        names = {**self.record.micrographs, **sizes}
        self.record = replace(self.record, micrographs=dict(sorted(names.items())))
        if self.started:
            write_text(self.work / RECORD, self.record.to_toml())
        self.picked |= {name for name in sizes if name not in self.picked and self._is_done(name)}
        return [m for m in micrographs if m.name not in self.picked]

    def add(self, one: Outcome) -> None:
        """Write the files of a micrograph into OUT; its rows wait for `publish`."""
        super().add(one)
        self.picked.add(one.picks.micrograph)

    def list_picked(self) -> None:
        """Write RELION's list of what is picked, if there is one."""
        if self.started and self.record.with_list:
            self._write_list(self.out / LIST, self._names())

    def publish(self) -> None:
        """Write all tables with what is picked."""
        if not self.started:
            return
        self._join(self._names())
        files = [*self.tables, *[LIST] * self.record.with_list]
        if not self._brought:  # a picking that was to replace another one left files in .picking
            files = self.record.files
        try:
            for file in files:
                if (self.work / file).is_file():
                    (self.out / file).parent.mkdir(exist_ok=True)
                    os.replace(self.work / file, self.out / file)
        except OSError as error:
            raise explain_os_error(error, self.out) from error
        self._brought = True

    def close(self, failed: Sequence[str]) -> PickCounts:
        """Finish the picking with these micrographs as failed; others that aren't picked go."""
        known = {**self.record.micrographs, **dict.fromkeys(failed)}
        kept = {name: known[name] for name in sorted({*failed, *self.picked})}
        self.record = replace(self.record, micrographs=kept)
        if not self.started and self.finished is None:
            return PickCounts(0, 0, 0)
        return self.finish()

    def _growing(self) -> Path:
        return self.out

    def _names(self) -> list[str]:
        return [name for name in self.record.micrographs if name in self.picked]
