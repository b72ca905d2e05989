"""The output folder of picking: candidates.csv, picks.csv, and what RELION and cryoSPARC read."""

from __future__ import annotations

from pathlib import Path

from napari_unetpick.errors import InputError
from napari_unetpick.io.formats.csv_picks import write_csv
from napari_unetpick.io.formats.relion_list import write_autopick, write_combined_star
from napari_unetpick.io.formats.write import WRITERS, write_picks
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import Picks

FILES = {"topaz": "topaz.txt", "cryosparc": "picks.star"}
"""Formats that are one file; the others write a file a micrograph."""

Pairs = list[tuple[Micrograph, Picks]]


def check_folder(out: Path) -> None:
    """Refuse a file where the output folder should be, before an hour of work."""
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file where a folder is needed; choose another --out")


def part_folder(out: Path) -> Path:
    """Return where a stopped picking goes: OUT, or a folder in it where OUT holds earlier results.

    Those may be complete, and a part of the new ones must not take their place.
    """
    return out / "stopped" if (out / "picks.csv").exists() else out


def write_results(
    out: Path, candidates: Pairs, picks: Pairs, formats: tuple[str, ...]
) -> list[Path]:
    """Write all files of a picking.

    Always `candidates.csv` and `picks.csv`; with "star" the RELION files
    `<micrograph>_autopick.star`, their list `autopick.star` and the combined `picks.star` that
    cryoSPARC imports; other formats of `convert` beside them.
    """
    check_folder(out)
    files = [out / "candidates.csv", out / "picks.csv"]
    write_csv(files[0], [each for _, each in candidates], scores=True)
    write_csv(files[1], [each for _, each in picks], scores=True)
    for fmt in formats:
        if fmt == "csv":
            continue
        if fmt == "star":
            files += write_autopick(out, [(m.name, p) for m, p in picks])
            write_combined_star(out / "picks.star", [(m.name, p) for m, p in picks])
            files.append(out / "picks.star")
        else:
            target = out / FILES.get(fmt, "")
            named = {m.name: p for m, p in picks}
            files += write_picks(named, target, fmt)
    return files


def parse_formats(text: str) -> tuple[str, ...]:
    """Split `star,csv,box`; an unknown format is an error that lists the known ones."""
    formats = tuple(part.strip() for part in text.split(",") if part.strip())
    known = sorted(WRITERS)
    for fmt in formats:
        if fmt not in known:
            raise InputError(f"--format {fmt}: unknown; give some of {', '.join(known)}")
    return formats
