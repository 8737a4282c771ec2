"""Records into bins of a budget, against best fit written down one record at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightwright.sampling.bins import fill

BUDGETS = st.integers(1, 60)


@st.composite
def records(draw: st.DrawFn) -> tuple[list[int], list[int], int]:
    budget = draw(BUDGETS)
    tokens = draw(st.lists(st.integers(1, budget), max_size=60))
    vision = draw(st.lists(st.integers(0, 9), min_size=len(tokens), max_size=len(tokens)))
    return tokens, vision, budget


def best_fit_decreasing(tokens: list[int], budget: int) -> list[int]:
    """What is in each bin."""
    held: list[int] = []
    for length in sorted(tokens, reverse=True):
        fitting = [number for number, inside in enumerate(held) if inside + length <= budget]
        if fitting:
            held[max(fitting, key=held.__getitem__)] += length
        else:
            held.append(length)
    return held


def filled(tokens: list[int], vision: list[int], budget: int) -> np.ndarray:
    return fill(np.array(tokens, np.int64), np.array(vision, np.int64), budget)


@given(records())
def test_the_bins_are_those_of_best_fit_decreasing(given: tuple[list[int], list[int], int]) -> None:
    tokens, vision, budget = given
    bins = filled(tokens, vision, budget)
    held = np.bincount(bins, tokens) if tokens else np.zeros(0)
    assert (held <= budget).all()
    assert sorted(held) == sorted(best_fit_decreasing(tokens, budget))


def test_worked_by_hand() -> None:
    # 7 and 6 open bins, 4 goes to the 6, 3 to the 7; 2 and 2 open a third.
    bins = filled([3, 7, 2, 4, 6, 2], [0] * 6, 10).tolist()
    assert [sorted(np.flatnonzero(np.array(bins) == each).tolist()) for each in range(3)] == [
        [0, 1], [3, 4], [2, 5],
    ]  # fmt: skip


def test_of_equal_lengths_the_most_work_goes_where_there_is_least() -> None:
    # Two bins with a long record each, which differ in work; two equal ones fill them up.
    bins = filled([7, 7, 3, 3], [9, 1, 8, 2], 10)
    assert np.bincount(bins, [9, 1, 8, 2]).tolist() == [11, 9]
    # Three in a bin go there and back again: 9 4 3, 8 5 2, 7 6 1 of nine equal ones.
    bins = filled([3] * 9, list(range(1, 10)), 10)
    assert sorted(np.bincount(bins, range(1, 10))) == [14, 15, 16]


@pytest.mark.parametrize("budget", [2**16 - 1, 2**16, 2**20])
def test_long_budgets(budget: int) -> None:
    rng = np.random.default_rng(0)
    tokens = rng.integers(1, budget + 1, 300).tolist()
    held = np.bincount(filled(tokens, [0] * 300, budget), tokens)
    assert sorted(held) == sorted(best_fit_decreasing(tokens, budget))


def test_nothing_and_what_does_not_fit() -> None:
    assert filled([], [], 5).tolist() == []
    with pytest.raises(AssertionError):
        filled([6], [0], 5)
