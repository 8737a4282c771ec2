"""A crew of processes for work that may crash, hang or eat all memory: pages of PDFs, images of
strangers. One job at a time each, watched from here.

A process pool cannot say which job killed a worker, nor end one that hangs inside C code; here a
dead worker costs its own job and nothing else, and a new one takes its place.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, Generic, Literal, TypeVar

from sightwright.errors import SightwrightError

J = TypeVar("J")
R = TypeVar("R")

Tell = Callable[[int, int], None]
"""Called by the work with (parts done, parts in all), as a sign of life."""

_SECONDS_TO_DIE = 10.0


@dataclass(frozen=True)
class Limits:
    """What one job may take.

    Attributes:
        job_seconds: for the whole job.
        silence_seconds: between two signs of life.
        memory_bytes: address space of a worker; an allocation beyond it fails.
    """

    job_seconds: float = 1800.0
    silence_seconds: float = 120.0
    memory_bytes: int = 4 * 1024**3


@dataclass(frozen=True)
class Progress(Generic[J]):
    job: J
    done: int
    total: int


@dataclass(frozen=True)
class Done(Generic[J, R]):
    job: J
    result: R


@dataclass(frozen=True)
class Lost(Generic[J]):
    """A job whose worker died, or was ended for taking too long or too much."""

    job: J
    status: Literal["crashed", "timed-out", "out-of-memory"]
    why: str


def run_jobs(
    work: Callable[[J, Tell], R], jobs: Iterable[J], *, num_workers: int, limits: Limits
) -> Iterator[Progress[J] | Done[J, R] | Lost[J]]:
    """Do every job in some worker; yields what happens, in the order in which it happens.

    Args:
        work: a module-level function; it, the jobs and the results travel between processes.

    Raises:
        SightwrightError: a worker dies before its first job, so that no worker would ever live.
    """
    crew: _Crew[J, R] = _Crew(work, iter(jobs), num_workers, limits)
    try:
        yield from crew.run()
    finally:
        crew.dismiss()


@dataclass
class _Worker(Generic[J]):
    process: SpawnProcess
    pipe: Connection
    job: J | None = None
    started: float = 0.0
    last_sign: float = 0.0


class _Crew(Generic[J, R]):
    def __init__(
        self,
        work: Callable[[J, Tell], R],
        jobs: Iterator[J],
        num_workers: int,
        limits: Limits,
    ) -> None:
        self._work, self._jobs, self._limits = work, jobs, limits
        # Spawned, not forked: a fork copies the threads' locks and pdfium's state.
        self._context: SpawnContext = multiprocessing.get_context("spawn")
        self._workers: list[_Worker[J]] = []
        self._waiting: list[J] = []
        for _ in range(num_workers):
            if not self._job_left():
                break
            self._hire()

    def run(self) -> Iterator[Progress[J] | Done[J, R] | Lost[J]]:
        while self._workers:
            by_pipe = {worker.pipe: worker for worker in self._workers}
            for pipe in wait(list(by_pipe), timeout=self._seconds_to_deadline()):
                assert isinstance(pipe, Connection)
                yield from self._hear(by_pipe[pipe])
            for worker in [w for w in self._workers if w.job is not None]:
                if why := self._overdue(worker):
                    yield self._lose(worker, "timed-out", why)

    def dismiss(self) -> None:
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.pipe.close()
        self._workers.clear()

    def _hear(self, worker: _Worker[J]) -> Iterator[Progress[J] | Done[J, R] | Lost[J]]:
        try:
            kind, content = worker.pipe.recv()
        except (EOFError, OSError):
            yield self._lose(worker, "crashed", self._how_it_died(worker))
            return
        worker.last_sign = time.monotonic()
        job = worker.job
        match kind:
            case "progress" if job is not None:
                yield Progress(job, *content)
            case "done" if job is not None:
                worker.job = None
                yield Done(job, content)
                self._give_job(worker)
            case "out-of-memory" if job is not None:
                yield self._lose(worker, "out-of-memory", f"it needs over {self._memory()}")
            case _:
                self._give_job(worker)

    def _memory(self) -> str:
        return f"{self._limits.memory_bytes / 1024**3:.3g} GiB of memory"

    def _give_job(self, worker: _Worker[J]) -> None:
        if not self._job_left():
            self._part_with(worker)
            return
        worker.job = self._waiting.pop()
        worker.started = worker.last_sign = time.monotonic()
        # A worker that died meanwhile is noticed, with its job, at the next wait.
        with suppress(BrokenPipeError):
            worker.pipe.send(worker.job)

    def _job_left(self) -> bool:
        if not self._waiting:
            self._waiting.extend(job for job in [next(self._jobs, None)] if job is not None)
        return bool(self._waiting)

    def _hire(self) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_work_in_a_process,
            args=(self._work, theirs, self._limits.memory_bytes, os.getpid()),
            daemon=True,
        )
        process.start()
        # Only the child holds its end now, so that its death closes the pipe.
        theirs.close()
        self._workers.append(_Worker(process, ours))

    def _part_with(self, worker: _Worker[J]) -> None:
        with suppress(BrokenPipeError):
            worker.pipe.send(None)
        worker.process.join(_SECONDS_TO_DIE)
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()
        self._workers.remove(worker)

    def _lose(
        self,
        worker: _Worker[J],
        status: Literal["crashed", "timed-out", "out-of-memory"],
        why: str,
    ) -> Lost[J]:
        job = worker.job
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()
        self._workers.remove(worker)
        if job is None:
            raise SightwrightError(
                f"a worker process could not start: {why}", remedy="see its traceback above"
            )
        if self._job_left():
            self._hire()
        return Lost(job, status, why)

    def _how_it_died(self, worker: _Worker[J]) -> str:
        worker.process.join(_SECONDS_TO_DIE)
        code = worker.process.exitcode
        if code is not None and code < 0:
            died = f"its process was killed by {signal.Signals(-code).name}"
            # How C and C++ end when they get no memory, among other reasons.
            starved = -code in (signal.SIGABRT, signal.SIGTRAP, signal.SIGILL)
            return f"{died}; it may need over {self._memory()}" if starved else died
        return f"its process ended with exit code {code}"

    def _overdue(self, worker: _Worker[J]) -> str | None:
        now = time.monotonic()
        if now - worker.started > self._limits.job_seconds:
            return f"not done after {self._limits.job_seconds:g} s"
        if now - worker.last_sign > self._limits.silence_seconds:
            return f"no sign of life for {self._limits.silence_seconds:g} s"
        return None

    def _seconds_to_deadline(self) -> float | None:
        deadlines = [
            min(
                worker.started + self._limits.job_seconds,
                worker.last_sign + self._limits.silence_seconds,
            )
            for worker in self._workers
            if worker.job is not None
        ]
        if not deadlines:
            return None
        return max(0.0, min(deadlines) - time.monotonic()) + 0.01


def _work_in_a_process(
    work: Callable[[Any, Tell], Any], pipe: Connection, memory_bytes: int, boss_pid: int
) -> None:
    # Ctrl-C reaches the whole terminal group; the boss decides what becomes of us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit_memory(memory_bytes)

    def tell(done: int, total: int) -> None:
        if os.getppid() != boss_pid:
            raise BrokenPipeError
        pipe.send(("progress", (done, total)))

    # The boss is gone: so is the reason to work.
    with suppress(BrokenPipeError, EOFError):
        pipe.send(("ready", None))
        while (job := pipe.recv()) is not None:
            try:
                result = work(job, tell)
            except MemoryError:
                pipe.send(("out-of-memory", None))
                return
            pipe.send(("done", result))


def limit_memory(memory_bytes: int) -> None:
    """Bound this process's address space, and leave no image of it behind after a crash."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        memory_bytes = min(memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, hard))
