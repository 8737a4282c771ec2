"""Micro-batches by a budget of tokens (`data.batching: {type: tokens, budget: N}`).

    plan = TokenPlan(num_records=1000, effective_batch_size=64, budget=16384, seed=17, num_steps=90,
                     measures=records.measures)
    plan.step(2).share(0, 8)  # those that rank 0 of 8 takes, each within the budget

A step's records are chosen first: the next 64 of the epoch's order, whatever they weigh. Then they
are given to ranks so that all have alike much to do, and each rank lays its own into micro-batches.
So what a step learns does not depend on the number of ranks, and no record waits for a better fit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightwright.sampling.measures import Ints, Measures, MeasuresOf
from sightwright.sampling.plan import Batch, RunPlan, Share, Strategy, epoch_order
from sightwright.sampling.spread import Room, costs, evened, filled, over_ranks

# A loader asks some steps ahead of the trainer; a step is some milliseconds of work.
_STEPS_KEPT = 64
_STEPS_LOOKED_AT = 200

Hand = NDArray[np.intp]
"""Records of a step, by their number in it."""


@dataclass(frozen=True, slots=True)
class TokenStep:
    """A step whose micro-batches depend on the ranks that share it (see `PlannedStep`).

    Attributes:
        records: of the step, in the epoch's order.
        tokens, vision: of each of them.
        budget: most tokens of a micro-batch.
    """

    records: Batch
    tokens: tuple[int, ...]
    vision: tuple[int, ...]
    budget: int
    epoch: int
    ends_epoch: bool
    epochs_done: float

    def share(self, rank: int, world_size: int) -> tuple[Share, ...]:
        """See `PlannedStep`; the largest micro-batch first, so that ranks compute those of like
        size at the same time, and the shortest record as a stand-in."""
        return _share(self, rank, world_size)


@dataclass(frozen=True, slots=True)
class TokenBatches:
    """What the YAML says of them.

    Attributes:
        budget: most tokens of a micro-batch.
        effective_batch_size: records of a step, over all ranks; None where the YAML leaves it to
            the micro-batches of a step and their records.
    """

    budget: int
    effective_batch_size: int | None = None


@dataclass(frozen=True, slots=True)
class EpochFill:
    """How full the micro-batches of an epoch are.

    Attributes:
        num_steps, of_steps: that were looked at, and that the epoch has.
        num_batches: micro-batches of these steps over all ranks, stand-ins included.
        num_records, num_tokens: of these steps.
    """

    num_steps: int
    of_steps: int
    num_batches: int
    num_records: int
    num_tokens: int
    budget: int

    @property
    def records_per_batch(self) -> float:
        return self.num_records / self.num_batches

    @property
    def tokens_per_batch(self) -> float:
        return self.num_tokens / self.num_batches

    @property
    def share(self) -> float:
        """Of the budget, on average."""
        return self.tokens_per_batch / self.budget

    @property
    def batches_per_step(self) -> float:
        return self.num_batches / self.num_steps

    def __str__(self) -> str:
        looked = "" if self.num_steps == self.of_steps else f", from {self.num_steps} of them"
        return (
            f"{self.of_steps:,} steps of {self.batches_per_step:.1f} micro-batches{looked}; a "
            f"micro-batch has {self.records_per_batch:.1f} samples and "
            f"{self.tokens_per_batch:,.0f} of {self.budget:,} tokens ({self.share:.0%})"
        )


@dataclass(frozen=True, slots=True)
class TokenPlan(RunPlan):
    """See the module.

    Attributes:
        effective_batch_size: records of a step, over all ranks.
        budget: most tokens of a micro-batch; no record of any epoch has more.
        strategy: the order of the records, anew in each epoch or as they stand.
    """

    num_records: int
    effective_batch_size: int
    budget: int
    seed: int
    num_steps: int
    measures: MeasuresOf
    strategy: Strategy = "random"

    @property
    def records_per_step(self) -> int:
        return self.effective_batch_size

    @property
    def records_per_epoch(self) -> int:
        return self.num_records

    def fill_of(self, epoch: int, world_size: int) -> EpochFill:
        """How an epoch's micro-batches come out, from its first to its last step: of a long one
        from steps evenly apart."""
        first = epoch * self.steps_per_epoch
        every = math.ceil(self.steps_per_epoch / _STEPS_LOOKED_AT)
        steps = [self.step(first + at) for at in range(0, self.steps_per_epoch, every)]
        return EpochFill(
            num_steps=len(steps),
            of_steps=self.steps_per_epoch,
            num_batches=sum(_dealt(step, world_size).number * world_size for step in steps),
            num_records=sum(len(step.records) for step in steps),
            num_tokens=sum(sum(step.tokens) for step in steps),
            budget=self.budget,
        )

    def step(self, index: int) -> TokenStep:
        epoch, position = divmod(index, self.steps_per_epoch)
        start = position * self.effective_batch_size
        end = min(start + self.effective_batch_size, self.num_records)
        records = self._order(epoch)[start:end]
        measures = self.measures(epoch)[records]
        return TokenStep(
            records=tuple(records.tolist()),
            tokens=tuple(measures.tokens.tolist()),
            vision=tuple(measures.vision.tolist()),
            budget=self.budget,
            epoch=epoch,
            ends_epoch=end == self.num_records,
            epochs_done=epoch + end / self.num_records,
        )

    def facts(self) -> dict[str, Any]:
        return {
            "num_records": self.num_records,
            "effective_batch_size": self.effective_batch_size,
            "budget": self.budget,
            "seed": self.seed,
            "strategy": self.strategy,
            "lengths": self.measures(0).digest,
        }

    def _order(self, epoch: int) -> NDArray[np.intp]:
        if self.strategy == "sequential":
            return np.arange(self.num_records)
        return epoch_order(self.num_records, self.seed, epoch)


@dataclass(frozen=True, slots=True, eq=False)
class _Dealt:
    """What every rank of a step has to know of the others.

    Attributes:
        hands: the records of each rank, by their number in the step.
        fewest: the micro-batch of each of them, as few as the budget allows.
        number: of micro-batches that every rank computes: as many as one of them needs.
    """

    measures: Measures
    costs: Ints
    hands: list[Hand]
    fewest: list[Ints]
    number: int


# The loader asks ahead, and the trainer once more when it is there.
@lru_cache(maxsize=_STEPS_KEPT)
def _dealt(step: TokenStep, world_size: int) -> _Dealt:
    measures = Measures.of(step.tokens, step.vision)
    shares = costs(measures.tokens, measures.vision)
    ranks = over_ranks(shares, world_size)
    hands = [np.flatnonzero(ranks == rank) for rank in range(world_size)]
    fewest = [filled(shares[hand], Room(measures.tokens[hand], step.budget)) for hand in hands]
    number = max(int(batches.max(initial=-1)) + 1 for batches in fewest)
    return _Dealt(measures, shares, hands, fewest, number)


@lru_cache(maxsize=_STEPS_KEPT)
def _share(step: TokenStep, rank: int, world_size: int) -> tuple[Share, ...]:
    dealt = _dealt(step, world_size)
    hand, measures = dealt.hands[rank], dealt.measures
    room = Room(measures.tokens[hand], step.budget)
    batches = evened(dealt.costs[hand], room, dealt.fewest[rank], dealt.number)
    own = [Share(_records(step, batch)) for batch in _apart(hand, batches, measures)]
    shortest = step.records[int(measures.tokens.argmin())]
    return (*own, *[Share((shortest,), counts=False)] * (dealt.number - len(own)))


def _apart(hand: Hand, batches: Ints, measures: Measures) -> list[Hand]:
    """The records of each micro-batch that has any, the largest first."""
    own = [hand[batches == batch] for batch in np.unique(batches)]
    return sorted(own, key=measures.sum_tokens, reverse=True)


def _records(step: TokenStep, batch: Hand) -> Batch:
    return tuple(step.records[int(index)] for index in batch)
