"""The errors a user can meet: each message is one line that says what is wrong and what to do."""

from __future__ import annotations


class UnetPickError(Exception):
    """Base of all errors that are shown to the user as one line, never as a traceback.

    Parameters
    ----------
    what
        What is wrong.
    fix
        What to do about it; where it names options of the command line, `viewer` says the same in
        the words of the viewer.

    Attributes
    ----------
    in_viewer
        The line as the viewer shows it; `str` gives that of the command line.
    """

    exit_code = 2

    def __init__(self, what: str = "", fix: str = "", *, viewer: str = "") -> None:
        self.what, self.fix = what, fix
        self.in_viewer = "; ".join(filter(None, (what, viewer or fix)))
        super().__init__("; ".join(filter(None, (what, fix))))


class InputError(UnetPickError):
    """A file, a folder, a setting or their combination cannot be used."""


class IncompleteError(InputError):
    """A file ends before what its header says, as one does that is still being written."""


class ModelError(UnetPickError):
    """A model file is unreadable, foreign or does not fit the job."""


class EngineError(UnetPickError):
    """A job could not continue (out of memory, diverged loss, full disk)."""


class Cancelled(UnetPickError):
    """The user stopped the job; what was finished is kept and can be resumed."""

    exit_code = 130
