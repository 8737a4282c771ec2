"""Records into the fewest micro-batches of a budget: best fit, longest first.

The records of one length are placed together. Of all bins that still take such a record, best fit
takes the fullest, and goes on with that one until it takes no more; so whole groups of equally full
bins are filled at once, and a million records need as many steps as there are distinct lengths and
fillings, not a million searches.
"""

from bisect import bisect_left, insort

import numpy as np

from sightwright.sampling.measures import Ints

_MOST_16 = 2**16 - 1


def fill(tokens: Ints, vision: Ints, budget: int) -> Ints:
    """The bin of each record, numbered from 0; no bin holds more than `budget` tokens.

    Which of the equally long records goes into which of the equally full bins is free: the one
    with the most work for the vision encoder goes into the bin that has the least of it.

    Args:
        tokens: [records], each from 1 to `budget`.
        vision: [records], work of the vision encoder in any unit.
    """
    assert not len(tokens) or (tokens.min() > 0 and tokens.max() <= budget)
    order = _longest_first(tokens, vision)
    bins = _Bins(budget, vision[order])
    counts = np.bincount(tokens)
    for length in np.flatnonzero(counts)[::-1].tolist():
        bins.place(length, int(counts[length]))
    placed = np.empty(len(tokens), dtype=np.int64)
    placed[order] = bins.placed
    return placed


def _longest_first(tokens: Ints, vision: Ints) -> Ints:
    """By falling length, and among equals by falling work as far as 16 bits tell it apart: numbers
    of so many bits numpy sorts in one pass."""
    most = max(int(vision.max(initial=0)), 1)
    by_work = np.argsort(((most - vision) * _MOST_16 // most).astype(np.uint16), kind="stable")
    shortness = int(tokens.max(initial=0)) - tokens[by_work]
    if shortness.max(initial=0) <= _MOST_16:
        shortness = shortness.astype(np.uint16)
    return by_work[np.argsort(shortness, kind="stable")]


class _Bins:
    """Bins by the room that is left in them.

    Attributes:
        placed: the bin of each record so far, in the order they came.
    """

    def __init__(self, budget: int, vision: Ints) -> None:
        self._budget = budget
        self._vision = vision
        self._work: list[int] = []
        self._rooms: list[int] = []
        self._by_room: dict[int, list[int]] = {}
        self.placed: list[int] = []

    def place(self, length: int, count: int) -> None:
        """Place the next `count` records, all of this length."""
        while count:
            room, bins = self._fullest(length, count)
            each = room // length
            full = min(len(bins), count // each)
            if full < len(bins):
                bins, rest = self._least_worked(bins, full + (count % each > 0))
                self._keep(room, rest)
            elif len(bins) > 1:
                bins, _ = self._least_worked(bins, len(bins))
            self._put(bins[:full], each)
            self._keep(room - each * length, bins[:full])
            count -= full * each
            if len(bins) > full:
                self._put(bins[full:], count)
                self._keep(room - count * length, bins[full:])
                count = 0

    def _fullest(self, length: int, count: int) -> tuple[int, list[int]]:
        """Takes out the bins with the least room that takes a record, new ones where none does."""
        at = bisect_left(self._rooms, length)
        if at < len(self._rooms):
            room = self._rooms.pop(at)
            return room, self._by_room.pop(room)
        first, number = len(self._work), -(-count // (self._budget // length))
        self._work += [0] * number
        return self._budget, list(range(first, first + number))

    def _least_worked(self, bins: list[int], number: int) -> tuple[list[int], list[int]]:
        ordered = sorted(bins, key=self._work.__getitem__)
        return ordered[:number], ordered[number:]

    def _put(self, bins: list[int], each: int) -> None:
        """So many records into each bin, there and back again: the first gets the most work, then
        the least."""
        start, number = len(self.placed), each * len(bins)
        if number == 1:  # Of a few records nearly always.
            self._work[bins[0]] += int(self._vision[start])
            self.placed.append(bins[0])
            return
        work = self._vision[start : start + number].reshape(each, len(bins))
        more = work[::2].sum(axis=0) + work[1::2, ::-1].sum(axis=0)
        for bin_, added in zip(bins, more.tolist(), strict=True):
            self._work[bin_] += added
        self.placed += ((bins + bins[::-1]) * (each // 2 + 1))[:number]

    def _keep(self, room: int, bins: list[int]) -> None:
        if not room or not bins:
            return
        if room not in self._by_room:
            insort(self._rooms, room)
            self._by_room[room] = []
        self._by_room[room] += bins
