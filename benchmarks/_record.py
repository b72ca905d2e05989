"""What the speed benchmarks share: worker processes, tables, and records of what was measured."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
OUT = HERE / "out"
THREADS = 2
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Clock:
    """Seconds by stage: measured around blocks or around functions."""

    def __init__(self, wait: Callable[[], object] = lambda: None):
        self.seconds: dict[str, float] = {}
        self.wait = wait  # for what the device still has to do

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add what the block takes to a stage."""
        self.wait()
        start = time.perf_counter()
        yield
        self.wait()
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with its time added to a stage."""

        def wrapped(*arguments: Any, **options: Any) -> Any:
            with self.stage(name):
                return function(*arguments, **options)

        return wrapped

    def timed_steps(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the generator function with the time of its steps added to a stage."""

        def wrapped(*arguments: Any, **options: Any) -> Generator[Any, Any, Any]:
            steps = function(*arguments, **options)
            while True:
                ended: StopIteration | None = None
                with self.stage(name):
                    try:
                        item = next(steps)
                    except StopIteration as stop:
                        ended = stop
                if ended is not None:
                    return ended.value
                yield item

        return wrapped


class Worker:
    """A process that answers each JSON line with one, on the same two cores as its rivals.

    Waiting for a line it takes no time, so that two can stay warm and be measured by turns.
    """

    def __init__(self, python: str | Path, script: str, *arguments: str, threads: int = THREADS):
        environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
        self.script = script
        self.process = subprocess.Popen(
            [str(python), str(HERE / script), *arguments],
            env=environment | {"UNETPICK_BENCHMARK_THREADS": str(threads)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if hasattr(os, "sched_setaffinity"):  # elsewhere the thread counts alone must do
            cores = sorted(os.sched_getaffinity(0))[:THREADS]
            os.sched_setaffinity(self.process.pid, cores)

    def ask(self, **question: Any) -> dict[str, Any]:
        """Send a question and wait for the answer; the worker's own errors are on stderr."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self.script} stopped with exit code {self.process.wait()}")
        return dict(json.loads(answer))

    def close(self) -> None:
        """Let the worker end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def peak_mib() -> float:
    """Largest resident memory of this process so far.

    Linux counts what the parent had before the start into `ru_maxrss`, so its own figure
    (VmHWM, of this program alone) is taken where there is one.
    """
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10  # kB
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def machine() -> dict[str, Any]:
    """Describe the processor, the load and the versions that a figure depends on."""
    versions = {"python": platform.python_version()}
    for name in ("torch", "numpy", "scipy"):
        versions[name] = importlib.metadata.version(name)
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "versions": versions,
    }


def processor() -> str:
    """Name the processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Write the median with the smallest and the largest: 0.31 (0.30-0.35)."""
    low, middle, high = min(values), statistics.median(values), max(values)
    if len(values) == 1:
        return f"{middle:.{digits}f}"
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Lay out a Markdown table; all columns but the first are aligned to the right."""
    lines = [f"| {' | '.join(header)} |", "|---|" + "---:|" * (len(header) - 1)]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join(lines)


def report(name: str, record: dict[str, Any], sections: Sequence[str]) -> None:
    """Print the sections with the command, and write `out/<name>.json`."""
    arguments = [Path(sys.argv[0]).as_posix(), *sys.argv[1:]]
    command = shlex.join(["python", *arguments])
    here = machine()
    path = OUT / f"{name}.json"
    OUT.mkdir(exist_ok=True)
    text = json.dumps({"command": command, "machine": here, **record}, indent=2)
    path.write_text(text + "\n", encoding="utf-8")
    versions = ", ".join(f"{key} {value}" for key, value in here["versions"].items())
    print(f"`{command}`\n\n{here['processor']}, {THREADS} threads; {versions}; load {here['load']}")
    for section in sections:
        print(f"\n{section}")
    print(f"\nwritten to {path}")


def verdict(value: float, limit: float, *, at_least: bool = False) -> str:
    """Say whether a wish is met."""
    met = value >= limit if at_least else value <= limit
    return "met" if met else "MISSED"
