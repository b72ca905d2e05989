"""The list of a project's micrographs: new ones join it, known ones are found again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from napari_unetpick.errors import InputError
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import tell_count
from napari_unetpick.project.table import Entry, check_entry


def merge_micrographs(
    entries: Mapping[str, Entry], micrographs: Iterable[Micrograph]
) -> tuple[dict[str, Entry], list[str]]:
    """Add micrographs to the entries of a project.

    A micrograph that is there already keeps what was said about it, and takes the new path if its
    image is gone, and the pixel size, CTF and name of a list that tells more.

    Returns
    -------
    The entries by key, the new ones last, and the new keys.

    Raises
    ------
    InputError
        Two micrographs have one name but for folder, extension and case: they would share files.
    """
    merged = dict(entries)
    # 'Mic' and 'mic' are one file on Windows and macOS, where the project may go some day
    by_folded = {key.casefold(): key for key in merged}
    new = []
    for given in micrographs:
        micrograph = replace(given, path=Path(os.path.abspath(given.path.expanduser())))
        key = micrograph.key
        known = by_folded.setdefault(key.casefold(), key)
        if known not in merged:
            _check_name(micrograph)
            merged[key] = check_entry(Entry(micrograph))
            new.append(key)
            continue
        old = merged[known].micrograph
        if known != key or (old.path != micrograph.path and old.path.is_file()):
            raise InputError(
                f"{old.path} and {micrograph.path} have the same name except for folder, "
                "extension and case, so their picks cannot be told apart; rename one or "
                "use another project"
            )
        merged[key] = replace(merged[key], micrograph=_refreshed(old, micrograph))
    return merged, new


def absent(entries: Mapping[str, Entry]) -> list[str]:
    """Return the keys whose images are not there; folders are listed once each, for speed."""
    listings: dict[Path, set[str] | None] = {}
    missing = []
    for key, entry in entries.items():
        path = entry.micrograph.path
        parent = path.parent
        if parent not in listings:
            listings[parent] = _names(parent)
        names = listings[parent]
        # a name that is not listed may be there in another case, where the disk ignores it
        if names is None or (path.name not in names and not path.is_file()):
            missing.append(key)
    return missing


def describe_absent(entries: Mapping[str, Entry]) -> str:
    """Say which images are not there; "" where all are."""
    missing = absent(entries)
    if not missing:
        return ""
    return (
        f"{tell_count(len(missing), 'micrograph')} of {len(entries):,} not found (such as "
        f"{entries[missing[0]].micrograph.path}); add them from their new folder to "
        "continue with them"
    )


def _names(folder: Path) -> set[str] | None:
    try:
        return set(os.listdir(folder))
    except OSError:
        return None


def _refreshed(old: Micrograph, new: Micrograph) -> Micrograph:
    """Return a known micrograph at its new path, with what the new list says where it says it."""
    told = (new.pixel_size, new.defocus, new.ctf_resolution, new.optics_group, new.ctf)
    listed = any(value is not None for value in told)
    return Micrograph(
        new.path,
        new.name if listed else old.name,
        old.pixel_size if new.pixel_size is None else new.pixel_size,
        old.defocus if new.defocus is None else new.defocus,
        old.ctf_resolution if new.ctf_resolution is None else new.ctf_resolution,
        old.optics_group if new.optics_group is None else new.optics_group,
        old.ctf if new.ctf is None else new.ctf,
    )


def _check_name(micrograph: Micrograph) -> None:
    """Refuse what project.toml cannot hold, and on Windows a key that leads to another drive."""
    try:
        f"{micrograph.path}{micrograph.name}".encode()
    except UnicodeEncodeError:
        shown = os.fsencode(micrograph.path).decode("ascii", errors="backslashreplace")
        raise InputError(f"{shown}: the name is not valid UTF-8; rename the file") from None
    if (Path("picks") / f"{micrograph.key}.json").parent != Path("picks"):
        raise InputError(f"micrograph name {micrograph.key!r} is not a valid file name; rename it")
