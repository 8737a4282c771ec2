import ctypes
import os
import re
import signal
import time
from collections.abc import Callable

import pytest

from sightwright.errors import SightwrightError
from sightwright.ingest.workers import Done, Limits, Lost, Progress, Tell, run_jobs

QUICK = Limits(job_seconds=60, silence_seconds=60)


def square(number: int, tell: Tell) -> int:
    tell(1, 1)
    return number * number


def die_at_odd(number: int, tell: Tell) -> int:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 3:
        os._exit(7)
    return number


def hang_at_odd(number: int, tell: Tell) -> int:
    tell(0, 1)
    if number % 2:
        time.sleep(600)
    return number


def talk_for_ever(number: int, tell: Tell) -> int:
    while True:
        tell(1, 2)
        time.sleep(0.05)


def take_memory(megabytes: int, tell: Tell) -> int:
    return len(bytearray(megabytes * 1024**2)) // 1024**2


def misbehave(how: str, tell: Tell) -> str:
    match how:
        case "segfault":
            ctypes.string_at(0)
        case "abort":
            os.abort()
        case "loop in C":
            # A regular expression that backtracks for ages and never looks up.
            re.fullmatch(r"(a+)+", "a" * 60 + "b")
        case "eat":
            hoard: list[bytearray] = []
            while True:
                hoard.append(bytearray(16 * 1024**2))
        case _:
            pass
    return how


class _DiesWhenRead:
    """Ends the process that unpickles it."""

    def __reduce__(self) -> tuple[Callable[[int], None], tuple[int]]:
        return os._exit, (3,)

    def __call__(self, job: int, tell: Tell) -> int:
        return job


def test_every_job_is_done_and_signs_of_life_come_through() -> None:
    events = list(run_jobs(square, [1, 2, 3], num_workers=2, limits=QUICK))
    done = {event.job: event.result for event in events if isinstance(event, Done)}
    told = {event.job for event in events if isinstance(event, Progress)}
    assert done == {1: 1, 2: 4, 3: 9}
    assert told == {1, 2, 3}


def test_a_crash_costs_its_own_job_alone() -> None:
    events = list(run_jobs(die_at_odd, range(5), num_workers=2, limits=QUICK))
    lost = {event.job: event for event in events if isinstance(event, Lost)}
    assert {job: event.status for job, event in lost.items()} == {1: "crashed", 3: "crashed"}
    assert "killed by SIGKILL" in lost[1].why
    assert "exit code 7" in lost[3].why
    assert sorted(event.result for event in events if isinstance(event, Done)) == [0, 2, 4]


def test_a_hung_job_is_ended_and_the_others_are_done() -> None:
    limits = Limits(job_seconds=60, silence_seconds=0.5)
    events = list(run_jobs(hang_at_odd, [0, 1, 2], num_workers=1, limits=limits))
    lost = [event for event in events if isinstance(event, Lost)]
    assert [(event.job, event.status) for event in lost] == [(1, "timed-out")]
    assert "no sign of life for 0.5 s" in lost[0].why
    assert sorted(event.result for event in events if isinstance(event, Done)) == [0, 2]


def test_a_job_that_never_ends_is_ended() -> None:
    limits = Limits(job_seconds=0.5, silence_seconds=60)
    last = list(run_jobs(talk_for_ever, [0], num_workers=1, limits=limits))[-1]
    assert last == Lost(0, "timed-out", "not done after 0.5 s")


def test_a_worker_may_not_take_all_the_memory() -> None:
    limits = Limits(memory_bytes=1024**3)
    events = list(run_jobs(take_memory, [10, 1024, 20], num_workers=1, limits=limits))
    assert [event for event in events if isinstance(event, Lost)] == [
        Lost(1024, "out-of-memory", "it needs over 1 GiB of memory")
    ]
    assert [event.result for event in events if isinstance(event, Done)] == [10, 20]


def test_whatever_one_job_does_the_others_are_done() -> None:
    limits = Limits(job_seconds=3, silence_seconds=3, memory_bytes=1024**3)
    jobs = ["one", "segfault", "two", "abort", "eat", "loop in C", "three"]
    events = list(run_jobs(misbehave, jobs, num_workers=1, limits=limits))
    lost = {event.job: (event.status, event.why) for event in events if isinstance(event, Lost)}
    assert lost == {
        "segfault": ("crashed", "its process was killed by SIGSEGV"),
        "abort": (
            "crashed",
            "its process was killed by SIGABRT; it may need over 1 GiB of memory",
        ),
        "eat": ("out-of-memory", "it needs over 1 GiB of memory"),
        "loop in C": ("timed-out", "not done after 3 s"),
    }
    done = [event.result for event in events if isinstance(event, Done)]
    assert done == ["one", "two", "three"]


def test_workers_that_cannot_start_are_an_error_not_a_loop() -> None:
    with pytest.raises(SightwrightError, match=r"could not start: .*exit code 3"):
        list(run_jobs(_DiesWhenRead(), [1, 2, 3], num_workers=1, limits=QUICK))
