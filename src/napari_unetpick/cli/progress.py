"""How the terminal shows a job: progress bar, messages and Ctrl-C."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType

from napari_unetpick.errors import Cancelled
from napari_unetpick.events import Done, Event, Failed, Message, Metrics, Progress

BAR = 24
EVERY = 0.2  # seconds between redraws of the bar
EVERY_LINE = 15.0  # seconds between lines where stderr is not a terminal


class StopSwitch:
    """Turns Ctrl-C into a clean stop between two steps; a second Ctrl-C stops at once."""

    def __init__(self, advice: str) -> None:
        self.pressed = False
        self.advice = advice

    def __enter__(self) -> StopSwitch:
        """Take over Ctrl-C."""
        self._before = signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def check(self) -> None:
        """Raise `Cancelled` if Ctrl-C was pressed."""
        if self.pressed:
            raise Cancelled(f"cancelled; {self.advice}")

    def _press(self, *_: int | FrameType | None) -> None:
        if self.pressed:
            raise KeyboardInterrupt
        self.pressed = True
        print("\nstopping after this step (Ctrl-C again stops at once)", file=sys.stderr)


class Terminal:
    """Prints events to stderr, so that stdout stays for results."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self.last = -1e9
        self.open_line = False

    def show(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Progress):
            self._bar(event)
        elif isinstance(event, Message):
            self._line(f"warning: {event.text}" if event.level == "warning" else event.text)
        elif isinstance(event, Failed):
            self._line(f"skipped: {event.reason}")
        elif isinstance(event, Metrics) and self.live and "validation_f1" in event.values:
            self._line(f"epoch {event.epoch}: validation F1 {event.values['validation_f1']:.3f}")

    def close(self) -> None:
        """End the bar's line."""
        if self.open_line:
            print(file=sys.stderr)
            self.open_line = False

    def _line(self, text: str) -> None:
        if self.open_line:
            print("\r\033[K", end="", file=sys.stderr)
            self.open_line = False
        print(text, file=sys.stderr, flush=True)

    def _bar(self, event: Progress) -> None:
        now = time.monotonic()
        finished = event.step >= event.total
        if now - self.last < (EVERY if self.live else EVERY_LINE) and not finished:
            return
        self.last = now
        left = (
            "" if event.seconds_left is None or finished else f", {clock(event.seconds_left)} left"
        )
        text = f"{event.step:,}/{event.total:,}{left}"
        if not self.live:
            print(f"{event.stage}: {text}", file=sys.stderr, flush=True)
            return
        filled = round(BAR * event.step / max(event.total, 1))
        bar = "█" * filled + "░" * (BAR - filled)
        print(f"\r\033[K{event.stage} {bar} {text}", end="", file=sys.stderr, flush=True)
        self.open_line = True
        if finished:
            self.close()


def clock(seconds: float) -> str:
    """Write seconds as 0:07, 12:30 or 3:02:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def run_job(events: Iterator[Event]) -> Done:
    """Show a job's events until it is done."""
    terminal = Terminal()
    last = Done()
    try:
        for event in events:
            terminal.show(event)
            if isinstance(event, Done):
                last = event
    finally:
        terminal.close()
    return last


def run_stoppable(
    make: Callable[[Callable[[], None]], Iterator[Event]], advice: str = "run the command again"
) -> Done:
    """Run a job made from a stop check, which Ctrl-C triggers; `advice` says how to resume."""
    with StopSwitch(advice) as switch:
        return run_job(make(switch.check))
