"""The output folder of picking: each micrograph's files at once, the tables at the end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from napari_unetpick.errors import InputError
from napari_unetpick.export.pick_record import LIST, RECORD, SHARED, PickRecord, read_record
from napari_unetpick.export.pick_tables import (
    CANDIDATES,
    CHANGED,
    PICKS,
    SUMMARY,
    TABLES,
    Outcome,
    count_rows,
    highest_score,
    join_parts,
    junk_in,
    split_table,
)
from napari_unetpick.io.atomic import explain_os_error, write_text
from napari_unetpick.io.formats.output_files import check_folder, per_micrograph, safe_stem
from napari_unetpick.io.formats.relion_list import format_list, project_path
from napari_unetpick.io.formats.write import ENDINGS, WRITERS, write_one
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import Picks, tell_count
from napari_unetpick.io.star import read_text

WORK = ".picking"
"""The folder in OUT where a picking grows until it is finished."""
FINISHED = "finished.toml"
Unfinished = Literal["refuse", "resume", "restart"]
"""What is done about an unfinished picking in OUT."""


@dataclass(frozen=True)
class Advice:
    """What a user is told to do about an unfinished picking.

    Parameters
    ----------
    resume
        How to do the rest.
    restart
        How to start over with other options; "" stands for the command line's ways.
    """

    resume: str = "run the same command with --resume"
    restart: str = ""


@dataclass(frozen=True)
class PickCounts:
    """What a finished picking holds.

    Parameters
    ----------
    best
        The highest score where nothing was picked.
    each
        Picks by the name of the micrograph; empty where nothing was new.
    in_junk
        How many candidates would be picks if they didn't lie in junk.
    usable
        Mean share of the micrographs without junk, or None where that is unknown.
    """

    micrographs: int
    candidates: int
    picks: int
    best: float | None = None
    each: Mapping[str, int] = field(default_factory=dict)
    in_junk: int = 0
    usable: float | None = None


class PickFolder:
    """The output folder of a picking.

    The files of each micrograph are written to OUT as soon as it is done, or to `OUT/.picking`
    where OUT holds an earlier picking; its part of each table is in `OUT/.picking/parts/<table>/`.
    `finish` joins the parts, moves all files into OUT and writes the record `OUT/picking.toml`.
    What the record of an earlier picking lists is replaced or removed; other files in OUT are not
    touched.

    Parameters
    ----------
    options
        What changes the files, as TOML has it; among them `formats`.
    """

    grows = False
    """Whether micrographs are added to those that it was made with."""

    def __init__(
        self,
        out: Path,
        micrographs: Sequence[Micrograph],
        options: Mapping[str, Any],
        advice: Advice = Advice(),
    ) -> None:
        self.out, self.work, self.advice = out, out / WORK, advice
        self.record = PickRecord(options, {m.name: m.pixel_size for m in micrographs})
        self.tables = self.record.tables
        self.before: PickRecord | None = None  # the finished picking that OUT holds
        self.finished: PickRecord | None = None  # the same, if it is what is resumed
        self.started = False

    def open(self, unfinished: Unfinished) -> list[str]:
        """Look at what OUT holds; return messages for the user.

        Raises
        ------
        InputError
            OUT holds an unfinished picking, or one with other options; two micrographs would be
            written to one file.
        """
        self._check()
        earlier = None if unfinished == "restart" else read_record(self.work / RECORD)
        if earlier is not None and unfinished == "refuse":
            raise InputError(
                f"{self.out}: has an unfinished picking; add --resume to continue it, or "
                f"delete {self.work} to start over"
            )
        self.before = read_record(self.out / RECORD)
        self.started = earlier is not None
        if earlier is None:
            shutil.rmtree(self.work, ignore_errors=True)  # left by a kill, or to be restarted
        if unfinished != "resume":
            return [] if unfinished == "restart" else self._tell_replaced()
        if earlier is None and self.before is not None and self._has_tables(self.before):
            earlier = self.finished = self.before
        if earlier is None:
            return [f"{self.out}: no picking to resume; starting from the first micrograph"]
        return self._resume(earlier)

    def _check(self) -> None:
        check_folder(self.out, "choose another --out", viewer="choose another folder")
        per_micrograph(map(Picks, self.record.micrographs), self.work, ENDINGS["relion"])

    def _tell_replaced(self) -> list[str]:
        if self.before is None:
            return []
        count = tell_count(len(self.before.micrographs), "micrograph")
        return [f"{self.out}: holds a picking of {count}, which this one replaces when it is done"]

    @property
    def found(self) -> Mapping[str, Any]:
        """What was found out before the picking, as the record has it; of a resumed one, its."""
        return self.record.found

    def keep_found(self, found: Mapping[str, Any]) -> None:
        """Keep what was found out before the picking in the record."""
        self.record = replace(self.record, found=found)
        if self.started:
            write_text(self.work / RECORD, self.record.to_toml())

    def todo(self) -> list[str]:
        """Return the names of the micrographs that are not done."""
        return [name for name in self.record.micrographs if not self._is_done(name)]

    def any_done(self) -> bool:
        """Tell whether any micrograph is done."""
        return any(map(self._is_done, self.record.micrographs))

    def add(self, one: Outcome) -> None:
        """Write the files of a micrograph; at the first, make the folder."""
        if not self.started:
            self._start()
        name, folder = one.picks.micrograph, self._growing()
        for fmt, file in self.record.files_of(name):
            if folder == self.work and file.startswith(SHARED) and (self.out / file).is_file():
                write_text(folder / file, read_text(self.out / file))
            write_one(folder / file, one.picks, fmt)
        for table in self.tables:
            TABLES[table].write(self._part(table, name), one)

    def finish(self) -> PickCounts:
        """Join the tables and move everything into OUT; where nothing is new, only count."""
        left = self.todo()
        record = replace(self.record, failed=frozenset(left))
        if not self.started:
            candidates, picks = (count_rows(self.out / table) for table in (CANDIDATES, PICKS))
            return PickCounts(len(record.done), candidates, picks)
        counts = self._join(record.done)
        picked = dict(zip(record.done, counts[PICKS], strict=True))
        in_junk, usable = junk_in(self.work / SUMMARY)
        best = None if any(counts[PICKS]) else highest_score(self.work / CANDIDATES)
        try:
            write_text(self.work / FINISHED, self._sized(record).to_toml())
            self._move(record.files)
        except OSError as error:
            raise explain_os_error(error, self.out / RECORD) from error
        return PickCounts(
            len(record.done),
            sum(counts[CANDIDATES]),
            sum(counts[PICKS]),
            best,
            picked,
            in_junk,
            usable,
        )

    def progress(self) -> str:
        """Say how much is done, and how to resume."""
        if not self.started:
            return "nothing was written"
        total = len(self.record.micrographs)
        return (
            f"{total - len(self.todo()):,} of {tell_count(total, 'micrograph')} done (in "
            f"{self.out}); {self.advice.resume} for the rest"
        )

    def _growing(self) -> Path:
        """Return the folder for the files of micrographs."""
        return self.work if (self.out / PICKS).exists() else self.out

    def _join(self, names: Sequence[str]) -> dict[str, list[int]]:
        """Write tables and RELION's list of some micrographs; return the rows of each."""
        counts = {
            table: join_parts([self._part(table, name) for name in names], self.work / table)
            for table in self.tables
        }
        if self.record.with_list:
            self._write_list(self.work / LIST, names)
        return counts

    def _write_list(self, path: Path, names: Sequence[str]) -> None:
        folder = project_path(self.out / "x")[:-1]  # a look into the folders above, not thousands
        files = [(name, f"{folder}{safe_stem(name)}{ENDINGS['relion']}") for name in names]
        text = format_list(files)
        if not path.is_file() or path.read_bytes() != text.encode():
            write_text(path, text)

    def _sized(self, record: PickRecord) -> PickRecord:
        """Return the record with the sizes of its files, which lie here or there."""
        files = [(self.work / file, self.out / file) for file in record.own_files]
        found = (new if new.is_file() else old for new, old in files)
        return replace(record, sizes=tuple(file.stat().st_size for file in found))

    def _check_unchanged(self, finished: PickRecord) -> Iterator[str]:
        """Say which files changed since the picking; no table may that is to be added to."""
        changed = finished.changed(self.out)
        if self.todo() and (tables := [file for file in changed if file in self.tables]):
            raise InputError(CHANGED.format(self.out / tables[0]))
        if finished.with_list:
            self._write_list(self.out / LIST, finished.done)
        if changed:
            yield (
                f"{tell_count(len(changed), 'file')} (such as {changed[0]}) changed since the "
                "picking: kept; delete what is damaged to have it picked again"
            )

    def _has_tables(self, record: PickRecord) -> bool:
        return all((self.out / table).is_file() for table in record.tables)

    def _resume(self, earlier: PickRecord) -> list[str]:
        """Continue an earlier picking; those of its micrographs that are not listed come last."""
        if not self.grows and not self.todo():  # nothing is computed, so that any device will do
            self.record = self.record.on(earlier.options.get("device"))
        if different := earlier.differences(self.record):
            restart = f"delete {self.work}" if self.started else "leave out --resume"
            restart = self.advice.restart or restart
            raise InputError(
                f"{self.out}: was picked with other options: {'; '.join(different)}; give the "
                f"same ones, or {restart} to start over"
            )
        listed = self.record
        gone = [n for n in earlier.micrographs if n not in listed.micrographs and self._is_done(n)]
        new = [name for name in listed.micrographs if name not in earlier.micrographs]
        again = [name for name in listed.micrographs if name in earlier.failed]
        more = {name: earlier.micrographs[name] for name in gone}
        self.record = replace(
            listed, micrographs={**listed.micrographs, **more}, found=earlier.found
        )
        if self.started and new:
            write_text(self.work / RECORD, self.record.to_toml())
        left, total = len(self.todo()), len(self.record.micrographs)
        messages = [f"{total - left:,} of {tell_count(total, 'micrograph')} picked before"]
        if self.finished is not None:
            messages += self._check_unchanged(self.finished)
        if not left and not self.started and not self.grows:
            messages[0] = (
                f"{self.out}: {tell_count(total, 'micrograph')} picked before; nothing to do"
            )
        for names, what in (
            (new, "added to the list"),
            (again, "failed before: tried again"),
            (gone, "no longer in the list: kept (to exclude them, pick into another folder)"),
        ):
            if names:
                count = tell_count(len(names), "micrograph")
                messages.append(f"{count} (such as {names[0]}) {what}")
        return messages

    def _start(self) -> None:
        """Make `OUT/.picking`; once the record lies there, the picking can be resumed."""
        if self.finished is not None:
            done = {name for name in self.finished.done if self._is_done(name)}
            for table in self.tables:
                parts = [
                    (name, self._part(table, name) if name in done else None)
                    for name in self.finished.done
                ]
                split_table(self.out / table, parts)
        write_text(self.work / RECORD, self.record.to_toml())
        self.started = True

    def _part(self, table: str, name: str) -> Path:
        return self.work / "parts" / table / f"{safe_stem(name)}{Path(table).suffix}"

    def _is_done(self, name: str) -> bool:
        if self.started or self.finished is None:
            return all(self._part(table, name).is_file() for table in self.tables)
        files = self.finished.files_of(name)
        return name in self.finished and all((self.out / file).is_file() for _, file in files)

    def _move(self, files: list[str]) -> None:
        """Move files into OUT; the record goes last."""
        old = [] if self.before is None else self.before.files
        for file in {*old} - {*files}:
            if not file.startswith(SHARED):
                (self.out / file).unlink(missing_ok=True)
        for file in files:
            if (self.work / file).is_file():  # else it is in OUT already
                (self.out / file).parent.mkdir(exist_ok=True)
                os.replace(self.work / file, self.out / file)
        os.replace(self.work / FINISHED, self.out / RECORD)
        (self.work / RECORD).unlink()
        for folder in (self.work, *self.out.glob(f"{WORK}-*")):  # what shares were killed over, too
            shutil.rmtree(folder, ignore_errors=True)


def parse_formats(text: str) -> tuple[str, ...]:
    """Split `star,csv,box`; an unknown format is an error that lists the known ones."""
    formats = tuple(part.strip() for part in text.split(",") if part.strip())
    known = sorted(WRITERS)
    for fmt in formats:
        if fmt not in known:
            raise InputError(f"--format {fmt}: unknown; give some of {', '.join(known)}")
    return formats
