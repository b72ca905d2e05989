"""Files appear whole or not at all: write to a temporary neighbour, then rename."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_unetpick.errors import EngineError, InputError


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends well.

    Raises
    ------
    EngineError
        The disk is full.
    InputError
        The folder cannot be written to.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name[:40]}.", suffix=".tmp"
        )
        os.close(handle)
        temporary = Path(name)
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp's 0600 would lock out the group
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise explain_os_error(error, path) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files that a killed process left in a folder and below it."""
    for path in folder.rglob(".*.tmp"):
        path.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8 with LF line ends (RELION aborts on CR+LF), whole or not at all."""
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as f:
        f.write(text)


def explain_read_error(error: OSError, path: Path | str) -> InputError | MemoryError:
    """Turn a refusal to read into one line; that memory lacked is no fault of the file."""
    if error.errno == errno.ENOMEM:
        return MemoryError(str(path))
    return InputError(
        f"{path}: cannot be read ({error.strerror or error}); check its permissions and its drive"
    )


def explain_os_error(error: OSError, path: Path) -> EngineError | InputError:
    """Turn the operating system's refusal into one line that says what to do."""
    cut_short = error.errno is None and "requested and" in str(error)  # NumPy's words
    if error.errno in (errno.ENOSPC, errno.EDQUOT) or cut_short:
        return EngineError(
            f"{path}: no space left on the disk; free some space and run again "
            "(no half-written file was left)"
        )
    if error.errno == errno.ENOMEM:
        return EngineError(f"{path}: the main memory is full; close other programs and run again")
    if isinstance(error, FileExistsError | NotADirectoryError):
        return InputError(
            f"{path.parent}: is a file where a folder is needed; choose another folder"
        )
    return InputError(
        f"{path}: cannot be written ({error.strerror or error}); choose another folder"
    )
