"""Where written picks go: one file a micrograph inside OUT."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from napari_unetpick.errors import InputError
from napari_unetpick.io.names import base_name, micrograph_key, refuse_unwritable
from napari_unetpick.io.picks import Picks


def per_micrograph(picks: Iterable[Picks], out: Path, ending: str) -> list[tuple[Picks, Path]]:
    """Name the file of each micrograph: OUT itself if it ends as such a file, else one in OUT.

    Only the name's last part is used, so that no name in a file leads out of OUT.

    Raises
    ------
    InputError
        OUT is a file where a folder is needed, or two micrographs would share one file.
    """
    each = list(picks)
    if out.suffix == Path(f"x{ending}").suffix:
        if len(each) != 1:
            raise InputError(
                f"{out}: this format has one file per micrograph, and there are "
                f"{len(each)}; give a folder"
            )
        refuse_folder(out)
        return [(each[0], out)]
    refuse_file(out)
    owner: dict[str, str] = {}
    targets = []
    for one in each:
        stem = safe_stem(one.micrograph)
        if stem in owner:
            raise InputError(
                f"{owner[stem]} and {one.micrograph} would both be written to {stem}{ending}; "
                "rename one, or convert them one at a time"
            )
        owner[stem] = one.micrograph
        targets.append((one, out / f"{stem}{ending}"))
    return targets


def safe_stem(name: str) -> str:
    """Return the micrograph's key if it can name a file inside a folder, else raise InputError."""
    stem = micrograph_key(name)
    if stem in ("", ".", "..") or "\0" in stem:
        raise InputError(f"micrograph name {base_name(name)!r} is not a valid file name; rename it")
    return stem


def refuse_file(out: Path, fix: str = "choose another folder", viewer: str = "") -> None:
    """Raise InputError where OUT is a file and should be a folder, with how to fix that."""
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file where a folder is needed", fix, viewer=viewer)


def check_folder(out: Path, fix: str = "choose another folder", viewer: str = "") -> None:
    """Raise InputError where OUT can't be made or written to, before any work; nothing is left.

    A file is made there and removed: what permissions allow, a quota, a read-only disk or a name
    that is too long may not.
    """
    refuse_unwritable([str(out)])
    missing: list[Path] = []
    try:
        refuse_file(out, fix, viewer)
        missing = [each for each in (out, *out.parents) if not each.exists()]
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        what = f"{out}: cannot be made or written to ({error.strerror or error})"
        raise InputError(what, fix, viewer=viewer) from error
    finally:
        for each in missing:
            with suppress(OSError):
                each.rmdir()


def refuse_folder(out: Path) -> None:
    """Raise InputError where OUT is a folder and should be a file."""
    if out.is_dir():
        raise InputError(f"{out}: is a folder where a file should go; give a file name")
