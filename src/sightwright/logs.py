"""How a command talks: a console for people, one logger, and progress that fits where it lands.

A library never configures logging; only the command line calls `configure`.
"""

import logging
import os
import sys
import time
from collections.abc import Generator, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")

_SECONDS_BETWEEN_LINES = 5.0


def get_logger(name: str) -> logging.Logger:
    return logging.getLogger(name)


def configure(verbose: bool = False) -> None:
    """Send this package's records to stderr, one line each.

    Args:
        verbose: let transformers, too, tell which files it loads and what it runs.
    """
    if verbose:
        # Read when it is imported, which must not happen here.
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "info")
    logger = logging.getLogger("sightwright")
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    if not logger.handlers:
        handler = _CurrentStderr()
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        logger.addHandler(handler)


class _CurrentStderr(logging.Handler):
    """Writes to whatever stderr is when a record comes, as `print` does."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr)


def console(*, stderr: bool = False) -> "Console":
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


class Bar(Protocol):
    """A count with a rate: drawn on a terminal, written as plain lines elsewhere."""

    def advance(self, count: int = 1, note: str = "") -> None: ...


def progress(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield `items` while showing how many are done, how fast, and how long it will take."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with progress_bar(description, total) as bar:
        for item in items:
            yield item
            bar.advance()


@contextmanager
def progress_bar(description: str, total: int | None) -> Generator[Bar]:
    """A bar to advance by hand, for work whose parts finish out of order."""
    if not sys.stderr.isatty():
        plain = _PlainBar(description, total)
        yield plain
        plain.finish()
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console(stderr=True)) as display:
        task = display.add_task(description, total=total, rate="", note="")
        started = time.monotonic()

        class _TerminalBar:
            done = 0

            def advance(self, count: int = 1, note: str = "") -> None:
                self.done += count
                rate = _rate(self.done, time.monotonic() - started)
                display.update(task, advance=count, rate=rate, note=note)

        yield _TerminalBar()


class _PlainBar:
    """One line every few seconds, so that a log file stays readable; silent on short work."""

    def __init__(self, description: str, total: int | None) -> None:
        self._description = description
        self._total = total
        self._done = 0
        self._started = self._last_line = time.monotonic()
        self._spoke = False

    def advance(self, count: int = 1, note: str = "") -> None:
        self._done += count
        if time.monotonic() - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._line(note)

    def finish(self) -> None:
        if self._spoke:
            self._line("")

    def _line(self, note: str) -> None:
        now = time.monotonic()
        self._last_line, self._spoke = now, True
        elapsed = now - self._started
        of_total = f"/{self._total}" if self._total is not None else ""
        left = ""
        if self._total and 0 < self._done < self._total:
            left = f", {elapsed * (self._total - self._done) / self._done:.0f} s left"
        rate = _rate(self._done, elapsed)
        line = f"{self._description}: {self._done}{of_total}, {rate}{left} {note}"
        print(line.rstrip(), file=sys.stderr, flush=True)


def _rate(done: int, elapsed_seconds: float) -> str:
    if elapsed_seconds <= 0:
        return ""
    per_second = done / elapsed_seconds
    return f"{per_second:.1f}/s" if per_second >= 1 or not done else f"{1 / per_second:.1f} s each"
