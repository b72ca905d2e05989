"""One program at a time in an output folder: whoever is second is told who is there.

The system holds the lock and drops it when its holder ends, however it ends. Where there are none
(some network drives, Windows), nobody is kept out. A project has its own: see `project.lock`.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_unetpick.errors import InputError

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]

LOCK = ".unetpick.lock"


@contextmanager
def occupied(folder: Path, *, shared: bool = False) -> Iterator[None]:
    """Keep other programs from writing to a folder, which is made, and goes if it stays empty.

    Parameters
    ----------
    shared
        Whether others who share it, too, may be there.

    Raises
    ------
    InputError
        Another program writes there.
    """
    missing = [each for each in (folder, *folder.parents) if not os.path.exists(each)]
    handle = _lock(folder, shared)
    try:
        yield
    finally:
        if handle is not None:
            _unlock(folder, handle)
        for each in missing:
            with suppress(OSError):
                each.rmdir()


def _lock(folder: Path, shared: bool) -> int | None:
    """Return the locked file, or None where there are no locks or nothing can be written."""
    if fcntl is None:
        return None
    path = folder / LOCK
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        except (OSError, ValueError):
            return None  # whoever writes there says why that fails
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            if not _is_at(handle, path):  # its holder has removed it meanwhile
                os.close(handle)
                continue
            if not shared:
                _write_holder(handle)
        except BlockingIOError:
            holder = os.pread(handle, 1000, 0).decode("utf-8", "replace").strip()
            os.close(handle)
            raise InputError(
                f"{folder}: {holder or 'another process'} writes there; wait for its end, or "
                "choose another folder"
            ) from None
        except OSError:
            os.close(handle)
            return None
        return handle


def _unlock(folder: Path, handle: int) -> None:
    """Give a lock back; the file goes with the last who holds it."""
    with suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (folder / LOCK).unlink()
    os.close(handle)


def _is_at(handle: int, path: Path) -> bool:
    with suppress(OSError):
        return os.path.samestat(os.fstat(handle), os.stat(path))
    return False


def _write_holder(handle: int) -> None:
    """Write who is there, such as "process 123 on HOST since 2026-11-30 14:05"."""
    since = time.strftime("%Y-%m-%d %H:%M")
    with suppress(OSError):  # a full disk
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()} on {platform.node()} since {since}\n".encode(), 0)
