"""project.lock: who has a project open, so that a second viewer does not write over the first.

The file holds JSON: process, computer, time. The package `filelock` could do the locking, but its
locks tell others at most the number of the process, neither computer nor time, and viewers of
earlier versions, which know this file, would take one of its locks for damaged and remove it.
"""

from __future__ import annotations

import json
import os
import platform
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

LOCK_FILE = "project.lock"
FRESH = 60.0
"""Seconds in which a lock without content is taken for one that is just being written."""
UNKNOWN = "another process"

_held: set[str] = set()
"""Tokens of this process's locks: one with its pid but another token is of a dead namesake."""


@dataclass(frozen=True)
class Lock:
    """A lock that this process holds."""

    path: Path
    token: str
    pid: int

    def release(self) -> None:
        """Remove the lock if it still is this one; a forked child leaves its parent's alone."""
        if os.getpid() != self.pid or self.token not in _held:
            return
        _held.discard(self.token)
        try:
            if _parse(self.path.read_text(encoding="utf-8")).get("token") == self.token:
                self.path.unlink()
        except OSError:
            pass  # the folder is gone or read-only now: nobody is kept out by this process's end


def take_lock(folder: Path) -> tuple[Lock | None, str | None]:
    """Lock a project folder.

    Returns
    -------
    (lock, None) where it is ours now; (None, holder) where somebody has it open, such as
    "process 123 on HOST since 14:05"; (None, None) where the folder cannot be written to.
    """
    path = folder / LOCK_FILE
    for _ in range(5):  # a lock can come or go between the steps
        try:
            return _create(path), None
        except FileExistsError:
            pass
        except OSError:
            return None, None
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
            if not is_stale(text, path):
                return None, holder_of(text)
            _remove_stale(path, text)
        except FileNotFoundError:
            continue
        except OSError:
            return None, UNKNOWN if not os.access(path, os.R_OK) else None
    return None, UNKNOWN


def _create(path: Path) -> Lock:
    lock = Lock(path, uuid.uuid4().hex, os.getpid())
    text = json.dumps(
        {
            "pid": lock.pid,
            "host": platform.node(),
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "started": _started(lock.pid),
            "token": lock.token,
        }
    )
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError:
        path.unlink(missing_ok=True)  # a full disk: an empty lock would keep everybody out
        raise
    _held.add(lock.token)
    return lock


def _remove_stale(path: Path, text: str) -> None:
    """Remove a stale lock, but not the one that another process put in its place meanwhile."""
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    os.rename(path, aside)
    if aside.read_text(encoding="utf-8", errors="replace") != text and not path.exists():
        os.rename(aside, path)
    aside.unlink(missing_ok=True)


def is_stale(text: str, path: Path) -> bool:
    """Tell whether a lock's process is dead; one of another computer is taken to be alive."""
    entry = _parse(text)
    pid = entry.get("pid")
    if not isinstance(pid, int):
        return abs(time.time() - path.stat().st_mtime) > FRESH
    if entry.get("host") != platform.node():
        return False
    if pid == os.getpid():
        return entry.get("token") not in _held
    started = entry.get("started")
    # the number of a dead process may have been given to another one since
    reused = started is not None and _started(pid) not in (None, started)
    return not is_alive(pid) or reused


def is_locked(folder: Path) -> bool:
    """Tell whether a living process has a project open."""
    path = folder / LOCK_FILE
    try:
        return not is_stale(path.read_text(encoding="utf-8", errors="replace"), path)
    except FileNotFoundError:
        return False


def holder_of(text: str) -> str:
    """Say who holds a lock: "process 123 on HOST since 14:05", with the day if not today."""
    entry = _parse(text)
    if not isinstance(entry.get("pid"), int):
        return UNKNOWN
    try:
        since = datetime.fromisoformat(entry["time"]).astimezone()
    except (KeyError, OverflowError, TypeError, ValueError):
        return f"process {entry['pid']} on {entry.get('host')}"
    today = since.date() == datetime.now().astimezone().date()
    when = since.strftime("%H:%M" if today else "%Y-%m-%d %H:%M")
    return f"process {entry['pid']} on {entry.get('host')} since {when}"


def is_alive(pid: int) -> bool:
    """Tell whether a process of this computer runs."""
    return 0 < pid < 2**31 and psutil.pid_exists(pid)


def _started(pid: int) -> str | None:
    """Return when a process started, in ticks since boot, where the system tells (Linux).

    Setting the clock does not move it; the start that psutil gives in seconds it does.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return text.rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def _parse(text: str) -> dict[str, Any]:
    try:
        entry = json.loads(text)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}
