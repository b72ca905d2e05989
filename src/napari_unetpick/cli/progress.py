"""How the terminal shows a job: progress bar, messages, and the signals that stop it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

from napari_unetpick.errors import Cancelled
from napari_unetpick.events import Done, Event, Failed, Message, Metrics, Progress

BAR = 24
EVERY = 0.2  # seconds between redraws of the bar
EVERY_LINE = 15.0  # seconds between lines where stderr is not a terminal
FIRST = 20.0  # seconds that the first process of several may take to say what is wrong

STOPS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Ctrl-C, what a queue or `kill` sends, and what a closed terminal does."""


@contextmanager
def signals_as_exits() -> Iterator[None]:
    """End on a signal as on Ctrl-C, temporary files removed, with the exit code of the signal."""

    def leave(number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        _say("unetpick: cancelled")
        raise SystemExit(128 + number)

    before = {
        each: signal.signal(each, leave)
        for each in STOPS
        if signal.getsignal(each) != signal.SIG_IGN
    }
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def let_first_say() -> None:
    """Wait where torchrun started several processes: the first of a machine says what is wrong.

    torchrun ends the others when it has. Where it does not, the error is this process's own.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("LOCAL_RANK", "0") != "0":
        time.sleep(FIRST)


class StopSwitch:
    """Turns Ctrl-C and `STOPS` into a clean stop between two steps; a second one stops at once.

    A signal that is ignored, as by `nohup`, stays so.
    """

    def __init__(self, advice: str) -> None:
        self.pressed: int | None = None
        self.advice = advice

    def __enter__(self) -> StopSwitch:
        """Take over the signals."""
        heard = [each for each in STOPS if signal.getsignal(each) != signal.SIG_IGN]
        self._before = {each: signal.signal(each, self._press) for each in heard}
        return self

    def __exit__(self, *_: object) -> None:
        for each, before in self._before.items():
            signal.signal(each, before)

    def check(self) -> None:
        """Raise `Cancelled` if there was a signal."""
        if self.pressed is not None:
            raise Cancelled(f"cancelled; {self.advice}")

    def _press(self, number: int, _: FrameType | None) -> None:
        if self.pressed is not None:
            raise KeyboardInterrupt
        self.pressed = number
        again = "Ctrl-C again" if number == signal.SIGINT else "the signal again"
        _say(f"\nstopping after this step ({again} stops at once)")


def _say(text: str) -> None:
    """Print a line; where the terminal is gone, nothing that follows may fail on it either."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nowhere, stream)


class Terminal:
    """Prints events to stderr, so that stdout stays for results; or news to another stream."""

    def __init__(self, news: TextIO | None = None) -> None:
        self.news = news or sys.stderr
        self.live = self.news.isatty()
        self.last = -1e9
        self.open_line = False
        self.said = ""

    def show(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Progress):
            self._bar(event)
        elif isinstance(event, Message):
            if event.level == "warning":
                self._line(f"warning: {event.text}", sys.stderr)
            else:
                self._line(event.text)
        elif isinstance(event, Failed):
            self._line(f"skipped: {event.reason}", sys.stderr)
        elif isinstance(event, Metrics) and self.live and "validation_f1" in event.values:
            self._line(f"epoch {event.epoch}: validation F1 {event.values['validation_f1']:.3f}")

    def close(self) -> None:
        """End the bar's line."""
        if self.open_line:
            print(file=self.news)
            self.open_line = False

    def _line(self, text: str, stream: TextIO | None = None) -> None:
        if self.open_line:
            print("\r\033[K", end="", file=self.news)
            self.open_line = False
        print(text, file=stream or self.news, flush=True)

    def _bar(self, event: Progress) -> None:
        now = time.monotonic()
        finished = event.step >= event.total and not event.note
        if now - self.last < (EVERY if self.live else EVERY_LINE) and not finished:
            return
        self.last = now
        left = (
            "" if event.seconds_left is None or finished else f", {clock(event.seconds_left)} left"
        )
        text = event.note or f"{event.step:,}/{event.total:,}{left}"
        if not self.live:
            if text != self.said:
                print(f"{event.stage}: {text}", file=self.news, flush=True)
            self.said = event.note
            return
        if event.note:
            print(f"\r\033[K{event.stage}: {text}", end="", file=self.news, flush=True)
            self.open_line = True
            return
        filled = round(BAR * event.step / max(event.total, 1))
        bar = "█" * filled + "░" * (BAR - filled)
        print(f"\r\033[K{event.stage} {bar} {text}", end="", file=self.news, flush=True)
        self.open_line = True
        if finished:
            self.close()


def clock(seconds: float) -> str:
    """Write seconds as 0:07, 12:30 or 3:02:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def run_job(events: Iterator[Event], news: TextIO | None = None) -> Done:
    """Show a job's events until it is done."""
    terminal = Terminal(news)
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
    make: Callable[[Callable[[], None]], Iterator[Event]],
    advice: str = "run the command again",
    news: TextIO | None = None,
) -> Done:
    """Run a job made from a stop check, which Ctrl-C triggers; `advice` says how to resume.

    Raises
    ------
    Cancelled
        There was a signal; the exit code is 128 and its number, as shells have it.
    """
    with StopSwitch(advice) as switch:
        try:
            return run_job(make(switch.check), news)
        except Cancelled as error:
            error.exit_code = 128 + (switch.pressed or signal.SIGINT)
            raise
