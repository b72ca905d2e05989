"""The folder of an External job: how RELION learns of its end, and asks it to stop."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from napari_unetpick.errors import Cancelled
from napari_unetpick.io.atomic import explain_os_error

SUCCESS = "RELION_JOB_EXIT_SUCCESS"
FAILURE = "RELION_JOB_EXIT_FAILURE"
ABORTED = "RELION_JOB_EXIT_ABORTED"
ABORT_NOW = "RELION_JOB_ABORT_NOW"


class JobFolder:
    """A job that runs in the folder: however the block ends, one file in it says how.

    On entering, such files of an earlier run are removed: *Continue* is the same command in the
    same folder. A stop, by RELION, by a signal or by Ctrl-C, is `RELION_JOB_EXIT_ABORTED`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> JobFolder:
        """Make the folder, and remove what an earlier run left.

        Raises
        ------
        InputError
            The folder cannot be made or written to.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            _remove_marks(self.path)
        except OSError as error:
            raise explain_os_error(error, self.path / SUCCESS) from error
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            end = SUCCESS
        elif issubclass(kind, Cancelled | KeyboardInterrupt | SystemExit):
            end = ABORTED
        else:
            end = FAILURE
        mark(self.path, end)

    def check(self) -> None:
        """Raise `Cancelled` where RELION asks the job to stop."""
        if (self.path / ABORT_NOW).exists():
            raise Cancelled("stopped by RELION")


def mark(folder: Path, end: str) -> None:
    """Say how a job ended, in its folder, and nothing else; RELION makes it before the job."""
    with suppress(OSError):  # what went wrong is told as well
        if folder.is_dir():
            _remove_marks(folder)
            (folder / end).touch()


def _remove_marks(folder: Path) -> None:
    for name in (SUCCESS, FAILURE, ABORTED, ABORT_NOW):
        (folder / name).unlink(missing_ok=True)
