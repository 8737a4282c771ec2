"""Costs over places: even in both ways, and never over the budget."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sightwright.sampling.spread import Room, costs, evened, filled, over_ranks

COUNTS = st.integers(1, 40)
LISTS = st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50)), min_size=1, max_size=40)


def arrays(records: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    tokens, vision = np.array(records, dtype=np.int64).T
    return tokens, vision


def loads(values: np.ndarray, places: np.ndarray, number: int) -> np.ndarray:
    return np.bincount(places, values, minlength=number)


def test_shares_of_the_step() -> None:
    shares = costs(np.array([1, 3]), np.array([0, 0]))
    assert shares.tolist() == [[2**18, 0], [3 * 2**18, 0]]


@given(LISTS, st.integers(1, 9))
def test_text_alone_is_even_within_one_record(records: list[tuple[int, int]], ranks: int) -> None:
    tokens, _ = arrays(records)
    places = over_ranks(costs(tokens, np.zeros_like(tokens)), ranks)
    held = loads(tokens, places, ranks)
    # The fullest rank could not hand on even its smallest record and gain by it.
    smallest = tokens[places == held.argmax()].min()
    # A part in a million of the step is lost in whole numbers.
    assert held.max() - held.min() <= smallest + 1e-3


@given(LISTS, st.integers(1, 9))
def test_no_record_of_the_fullest_rank_is_better_elsewhere(
    records: list[tuple[int, int]], ranks: int
) -> None:
    shares = costs(*arrays(records))
    places = over_ranks(shares, ranks)
    held = np.stack([loads(share, places, ranks) for share in shares.T], axis=1)
    fullest = (held**2).sum(axis=1).argmax()
    for record in np.flatnonzero(places == fullest):
        for rank in range(ranks):
            moved = held.copy()
            moved[fullest] -= shares[record]
            moved[rank] += shares[record]
            assert (moved**2).sum() >= (held**2).sum() - 1


@given(LISTS, st.integers(50, 200), st.integers(0, 12))
def test_batches_are_within_the_budget_and_as_many_as_asked(
    records: list[tuple[int, int]], budget: int, asked: int
) -> None:
    tokens, vision = arrays(records)
    room, shares = Room(tokens, budget), costs(tokens, vision)
    fewest = filled(shares, room)
    number = max(int(fewest.max()) + 1, asked)
    batches = evened(shares, room, fewest, number)
    assert loads(tokens, batches, number).max() <= budget
    assert set(batches.tolist()) <= set(range(number))
    assert len(set(batches.tolist())) == min(number, len(records))


def test_images_are_spread_where_all_records_are_equally_long() -> None:
    tokens, vision = np.full(8, 10), np.array([80, 70, 60, 50, 0, 0, 0, 0])
    room, shares = Room(tokens, 40), costs(tokens, vision)
    batches = evened(shares, room, filled(shares, room), 2)
    assert loads(tokens, batches, 2).tolist() == [40, 40]
    # 80 + 50 and 70 + 60; filled up in order it would have been 260 and 0.
    assert loads(vision, batches, 2).tolist() == [130, 130]


def test_two_kinds_of_work_are_both_even() -> None:
    # Texts of 90 tokens, and pages of 30 with all the vision work: each rank one of each.
    tokens, vision = np.array([90, 90, 30, 30]), np.array([0, 0, 100, 100])
    places = over_ranks(costs(tokens, vision), 2)
    assert loads(tokens, places, 2).tolist() == [120, 120]
    assert loads(vision, places, 2).tolist() == [100, 100]


def test_pages_of_all_sorts_come_out_within_two_per_cent() -> None:
    rng = np.random.default_rng(5)
    patches = rng.integers(800, 5000, 128)
    tokens = patches // 4 + rng.integers(50, 900, 128)
    vision = patches + patches**2 // 7000
    places = over_ranks(costs(tokens, vision), 8)
    for values in (tokens, vision):
        held = loads(values, places, 8)
        assert held.max() <= 1.02 * held.mean()
