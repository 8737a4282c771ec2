import math

import pytest

from sightwright.metrics.shares import Share
from sightwright.metrics.verdict import VerdictMark, summarise

RIGHT_PASS, RIGHT_FAIL = VerdictMark(True, True), VerdictMark(False, False)
FALSE_PASS, FALSE_FAIL = VerdictMark(False, True), VerdictMark(True, False)
NONE_OF_PASS, NONE_OF_FAIL = VerdictMark(True, None), VerdictMark(False, None, cut=True)


def test_the_two_ways_to_be_wrong_each_of_its_own_groups() -> None:
    scores = summarise([RIGHT_PASS] * 5 + [RIGHT_FAIL] * 2 + [FALSE_PASS] * 2 + [FALSE_FAIL])
    assert scores.accuracy == Share(7, 10)
    assert scores.false_pass == Share(2, 4)
    assert scores.false_fail == Share(1, 6)
    assert (scores.invalid, scores.cut) == (Share(0, 10), 0)


def test_no_verdict_counts_against_the_model_by_the_truth() -> None:
    scores = summarise([RIGHT_PASS, RIGHT_FAIL, NONE_OF_PASS, NONE_OF_FAIL])
    assert scores.accuracy == Share(2, 4)
    assert scores.false_pass == Share(1, 2)
    assert scores.false_fail == Share(1, 2)
    assert (scores.invalid, scores.cut) == (Share(2, 4), 1)


def test_every_wrong_answer_is_one_of_the_two() -> None:
    every = [RIGHT_PASS, RIGHT_FAIL, FALSE_PASS, FALSE_FAIL, NONE_OF_PASS, NONE_OF_FAIL]
    for mark in every:
        assert mark.exact + mark.false_pass + mark.false_fail == 1


def test_intervals_hold_the_score_and_are_numbers() -> None:
    marks = [RIGHT_PASS] * 30 + [FALSE_PASS, RIGHT_FAIL]
    scores = summarise(marks, seed=3)
    assert set(scores.intervals) == {"accuracy", "false_pass", "false_fail"}
    for name, interval in scores.intervals.items():
        value = getattr(scores, name).value
        assert 0 <= interval.low <= value <= interval.high <= 1
        assert not math.isnan(interval.low + interval.high)
    assert scores.intervals == summarise(marks, seed=3).intervals


def test_a_rate_of_no_groups_has_no_value() -> None:
    scores = summarise([RIGHT_PASS, FALSE_FAIL])
    assert scores.false_pass == Share(0, 0) and scores.false_pass.value is None
    assert set(scores.intervals) == {"accuracy", "false_fail"}
    assert summarise([RIGHT_PASS], bootstrap_samples=0).intervals == {}
    with pytest.raises(ValueError, match="no verdicts"):
        summarise([])
