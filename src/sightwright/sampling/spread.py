"""A step's records over ranks and over micro-batches, so that all of them have alike much to do.

A record costs in two ways, tokens of the LLM and work of the vision encoder, which run one after
the other: both have to be even. The sum of the squares of all loads says how uneven they are: it is
least where they are equal. Everything is counted in whole numbers, because a step must come out the
same on every rank, whatever its processor adds up first.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightwright.sampling.bins import fill
from sightwright.sampling.measures import Ints

_WHOLE = 2**20
_NEVER = 2**62
# More of them gain next to nothing, and cost time with hundreds of records.
_NUM_PARTNERS = 8


class Room(NamedTuple):
    """The tokens of each record, and the most that a place takes."""

    tokens: Ints
    budget: int


def costs(tokens: Ints, vision: Ints) -> Ints:
    """[records, 2]: tokens and vision work as shares of the step's, in parts of 2^20."""
    both = np.stack([tokens, vision], axis=1)
    return both * _WHOLE // np.maximum(both.sum(axis=0), 1)


def over_ranks(costs_: Ints, num_ranks: int) -> Ints:
    """The rank of each record; see `settled`."""
    dealt = _dealt(costs_, num_ranks)
    assert dealt is not None, "only a budget leaves a record without a place"
    return settled(costs_, dealt, num_ranks)


def filled(costs_: Ints, room: Room) -> Ints:
    """The micro-batch of each record, as few as the budget allows."""
    return fill(room.tokens, costs_[:, 1], room.budget)


def evened(costs_: Ints, room: Room, batches: Ints, number: int) -> Ints:
    """The same micro-batches, or more of them, with even costs. None is empty unless there are
    fewer records.

    Args:
        batches: of each record, within the budget.
        number: of micro-batches there shall be.
    """
    if number == 1:
        return batches
    dealt = _dealt(costs_, number, room)
    return settled(costs_, batches if dealt is None else dealt, number, room)


def _dealt(costs_: Ints, number: int, room: Room | None = None) -> Ints | None:
    """The costliest first, each to the place where it adds least to the squares; None where there
    is no room for one in the end."""
    places = np.zeros(len(costs_), dtype=np.int64)
    loads = np.zeros((number, costs_.shape[1]), dtype=np.int64)
    held = np.zeros(number, dtype=np.int64)
    for record in np.argsort(-costs_.sum(axis=1), kind="stable").tolist():
        growth = loads @ costs_[record]
        if room is not None:
            growth[held + room.tokens[record] > room.budget] = _NEVER
        places[record] = chosen = int(growth.argmin())
        if growth[chosen] == _NEVER:
            return None
        loads[chosen] += costs_[record]
        if room is not None:
            held[chosen] += room.tokens[record]
    return places


def settled(costs_: Ints, places: Ints, num_places: int, room: Room | None = None) -> Ints:
    """Records of the fullest place moved, or exchanged with those of emptier ones, as long as that
    makes the loads more even.

    Returns:
        [records]: none of the fullest place could move to one with room for it and make them more
        even. So, where all costs lie in one direction, the fullest has at most one of its records
        more than any other with room.
    """
    state = _Places(costs_, places.copy(), num_places, room)
    while state.move() or state.exchange():
        pass
    return state.places


class _Places:
    """Who is where, and what that adds up to."""

    def __init__(self, costs_: Ints, places: Ints, number: int, room: Room | None) -> None:
        self.places = places
        self._costs = costs_
        self._room = room
        self._loads = np.zeros((number, costs_.shape[1]), dtype=np.int64)
        np.add.at(self._loads, places, costs_)
        self._held = np.zeros(number, dtype=np.int64)
        if room is not None:
            np.add.at(self._held, places, room.tokens)

    def move(self) -> bool:
        """The one move out of the fullest place that gains most; False where none gains."""
        fullest = self._by_load()[-1]
        inside = np.flatnonzero(self.places == fullest)
        # Half of what the squares grow by: x·(there - here + x).
        growth = self._costs[inside] @ (self._loads - self._loads[fullest]).T
        growth += (self._costs[inside] ** 2).sum(axis=1)[:, None]
        growth[:, fullest] = 0
        if self._room is not None:
            free = self._room.budget - self._held
            growth[self._room.tokens[inside][:, None] > free] = 0
        record, place = divmod(int(growth.argmin()), growth.shape[1])
        if growth[record, place] >= 0:
            return False
        self._put(int(inside[record]), place)
        return True

    def exchange(self) -> bool:
        """The one exchange of the fullest place with an emptier one that gains most; False where
        none gains, or too little is to be gained."""
        *others, fullest = self._by_load()
        if self._is_even(fullest):
            return False
        inside = np.flatnonzero(self.places == fullest)
        outside = np.flatnonzero(np.isin(self.places, others[:_NUM_PARTNERS]))
        if not len(outside):
            return False
        more = self._costs[outside] - self._costs[inside][:, None]
        apart = self._loads[fullest] - self._loads[self.places[outside]]
        growth = (more * (apart + more)).sum(axis=2)
        if self._room is not None:
            growth[~self._fits(inside, outside, fullest)] = 0
        one, other = divmod(int(growth.argmin()), growth.shape[1])
        if growth[one, other] >= 0:
            return False
        theirs = int(self.places[outside[other]])
        self._put(int(inside[one]), theirs)
        self._put(int(outside[other]), fullest)
        return True

    def _is_even(self, fullest: int) -> bool:
        """Whether the fullest has no more than about a hundredth over the average: of the squares,
        64 parts in 65."""
        total = self._loads.sum(axis=0)
        squares = int((self._loads[fullest] ** 2).sum())
        return 64 * squares * len(self._loads) ** 2 <= 65 * int((total**2).sum())

    def _by_load(self) -> list[int]:
        """The emptiest first."""
        return np.argsort((self._loads**2).sum(axis=1), kind="stable").tolist()

    def _fits(self, inside: Ints, outside: Ints, fullest: int) -> NDArray[np.bool_]:
        assert self._room is not None
        tokens, budget = self._room
        more = tokens[outside] - tokens[inside][:, None]
        theirs = self._held[self.places[outside]]
        return (self._held[fullest] + more <= budget) & (theirs - more <= budget)

    def _put(self, record: int, place: int) -> None:
        here = self.places[record]
        self._loads[here] -= self._costs[record]
        self._loads[place] += self._costs[record]
        if self._room is not None:
            self._held[here] -= self._room.tokens[record]
            self._held[place] += self._room.tokens[record]
        self.places[record] = place
