"""Which commit of a checkout the program is, for records that are compared later."""

from __future__ import annotations

import subprocess
from pathlib import Path


def source_commit(file: Path = Path(__file__)) -> dict[str, str]:
    """Return `commit` of the Git checkout that holds `file`; "+" follows where it was changed.

    Nothing for an installed package, or without Git.
    """

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(file.parent), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", file.name)  # not merely beside somebody's files
        changed = "+" if git("status", "--porcelain", "--untracked-files=no") else ""
        return {"commit": git("rev-parse", "--short=12", "HEAD") + changed}
    except (OSError, subprocess.CalledProcessError):
        return {}
