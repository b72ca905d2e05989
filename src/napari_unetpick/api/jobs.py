"""What the functions of the API share: what they take, and how a job is run to its end."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from napari_unetpick.events import Done, Event, Message
from napari_unetpick.io.formats.csv_picks import write_csv
from napari_unetpick.io.picks import Picks

StrPath = str | Path
Micrographs = StrPath | Sequence[StrPath]
"""A file, folder, glob or micrographs STAR, or several of them."""
PicksLike = StrPath | Mapping[str, Picks]
"""A pick file or folder, or picks by micrograph name (kept to 0.001 px, as in CSV)."""
OnEvent = Callable[[Event], None]
T = TypeVar("T")

log = logging.getLogger("napari_unetpick")


def listed(micrographs: Micrographs) -> list[str]:
    """Return what was given as a list of texts."""
    several = [micrographs] if isinstance(micrographs, str | Path) else micrographs
    return [str(each) for each in several]


@contextmanager
def as_file(picks: PicksLike) -> Iterator[Path]:
    """Give picks as a file, for as long as it is read."""
    if isinstance(picks, str | Path):
        yield Path(picks)
        return
    with tempfile.TemporaryDirectory(prefix="unetpick-") as folder:
        file = Path(folder) / "picks.csv"
        write_csv(file, picks.values())
        yield file


def run_job(
    events: Iterator[Event], on_event: OnEvent | None, messages: Sequence[str] = ()
) -> dict[str, Any]:
    """Run a job to its end and return its result."""
    for text in messages:
        tell(Message(text, "warning"), on_event)
    result: dict[str, Any] = {}
    for event in events:
        tell(event, on_event)
        if isinstance(event, Done):
            result = event.result
    return result


def result_of(events: Generator[Event, None, T], on_event: OnEvent | None) -> T:
    """Run a part of a job to its end and return what it returns."""
    while True:
        try:
            tell(next(events), on_event)
        except StopIteration as stop:
            result: T = stop.value
            return result


def tell(event: Event, on_event: OnEvent | None) -> None:
    """Log a message, and hand any event to who listens."""
    if isinstance(event, Message):
        log.log(logging.WARNING if event.level == "warning" else logging.INFO, event.text)
    if on_event is not None:
        on_event(event)
