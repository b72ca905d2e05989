"""The command line in a forked process, which can be hurt before it starts and while it runs."""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module

PATIENCE = 120.0
"""Seconds after which a command counts as hanging."""
ATTEMPTS: list[int] = []
"""A number for each fault that was tried."""
UNFORESEEN = re.compile(r"Traceback|unexpected|is a bug|terminate called|Fatal")


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code (minus the signal), and what it printed."""

    code: int
    said: str

    @property
    def last(self) -> str:
        """Its last line."""
        lines = self.said.strip().splitlines()
        return lines[-1] if lines else ""

    def complaint(self, codes: Sequence[int] = (2,)) -> str:
        """Say what is wrong with how it refused; "" for one line and one of these exit codes."""
        if UNFORESEEN.search(self.said) or self.code not in codes:
            return f"ended with {self.code}: {self.said.strip()[-300:]}"
        line = self.last
        if self.code == 2 and not (line.startswith("unetpick: ") and ";" in line):
            return f"does not say what to do: {line[:300]}"
        return ""


class Program:
    """A command that runs in a child of this process, which has imported everything already."""

    def __init__(
        self,
        words: Sequence[str] | Callable[[], object],
        before: Callable[[], object] = lambda: None,
    ) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115
        self.pid = os.fork()
        if not self.pid:
            self._be(words, before)

    def _be(
        self, words: Sequence[str] | Callable[[], object], before: Callable[[], object]
    ) -> None:
        code = 99
        try:
            for stream in (1, 2):
                os.dup2(self._said.fileno(), stream)
            sys.stdout, sys.stderr = (os.fdopen(n, "w", buffering=1) for n in (1, 2))
            before()
            if callable(words):
                words()
                code = 0
            else:
                from napari_unetpick.__main__ import main

                sys.argv = ["unetpick", *words]
                main()
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        except BaseException:
            traceback.print_exc()
        finally:
            try:
                sys.stdout.flush()
            finally:
                os._exit(code)

    def wait(self, patience: float = PATIENCE, look: Callable[[], object] = lambda: None) -> Ended:
        """Wait for its end and look again and again meanwhile; one that hangs is killed."""
        ends = time.monotonic() + patience
        while True:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                return Ended(os.waitstatus_to_exitcode(status), self.said)
            if time.monotonic() > ends:
                self.kill()
                os.waitpid(self.pid, 0)
                return Ended(-999, f"{self.said}\nhangs: killed after {patience:g} s")
            look()
            time.sleep(0.005)

    def kill(self) -> None:
        """Kill it with -9."""
        os.kill(self.pid, signal.SIGKILL)

    @property
    def said(self) -> str:
        """What it printed so far."""
        size = os.fstat(self._said.fileno()).st_size
        return os.pread(self._said.fileno(), size, 0).decode(errors="replace")


def run(
    words: Sequence[str] | Callable[[], object],
    before: Callable[[], object] = lambda: None,
    patience: float = PATIENCE,
) -> Ended:
    """Run a command to its end."""
    return Program(words, before).wait(patience)


def must(words: Sequence[str]) -> None:
    """Run a command that has to end well."""
    if (ended := run(words)).code:
        raise SystemExit(f"{' '.join(words)}: {ended.code}: {ended.said}")


def warm_up(commands: Iterable[Sequence[str]] = ()) -> None:
    """Import what these commands import, once, for all that are forked."""
    import_module("napari_unetpick.engine.train.run")
    import_module("napari_unetpick.engine.failures")
    for words in commands:
        for name in run(lambda words=words: _say_modules(words)).said.rpartition(" ")[2].split(","):
            with suppress(Exception):
                import_module(name)


def _say_modules(words: Sequence[str]) -> None:
    from napari_unetpick.__main__ import main

    sys.argv = ["unetpick", *words]
    with suppress(SystemExit):
        main()
    print(" ", ",".join(sys.modules), end="")


def tried() -> None:
    """Count a fault."""
    ATTEMPTS.append(1)


def tries() -> int:
    """Return how many faults there were."""
    return len(ATTEMPTS)
