"""One thread for the engine, so that the event loop never waits for a model."""

import asyncio
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

    A caller that is cancelled while it waits (its time is up) gives its place back; work that has
    begun runs to its end, since a forward pass cannot be broken off.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine")

    async def run(self, work: Callable[[], T]) -> Worked[T]:
        submitted = time.monotonic()

        def timed() -> Worked[T]:
            started = time.monotonic()
            result = work()
            return Worked(result, started - submitted, time.monotonic() - started)

        return await asyncio.wrap_future(self._executor.submit(timed))

    def close(self) -> None:
        """Let the work in hand end; what has not begun is dropped."""
        self._executor.shutdown(wait=True, cancel_futures=True)
