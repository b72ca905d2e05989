"""A job as a part of a study: its events go on under the name that the study has for it."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace
from pathlib import Path

from napari_unetpick.events import Done, Event, Failed, FoundCandidates, Message, Progress


def relay(events: Iterable[Event], name: str) -> Generator[Event, None, dict[str, str]]:
    """Pass a job's events on, but for candidates and Done; return what failed, by file name."""
    failed: dict[str, str] = {}
    for event in events:
        if isinstance(event, Failed):
            failed[Path(event.micrograph).name] = event.reason
            yield event
        elif isinstance(event, Progress):
            yield replace(event, stage=f"{name}: {event.stage}")
        elif isinstance(event, Message):
            yield replace(event, text=f"{name}: {event.text}")
        elif not isinstance(event, Done | FoundCandidates):
            yield event
    return failed
