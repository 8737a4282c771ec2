"""How fast a run is: tokens, operations and seconds between two lines of the log.

    speed = Speed()
    speed.start()
    with speed.waiting():      # for the loader
        batch = next(batches)
    speed.count(...)
    with speed.paused():       # an evaluation, a checkpoint
        ...
    speed.counts(), speed.seconds()

Steps are timed from one line to the next, and not one by one: a device works on behind the program,
which waits for it only where a line of the log needs a value.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass


@dataclass
class Counts:
    """What one process has done since the last line.

    Attributes:
        tokens, answer_tokens: of the samples that count; padding is none of them.
        operations: see `flops`.
        waited: seconds spent waiting for the loader.
    """

    tokens: float = 0.0
    answer_tokens: float = 0.0
    operations: float = 0.0
    waited: float = 0.0


class Speed:
    """See the module."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin anew: at the start of a run, and after each line of the log."""
        self._counts = Counts()
        self._paused = 0.0
        self._started = time.perf_counter()

    def count(self, tokens: int, answer_tokens: int, operations: float) -> None:
        self._counts.tokens += tokens
        self._counts.answer_tokens += answer_tokens
        self._counts.operations += operations

    @contextmanager
    def waiting(self) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._counts.waited += time.perf_counter() - started

    @contextmanager
    def paused(self) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._paused += time.perf_counter() - started

    def counts(self) -> tuple[float, ...]:
        """In the order of `Counts`, to be added up over the processes."""
        return astuple(self._counts)

    def seconds(self) -> float:
        return time.perf_counter() - self._started - self._paused


def speed_metrics(
    counts: Counts, seconds: float, num_processes: int, peak: float | None
) -> dict[str, float]:
    """What the log says.

    Args:
        counts: added up over the processes.
        peak: operations a second that one device is sold with; None leaves MFU out.
    """
    found = {
        "tokens_per_second": counts.tokens / seconds,
        "answer_tokens_per_second": counts.answer_tokens / seconds,
        "data_wait_share": counts.waited / (seconds * num_processes),
    }
    if peak is not None:
        found["mfu"] = counts.operations / (seconds * peak * num_processes)
    return found
