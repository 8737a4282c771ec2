"""Tokens, operations and waiting, between two lines of the log."""

import time

import pytest

from sightwright.train.speed import Counts, Speed, speed_metrics


def test_what_a_line_says_by_hand() -> None:
    counts = Counts(tokens=8000, answer_tokens=1000, operations=6e15, waited=1.0)
    assert speed_metrics(counts, seconds=4.0, num_processes=2, peak=1e15) == {
        "tokens_per_second": 2000,
        "answer_tokens_per_second": 250,
        # Two processes waited one second in all, of four each.
        "data_wait_share": 1 / 8,
        # 6e15 operations in four seconds, of two devices that do 1e15 a second.
        "mfu": 0.75,
    }
    assert "mfu" not in speed_metrics(counts, 4.0, 2, peak=None)


def test_evaluations_and_checkpoints_are_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    speed = Speed()
    with speed.waiting():
        now[0] += 1
    speed.count(tokens=10, answer_tokens=4, operations=5.0)
    now[0] += 2
    with speed.paused():
        now[0] += 30
    speed.count(tokens=10, answer_tokens=4, operations=5.0)
    assert speed.seconds() == 3
    assert Counts(*speed.counts()) == Counts(20, 8, 10.0, waited=1.0)
    speed.start()
    now[0] += 5
    assert (speed.seconds(), Counts(*speed.counts())) == (5, Counts())
