"""Pairs of equal or nearly equal fingerprints among any number, without comparing all with all."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.uint8]
Pairs = npt.NDArray[np.int64]
"""Of indices, the smaller one first: shape (number of pairs, 2)."""

# Of those with the same part, each is compared with so many that follow it: a crowd of pages that
# look alike costs no more than any other.
_NEIGHBOURS = 16
# Coprime to every number of bits: neighbouring frequencies go to different parts.
_STRIDES = (37, 101)


def near_pairs(rows: Rows, most_bits: int, part_bits: int) -> Pairs:
    """Pairs of rows that differ in at most `most_bits` bits.

    The bits are cut into parts of `part_bits`, in two different orders; rows that agree in a whole
    part are compared. With 256 bits, 16 parts of 32 and 10 bits that differ, some part agrees in
    99 of 100 pairs; with 16, in 88. The time grows as sorting does.

    Args:
        rows: shape (N, bytes).
    """
    found = [_no_pairs()]
    for part in _parts(rows, part_bits):
        order = np.argsort(part, kind="stable")
        for first, second in _neighbours(part[order], order):
            differing = np.bitwise_count(rows[first] ^ rows[second]).sum(axis=1, dtype=np.int64)
            near = differing <= most_bits
            found.append(np.stack([first[near], second[near]], axis=1))
    return _unique(np.concatenate(found))


def equal_pairs(rows: Rows) -> Pairs:
    """For each group of equal rows, a chain of pairs that joins them."""
    if not len(rows):
        return _no_pairs()
    keys = np.ascontiguousarray(rows).view(np.dtype((np.void, rows.shape[1]))).ravel()
    order = np.argsort(keys, kind="stable")
    same = keys[order[1:]] == keys[order[:-1]]
    return _unique(np.stack([order[:-1][same], order[1:][same]], axis=1))


def groups(count: int, pairs: Pairs) -> npt.NDArray[np.int64]:
    """For each index its group, named by its smallest member; alone, by itself."""
    above = list(range(count))

    def smallest(index: int) -> int:
        while above[index] != index:
            # Half of the way up is cut off for whoever comes next.
            above[index] = above[above[index]]
            index = above[index]
        return index

    links: list[list[int]] = pairs.tolist()
    for first, second in links:
        low, high = sorted((smallest(first), smallest(second)))
        above[high] = low
    return np.array([smallest(index) for index in range(count)], dtype=np.int64)


def _parts(rows: Rows, part_bits: int) -> Iterator[npt.NDArray[np.uint64]]:
    bits = np.unpackbits(rows, axis=1)
    num_bits = bits.shape[1]
    for stride in _STRIDES:
        shuffled = bits[:, np.arange(num_bits) * stride % num_bits]
        for start in range(0, num_bits - part_bits + 1, part_bits):
            packed = np.packbits(shuffled[:, start : start + part_bits], axis=1)
            whole = np.zeros((len(rows), 8), dtype=np.uint8)
            whole[:, : packed.shape[1]] = packed
            yield whole.view(np.uint64).ravel()


def _neighbours(part: npt.NDArray[np.uint64], order: npt.NDArray[np.int64]) -> Iterator[Pairs]:
    for shift in range(1, _NEIGHBOURS + 1):
        same = part[shift:] == part[:-shift]
        if not same.any():
            return
        yield np.stack([order[:-shift][same], order[shift:][same]])


def _no_pairs() -> Pairs:
    return np.zeros((0, 2), dtype=np.int64)


def _unique(pairs: Pairs) -> Pairs:
    if not len(pairs):
        return _no_pairs()
    # As one number each: numpy sorts numbers a hundred times as fast as rows.
    span = int(pairs.max()) + 1
    keys = np.unique(pairs.min(axis=1) * span + pairs.max(axis=1))
    return np.stack(np.divmod(keys, span), axis=1)
