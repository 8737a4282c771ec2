"""Pairs found by parts of equal bits are those that comparing all with all finds."""

import numpy as np

from sightwright.doctor.matching import equal_pairs, groups, near_pairs


def flipped(row: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    bits = np.unpackbits(row)
    bits[rng.choice(len(bits), count, replace=False)] ^= 1
    return np.packbits(bits)


def test_copies_with_a_few_bits_flipped_are_found() -> None:
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 256, (400, 32), dtype=np.uint8)
    copies = np.array([flipped(row, 8, rng) for row in rows])
    pairs = near_pairs(np.concatenate([rows, copies]), 32, 32)
    wanted = {(i, 400 + i) for i in range(400)}
    found = {(int(a), int(b)) for a, b in pairs}
    assert found <= wanted
    # One in a hundred or so has a flipped bit in each of its 16 parts.
    assert len(found) >= 390


def test_what_differs_in_more_is_no_pair() -> None:
    rng = np.random.default_rng(2)
    row = rng.integers(0, 256, 32, dtype=np.uint8)
    rows = np.array([row, flipped(row, 33, rng), flipped(row, 3, rng)])
    assert near_pairs(rows, 32, 32).tolist() == [[0, 2]]


def test_a_crowd_of_equal_rows_is_joined_without_comparing_all_with_all() -> None:
    rows = np.zeros((5000, 32), dtype=np.uint8)
    pairs = near_pairs(rows, 32, 32)
    assert len(pairs) <= 16 * 5000
    assert not groups(5000, pairs).any()


def test_equal_rows_are_a_chain() -> None:
    rows = np.array([[1, 2], [3, 4], [1, 2], [1, 2]], dtype=np.uint8)
    assert equal_pairs(rows).tolist() == [[0, 2], [2, 3]]


def test_groups_go_by_their_smallest() -> None:
    pairs = np.array([[1, 4], [2, 4]])
    assert groups(6, pairs).tolist() == [0, 1, 1, 3, 1, 5]


def test_nothing_is_no_pair() -> None:
    none = np.zeros((0, 32), dtype=np.uint8)
    assert near_pairs(none, 32, 32).shape == (0, 2)
    assert equal_pairs(none).shape == (0, 2)
    assert groups(0, np.zeros((0, 2), dtype=np.int64)).tolist() == []
