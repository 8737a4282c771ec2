"""One thread for the engine, so that the event loop never waits for a model."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Worked(Generic[T]):
    """What the work gave, how long it waited for its turn, and how long it took."""

    result: T
    queue_seconds: float
    work_seconds: float


class Worker:
    """Does one piece of work at a time, in the order given.

    A caller that is cancelled (its client left, its time is up) gives its place back while it
    waits; work that has begun is told by the event it was given, and ends when it next looks.
    """

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, work: Callable[[threading.Event], T]) -> Worked[T]:
        """Have `work` done in its turn; it is given the event that says to stop."""
        cancelled = threading.Event()
        submitted = time.monotonic()

        def timed() -> Worked[T]:
            started = time.monotonic()
            result = work(cancelled)
            return Worked(result, started - submitted, time.monotonic() - started)

        try:
            return await asyncio.wrap_future(self._executor.submit(timed))
        except asyncio.CancelledError:
            cancelled.set()
            raise

    def close(self) -> None:
        """Let the work in hand end; what has not begun is dropped."""
        self._executor.shutdown(wait=True, cancel_futures=True)
